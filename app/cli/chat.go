package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"soberano/app/host"
	"soberano/engine"
	"soberano/engine/sample"
	"soberano/models"
	"soberano/models/registry"
)

// chatFlags are the flags of `soberano chat`.
type chatFlags struct {
	model, prompt, system string
	tokens, context       int
	threads               int
	temperature           float32
	seed                  uint64
	raw, asJSON           bool
}

// chatAnswer is the JSON of `soberano chat -p … --json`.
type chatAnswer struct {
	Text               string        `json:"text"`
	Reason             engine.Reason `json:"reason"`
	PromptTokens       int           `json:"prompt_tokens"`
	CachedTokens       int           `json:"cached_tokens"`
	GeneratedTokens    int           `json:"generated_tokens"`
	PromptSeconds      float64       `json:"prompt_seconds"`
	GenerationSeconds  float64       `json:"generation_seconds"`
	Model              string        `json:"model"`
	TokensPerSecond    float64       `json:"tokens_per_second"`
	ContextTokens      int           `json:"context_tokens"`
	UsedChatMLFallback bool          `json:"used_chatml_fallback"`
	Notice             engine.Notice `json:"notice,omitempty"`
}

func chatCommand() *cobra.Command {
	var f chatFlags
	cmd := &cobra.Command{
		Use: "chat", Short: "Answer one prompt, or chat in the terminal", Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.raw && f.prompt == "" {
				return usagef("--raw continues a text: give it with -p")
			}
			if f.raw && f.system != "" {
				return usagef("--raw takes no --system: there is no chat template to put it in")
			}
			if f.asJSON && !cmd.Flags().Changed("prompt") {
				return usagef("--json needs a prompt: give it with -p")
			}
			if f.tokens < 0 || f.context < 0 || f.threads < 0 || f.temperature < 0 {
				return usagef("-n, --ctx, -t and --temp can't be negative")
			}
			return runChat(cmd, f)
		},
	}
	fs := cmd.Flags()
	modelFlag(fs, &f.model)
	fs.StringVarP(&f.prompt, "prompt", "p", "", "answer this and end; without it: a chat in the terminal")
	fs.IntVarP(&f.tokens, "tokens", "n", 0, "at most this many tokens in an answer (default: until the model ends)")
	fs.Float32Var(&f.temperature, "temp", 0, "temperature, 0: always the likeliest token (default: the model's own)")
	fs.Uint64Var(&f.seed, "seed", 0, "seed of the draws (default: a new one each time)")
	fs.IntVar(&f.context, "ctx", 0, "tokens of context (default: the model's own, at most 4096)")
	threadsFlag(fs, &f.threads)
	fs.StringVar(&f.system, "system", "", "system message")
	fs.BoolVar(&f.raw, "raw", false, "continue the prompt as it is, without a chat template")
	fs.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func runChat(cmd *cobra.Command, f chatFlags) error {
	entry, err := findModel(f.model, registry.Chat)
	if err != nil {
		return err
	}
	m, closeModel, err := open(cmd.Context(), host.Chats, entry, host.Settings{Context: f.context, Threads: f.threads})
	if err != nil {
		return err
	}
	defer closeModel()
	s := sampling(entry.Sampling)
	if cmd.Flags().Changed("temp") {
		s.Temperature = f.temperature
	}
	s.Seed = f.seed
	c := &terminalChat{model: m, entry: entry, sampling: s, tokens: f.tokens, out: cmd.OutOrStdout()}
	if f.system != "" {
		c.messages = append(c.messages, engine.Message{Role: "system", Content: f.system})
	}
	if !m.Info().Template && !f.raw {
		fmt.Fprintln(os.Stderr, "This model has no chat template of its own: ChatML is used.")
	}
	if w := m.Info().Warning; w != "" {
		fmt.Fprintln(os.Stderr, w)
	}
	if cmd.Flags().Changed("prompt") {
		return c.once(cmd.Context(), f)
	}
	return c.loop(cmd.Context(), cmd.InOrStdin())
}

// sampling converts the recommended sampling of a library entry to the sampler's parameters.
func sampling(s registry.Sampling) sample.Params {
	return sample.Params{Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP, Repeat: s.Repeat}
}

// terminalChat is a conversation in a terminal.
type terminalChat struct {
	model    *engine.Model
	entry    registry.Entry
	sampling sample.Params
	tokens   int
	messages []engine.Message
	out      io.Writer
	notice   engine.Notice // that was told last
}

