package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"soberano/app/problem"
	"soberano/engine"
	"soberano/engine/reply"
	"soberano/engine/vision"
	"soberano/models"
	"soberano/models/registry"
)

// terminalChat is a conversation in a terminal.
type terminalChat struct {
	model    *engine.Model
	entry    registry.Entry
	settings engine.Request // of every request
	messages []engine.Message
	images   []*vision.Image // of the message of -p
	out      io.Writer
	notice   engine.Notice // that was told last
	typed    bool          // a person types the messages
	refused  int           // messages that were not answered
}

// once answers the prompt of -p.
func (c *terminalChat) once(ctx context.Context, f chatFlags) error {
	req := c.settings
	req.Continue = f.begin != ""
	if f.raw {
		req.Prompt = f.prompt
	} else {
		req.Messages = append(c.messages, engine.Message{Role: "user", Content: f.prompt})
		req.Images = attachments(c.images, len(req.Messages)-1)
	}
	if f.begin != "" {
		req.Messages = append(req.Messages, engine.Message{Role: "assistant", Content: f.begin})
	}
	out := c.out
	if f.asJSON {
		out = io.Discard
	}
	got, last, err := c.answer(ctx, req, out)
	if err != nil {
		if got.text+got.thinking != "" {
			fmt.Fprintln(out)
		}
		return err
	}
	if !f.asJSON {
		fmt.Fprintln(out)
		c.sayEnd(got, last)
		return nil
	}
	u := last.Usage
	a := chatAnswer{Text: got.text, Thinking: got.thinking, Calls: got.calls, Reason: last.Reason, PromptTokens: u.Prompt, CachedTokens: u.Cached, GeneratedTokens: u.Generated, ProposedTokens: u.Proposed, AcceptedTokens: u.Accepted, DroppedTokens: u.Dropped,
		PromptSeconds: u.PromptSeconds, GenerationSeconds: u.GenerateSeconds, Model: c.entry.Name, ContextTokens: u.Context,
		UsedChatMLFallback: !c.model.Info().Template && !f.raw, Notice: c.notice}
	if u.GenerateSeconds > 0 {
		a.TokensPerSecond = float64(u.Generated) / u.GenerateSeconds
	}
	return printJSON(c.out, a)
}

// answered is what a model wrote, in its parts.
type answered struct {
	text     string // the answer itself
	thinking string
	calls    []reply.Call
}

func (a *answered) add(p engine.Piece) {
	switch p.Kind {
	case reply.Thinking:
		a.thinking += p.Text
	case reply.Calls:
		a.calls = append(a.calls, p.Calls...)
	default:
		a.text += p.Text
	}
}

// answer streams one generation to out and returns it and its last piece. Thoughts are written between marks.
func (c *terminalChat) answer(ctx context.Context, req engine.Request, out io.Writer) (answered, engine.Piece, error) {
	var got answered
	var joiner reply.Joiner
	var last engine.Piece
	for piece, err := range c.model.Generate(ctx, req) {
		if err != nil {
			return got, last, err
		}
		c.say(piece.Notice)
		got.add(piece)
		if _, err := io.WriteString(out, joiner.Add(reply.Part{Kind: piece.Kind, Text: piece.Text})); err != nil {
			return got, last, err
		}
		last = piece
	}
	_, err := io.WriteString(out, joiner.End())
	return got, last, err
}

// say tells what the model does otherwise than asked: once in a chat, or whenever a part is left out.
func (c *terminalChat) say(n engine.Notice) {
	if n == engine.SystemInUser && c.notice != n {
		warnf("This model's chat template takes no system message: its text begins your message instead.")
		c.notice = n
	}
	if n == engine.Shortened {
		warnf("The context is full: the oldest part of the chat is left out here.")
	}
}

// sayEnd reports an answer that did not end by itself, or that is empty.
func (c *terminalChat) sayEnd(got answered, last engine.Piece) {
	if last.Reason == engine.Ended && strings.TrimSpace(got.text) == "" && len(got.calls) == 0 {
		warnf("The model gave an empty answer.")
	}
	if last.Reason != engine.Ended && !c.settings.Grammar.IsZero() {
		warnf("The answer was cut after %d tokens, so it does not have the form that was asked for.", last.Usage.Generated)
	}
	if last.Reason == engine.ContextFull {
		warnf("The context of %d tokens is full: the answer ends here. --ctx makes it larger.", last.Usage.Context)
	}
}

// loop runs the chat: a line is a message, an empty line is skipped, /new starts a new conversation, /quit or the end of input ends
// it. In a terminal an interrupt ends the answer, or the chat if none is being written.
func (c *terminalChat) loop(ctx context.Context, in io.Reader) error {
	warnf("%s. Everything stays on this computer. /new begins a new chat, /quit ends.", models.Printable(c.entry.Title))
	if c.entry.Note != "" {
		warnf("%s", models.Printable(noteOf(c.entry)))
	}
	c.typed = fromTerminal(in)
	system := len(c.messages)
	lines := readLines(in)
	sign := "" // shown before the user's turn; not needed in a pipe
	if c.typed {
		sign = "\n> "
	}
	for {
		fmt.Fprint(os.Stderr, sign)
		var line string
		select {
		case <-ctx.Done():
			return c.ended(ctx)
		case l, ok := <-lines:
			if !ok {
				return c.ended(ctx)
			}
			if l.err != nil {
				return fmt.Errorf("reading the message: %w", l.err)
			}
			line = strings.TrimSpace(l.text)
		}
		switch line {
		case "":
			continue
		case "/quit", "/exit":
			return c.ended(ctx)
		case "/new":
			c.messages = c.messages[:system]
			continue
		}
		if err := c.turn(ctx, line); err != nil {
			return err
		}
	}
}

// ended returns the error of a chat that is over: messages were refused, or a chat that no person types was interrupted.
func (c *terminalChat) ended(ctx context.Context) error {
	switch {
	case c.refused == 1:
		return errors.New("one message was not answered, because it does not fit into the context")
	case c.refused > 1:
		return fmt.Errorf("%d messages were not answered, because they do not fit into the context", c.refused)
	case !c.typed:
		return ctx.Err()
	}
	return nil
}

// turn sends one message. A message that does not fit is removed from the conversation, and this is reported. Of an answer that
// was interrupted, what is there stays in the conversation.
func (c *terminalChat) turn(ctx context.Context, line string) error {
	part, release := ctx, func() {}
	if c.typed {
		part, release = interruptible(ctx)
	}
	c.messages = append(c.messages, engine.Message{Role: "user", Content: line})
	req := c.settings
	req.Messages = c.messages
	got, last, err := c.answer(part, req, c.out)
	release()
	fmt.Fprintln(c.out)
	switch {
	case errors.Is(err, engine.ErrContextFull):
		c.messages = c.messages[:len(c.messages)-1]
		c.refused++
		warnf("%s%s", errorText(err), advice(err))
		return nil
	case errors.Is(err, context.Canceled) && c.typed && ctx.Err() == nil:
		warnf("Stopped. Ctrl+C again ends the chat.")
		if got.text == "" {
			c.messages = c.messages[:len(c.messages)-1]
			return nil
		}
	case errors.Is(err, context.Canceled) && c.typed:
		return c.ended(ctx)
	case err != nil:
		return err
	}
	c.messages = append(c.messages, engine.Message{Role: "assistant", Content: got.text})
	if err == nil {
		c.sayEnd(got, last)
	}
	return nil
}

// advice returns how a message that did not fit can be answered, unless it is too long for a new chat as well.
func advice(err error) string {
	if problem.Of(err).Code == problem.MessageAlone {
		return ""
	}
	return "\n/new begins a new chat."
}

// line is a line of input or the error that ended the input.
type line struct {
	text string
	err  error
}

// readLines reads lines in the background, so that an interrupt can end the wait for a line.
func readLines(in io.Reader) <-chan line {
	out := make(chan line)
	go func() {
		defer close(out)
		s := bufio.NewScanner(in)
		s.Buffer(make([]byte, 64<<10), maxPiped)
		for s.Scan() {
			out <- line{text: s.Text()}
		}
		switch err := s.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			out <- line{err: fmt.Errorf("a line is longer than %s", models.Size(maxPiped))}
		case err != nil:
			out <- line{err: err}
		}
	}()
	return out
}