// once answers the prompt of -p.
func (c *terminalChat) once(ctx context.Context, f chatFlags) error {
	req := engine.Request{Sampling: c.sampling, MaxTokens: c.tokens}
	if f.raw {
		req.Prompt = f.prompt
	} else {
		req.Messages = append(c.messages, engine.Message{Role: "user", Content: f.prompt})
	}
	out := c.out
	if f.asJSON {
		out = io.Discard
	}
	text, last, err := c.answer(ctx, req, out)
	if err != nil {
		return err
	}
	if !f.asJSON {
		fmt.Fprintln(out)
		c.sayEnd(text, last)
		return nil
	}
	u := last.Usage
	a := chatAnswer{Text: text, Reason: last.Reason, PromptTokens: u.Prompt, CachedTokens: u.Cached, GeneratedTokens: u.Generated,
		PromptSeconds: u.PromptSeconds, GenerationSeconds: u.GenerateSeconds, Model: c.entry.Name, ContextTokens: u.Context,
		UsedChatMLFallback: !c.model.Info().Template && !f.raw, Notice: c.notice}
	if u.GenerateSeconds > 0 {
		a.TokensPerSecond = float64(u.Generated) / u.GenerateSeconds
	}
	return printJSON(c.out, a)
}

// answer streams one generation to out and returns its text and its last piece.
func (c *terminalChat) answer(ctx context.Context, req engine.Request, out io.Writer) (string, engine.Piece, error) {
	var text strings.Builder
	var last engine.Piece
	for piece, err := range c.model.Generate(ctx, req) {
		if err != nil {
			return text.String(), last, err
		}
		c.say(piece.Notice)
		text.WriteString(piece.Text)
		if _, err := io.WriteString(out, piece.Text); err != nil {
			return text.String(), last, err
		}
		last = piece
	}
	return text.String(), last, nil
}

// say tells what the model does otherwise than asked, once in a chat.
func (c *terminalChat) say(n engine.Notice) {
	if n == engine.SystemInUser && c.notice != n {
		fmt.Fprintln(os.Stderr, "This model's chat template takes no system message: its text begins your message instead.")
		c.notice = n
	}
}

// sayEnd reports an answer that did not end by itself, or that is empty.
func (c *terminalChat) sayEnd(text string, last engine.Piece) {
	if last.Reason == engine.Ended && strings.TrimSpace(text) == "" {
		fmt.Fprintln(os.Stderr, "The model ended its answer without a word.")
	}
	if last.Reason == engine.ContextFull {
		fmt.Fprintf(os.Stderr, "The context of %d tokens is full: the answer ends here. --ctx makes it larger.\n", last.Usage.Context)
	}
}

// loop runs the chat: a line is a message, an empty line is skipped, /new starts a new conversation, /quit or the end of input ends it.
func (c *terminalChat) loop(ctx context.Context, in io.Reader) error {
	fmt.Fprintf(os.Stderr, "%s. Everything stays on this computer. /new begins a new chat, /quit ends.\n", models.Printable(c.entry.Title))
	if c.entry.Note != "" {
		fmt.Fprintln(os.Stderr, c.entry.Note)
	}
	system := len(c.messages)
	lines := readLines(in)
	sign := "" // shown before the user's turn; not needed in a pipe
	if isTerminal(os.Stdin) {
		sign = "\n> "
	}
	for {
		fmt.Fprint(os.Stderr, sign)
		var line string
		select {
		case <-ctx.Done():
			return nil
		case l, ok := <-lines:
			if !ok {
				return nil
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
			return nil
		case "/new":
			c.messages = c.messages[:system]
			continue
		}
		if err := c.turn(ctx, line); err != nil {
			return err
		}
	}
}

// turn sends one message. A message that does not fit is removed from the conversation, and this is reported.
func (c *terminalChat) turn(ctx context.Context, line string) error {
	c.messages = append(c.messages, engine.Message{Role: "user", Content: line})
	text, last, err := c.answer(ctx, engine.Request{Messages: c.messages, Sampling: c.sampling, MaxTokens: c.tokens}, c.out)
	fmt.Fprintln(c.out)
	switch {
	case errors.Is(err, engine.ErrContextFull):
		c.messages = c.messages[:len(c.messages)-1]
		fmt.Fprintln(os.Stderr, errorText(err)+"\n/new begins a new chat.")
		return nil
	case errors.Is(err, context.Canceled):
		return nil
	case err != nil:
		return err
	}
	c.messages = append(c.messages, engine.Message{Role: "assistant", Content: text})
	c.sayEnd(text, last)
	return nil
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
		s.Buffer(make([]byte, 64<<10), 16<<20)
		for s.Scan() {
			out <- line{text: s.Text()}
		}
		if s.Err() != nil {
			out <- line{err: s.Err()}
		}
	}()
	return out
}
