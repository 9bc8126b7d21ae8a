package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"soberano/engine/batch"
	"soberano/engine/lookup"
	"soberano/engine/prompt"
	"soberano/engine/reply"
	"soberano/engine/sample"
	"soberano/engine/token"
	"soberano/models"
)

// ContextError means that the prompt leaves no space for an answer. It wraps ErrContextFull.
type ContextError struct {
	Prompt  int // tokens
	Message int // tokens of the prompt if the system messages and the last message were all; 0 if the prompt was given as tokens
	Context int // size of the context in tokens, for prompt and answer
}

func (e *ContextError) Error() string {
	return fmt.Sprintf("the prompt has %d tokens, the context holds %d with the answer", e.Prompt, e.Context)
}

// Alone reports whether the last message leaves no space for an answer even without the messages before it.
func (e *ContextError) Alone() bool { return e.Message > 0 && e.Message >= e.Context }

// Unwrap returns ErrContextFull.
func (e *ContextError) Unwrap() error { return ErrContextFull }

// Render returns the prompt that the chat template makes of messages. The answer follows at its end.
func (m *Model) Render(messages []Message) (string, error) {
	text, _, err := m.render(Request{Messages: messages})
	return text.String(), err
}

// render renders the messages of a request. If the template refuses them, it tries them without system messages.
func (m *Model) render(r Request) (prompt.Text, Notice, error) {
	if m.unreadable != nil {
		return nil, "", m.unreadable
	}
	text, err := m.template.Render(m.values(r))
	if err == nil {
		return text, "", nil
	}
	if folded, ok := foldSystem(r.Messages); ok && prompt.Refused(err) {
		r.Messages = folded
		if text, err := m.template.Render(m.values(r)); err == nil {
			return text, SystemInUser, nil
		}
	}
	return nil, "", m.withFileName(err)
}

func (m *Model) values(r Request) prompt.Values {
	v := prompt.Values{AddGenerationPrompt: !r.Continue, Continue: r.Continue, BOS: m.bos, EOS: m.eos, Now: time.Now(), Tools: r.Tools, Extra: r.Variables}
	for _, msg := range r.Messages {
		v.Messages = append(v.Messages, prompt.Message{Role: msg.Role, Content: msg.Content, Extra: msg.extra()})
	}
	return v
}

// foldSystem puts the text of each system message before the user message that follows. It returns
// false if there is no system message or no user message after one.
func foldSystem(messages []Message) (folded []Message, ok bool) {
	var pending []string
	for _, msg := range messages {
		switch {
		case msg.Role == "system":
			pending, ok = append(pending, msg.Content), true
			continue
		case msg.Role == "user" && len(pending) > 0:
			msg.Content = strings.Join(append(pending, msg.Content), "\n\n")
			pending = nil
		}
		folded = append(folded, msg)
	}
	return folded, ok && len(pending) == 0
}

// withFileName adds the name of the model's file to an error.
func (m *Model) withFileName(err error) error {
	return fmt.Errorf("%s: %w", models.Printable(m.file.Path), err)
}

// Tokenize returns the tokens of a text. With special it adds the model's beginning and end tokens,
// and control tokens that are spelled in the text become such tokens.
func (m *Model) Tokenize(text string, special bool) []int32 {
	return m.tok.Encode(text, token.Options{AddSpecial: special, ParseSpecial: special})
}

// TokenText returns the spelling of a token, also of special tokens.
func (m *Model) TokenText(id int32) string { return m.tok.Text(id) }

// PromptTokens returns the tokens of a request's prompt.
func (m *Model) PromptTokens(r Request) ([]int32, error) {
	p, err := m.promptOf(context.Background(), r)
	return p.tokens, err
}

// requestPrompt is the prompt of a request.
type requestPrompt struct {
	tokens []int32       // those of images are negative
	images []batch.Image // in order
	notice Notice
	end    string // the text with which the template begins the answer, or the answer that goes on
}

func (m *Model) promptOf(ctx context.Context, r Request) (p requestPrompt, err error) {
	set := 0
	for _, is := range []bool{len(r.Messages) > 0, r.Prompt != "", len(r.Tokens) > 0} {
		if is {
			set++
		}
	}
	if set != 1 {
		return p, fmt.Errorf("engine: a request has %d of messages, prompt and tokens, expected one", set)
	}
	if r.Continue && (len(r.Messages) == 0 || r.Messages[len(r.Messages)-1].Role != "assistant") {
		return p, errors.New("engine: a request that continues an answer must end with a message of the assistant")
	}
	if len(r.Images) > 0 {
		return m.promptWithImages(ctx, r)
	}
	switch {
	case r.Prompt != "":
		p.tokens, err = m.tokenizePrompt([]token.Part{{Text: r.Prompt, Special: true}})
		return p, err
	case len(r.Messages) > 0:
		text, notice, err := m.render(r)
		if err != nil {
			return p, err
		}
		p.notice, p.end = notice, beginning(r, text)
		p.tokens, err = m.tokenizePrompt(parts(text))
		return p, err
	}
	p.tokens = r.Tokens
	return p, m.checkTokens(r.Tokens)
}

// beginning returns the beginning of the answer that a prompt has already, with the marks before it.
func beginning(r Request, text prompt.Text) string {
	if len(text) == 0 {
		return ""
	}
	last := text[len(text)-1]
	switch {
	case r.Continue:
		return r.Messages[len(r.Messages)-1].Content
	case last.Template:
		return last.Text
	}
	return ""
}

// lastTokens returns the number of tokens of a request's prompt, of which there are all, without the messages between the system
// messages and the last one; 0 if it is not known.
func (m *Model) lastTokens(r Request, all int) int {
	if len(r.Messages) == 0 {
		if r.Prompt != "" {
			return all
		}
		return 0
	}
	last := len(r.Messages) - 1
	var kept []Message
	var images []Attachment
	for i, msg := range r.Messages {
		if i == last || msg.Role == "system" {
			for _, a := range r.Images {
				if a.Message == i {
					images = append(images, Attachment{len(kept), a.Image})
				}
			}
			kept = append(kept, msg)
		}
	}
	r.Messages, r.Images = kept, images
	p, err := m.promptOf(context.Background(), r)
	if err != nil { // a template that refuses the last message by itself, as of an assistant
		return 0
	}
	return len(p.tokens)
}

// parts marks the text that the template wrote as Special: only there may control tokens be spelled.
// The text of messages is not marked.
func parts(text prompt.Text) []token.Part {
	out := make([]token.Part, len(text))
	for i, run := range text {
		out[i] = token.Part{Text: run.Text, Special: run.Template}
	}
	return out
}

// tokenizePrompt tokenizes a prompt. The result has exactly one beginning token if the template or the
// tokenizer adds one. It does not have the end token that some tokenizers add, because the model
// continues the text.
func (m *Model) tokenizePrompt(parts []token.Part) ([]int32, error) {
	ids := m.tok.EncodeParts(parts, true)
	if bos, ok := m.tok.BOS(); ok && len(ids) > 1 && ids[0] == bos && ids[1] == bos {
		ids = ids[1:]
	}
	if eos, ok := m.tok.EOS(); ok && m.tok.AddsEOS() && len(ids) > 0 && ids[len(ids)-1] == eos {
		ids = ids[:len(ids)-1]
	}
	if len(ids) == 0 {
		return nil, errors.New("engine: the prompt is empty")
	}
	return ids, nil
}

func (m *Model) checkTokens(ids []int32) error {
	for i, id := range ids {
		if id < 0 || int(id) >= m.shape.Vocabulary {
			return fmt.Errorf("engine: token %d is %d, the vocabulary has %d", i, id, m.shape.Vocabulary)
		}
	}
	return nil
}

// Generate continues a request and returns the answer in pieces. The last piece has Reason set.
// If there is an error, it ends the sequence instead: ctx.Err(), ErrClosed, a *ContextError before
// anything is generated, or what is wrong with the request. Breaking out of the loop ends the
// generation.
func (m *Model) Generate(ctx context.Context, r Request) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		a, err := m.answer(ctx, r)
		if err != nil {
			yield(Piece{}, err)
			return
		}
		if a.notice != "" && !yield(Piece{Notice: a.notice, Usage: a.usage}, nil) {
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		t := m.queue.Submit(ctx, a.request())
		defer func() {
			cancel()
			<-t.Done() // until then, the queue's goroutine uses a
		}()
		for done := false; !done; {
			select {
			case <-a.box.ready:
			case <-t.Done():
				done = true
			}
			for _, p := range a.box.take() {
				if !yield(p, nil) {
					return
				}
			}
		}
		if err := t.Err(); err != nil {
			a.yieldError(err, yield)
		}
	}
}

// answer is the state of one generation. Between Submit and Done the queue's goroutine owns it.
type answer struct {
	withFileName func(error) error // adds the name of the model's file to an error
	tok          *token.Tokenizer
	stream       *token.Stream
	split        *reply.Splitter // nil: the answer is text only
	sampler      *sample.Sampler
	history      []int32      // tokens of prompt and answer
	seen         []int32      // the same without those of images, for the penalties
	repeated     *lookup.Text // proposes what the answer may repeat; nil: nothing is proposed
	images       []batch.Image
	prompt       int // number of tokens of the prompt
	maxTokens    int // largest number of tokens of the answer; 0: no limit
	usage        Usage
	notice       Notice
	start        time.Time // start of the prompt, later of the answer
	box          mailbox
}

func (m *Model) answer(ctx context.Context, r Request) (*answer, error) {
	if err := r.Sampling.Check(); err != nil {
		return nil, err
	}
	if r.MaxTokens < 0 {
		return nil, fmt.Errorf("engine: MaxTokens is %d, expected 0 or more", r.MaxTokens)
	}
	p, err := m.promptOf(ctx, r)
	if err != nil {
		return nil, err
	}
	ids := p.tokens
	room := m.info.Context - len(ids)
	if room < 1 {
		return nil, &ContextError{Prompt: len(ids), Message: m.lastTokens(r, len(ids)), Context: m.info.Context}
	}
	a := &answer{
		withFileName: m.withFileName, tok: m.tok, stream: token.NewStream(m.tok, r.Stop), sampler: sample.New(r.Sampling),
		history: slices.Clone(ids), seen: withoutImages(ids), images: p.images, prompt: len(ids), maxTokens: r.MaxTokens, box: mailbox{ready: make(chan struct{}, 1)},
		usage: Usage{Prompt: len(ids), Context: m.info.Context}, notice: p.notice,
	}
	a.sampler.Never(m.tok.Suppressed())
	if m.fallback && len(r.Messages) > 0 {
		// If the vocabulary has no tokens for the marks of ChatML, their text ends the answer: a model may go on with the next message.
		a.stream.Marks("<|im_end|>", "<|im_start|>")
	}
	if !r.SingleSteps {
		a.repeated = lookup.New(ids)
	}
	if len(r.Messages) > 0 {
		a.stream.Spell(m.marks...)
		a.split = m.format.Splitter(reply.Options{Prompt: p.end, Tools: r.Tools != nil, TypeOf: toolTypes(r.Tools)})
	}
	return a, nil
}

func (a *answer) request() batch.Request {
	r := batch.Request{
		Tokens: a.history[:a.prompt:a.prompt], Images: a.images, From: a.prompt - 1,
		Started: func(cached int) { a.usage.Cached, a.start = cached, time.Now() },
		Each:    a.each,
	}
	if a.repeated != nil {
		r.Draft = a.repeated.Propose
	}
	return r
}

// each samples a token and puts the text that has become certain into the mailbox.
func (a *answer) each(_ int, logits []float32) (int32, bool, error) {
	id, err := a.sampler.Next(logits, a.seen)
	if err != nil {
		return 0, false, a.withFileName(err)
	}
	a.updateTimes()
	if a.tok.IsEnd(id) {
		return 0, false, a.end(a.stream.Flush(), Ended)
	}
	a.usage.Generated++
	a.history, a.seen = append(a.history, id), append(a.seen, id)
	if a.repeated != nil {
		a.repeated.Push(id)
		a.usage.Proposed, a.usage.Accepted = a.repeated.Proposed, a.repeated.Accepted
	}
	text, stopped := a.stream.Push(id)
	switch {
	case stopped:
		return 0, false, a.end(text, Ended)
	case a.usage.Generated == a.maxTokens:
		return 0, false, a.end(text+a.stream.Flush(), Length)
	case len(a.history) == a.usage.Context:
		return 0, false, a.end(text+a.stream.Flush(), ContextFull)
	}
	for _, p := range a.parts(text, false) {
		a.box.put(a.piece(p))
	}
	return id, true, nil
}

// updateTimes sets the times in usage. The first logits end the time of the prompt.
func (a *answer) updateTimes() {
	now := time.Now()
	if a.usage.Generated == 0 {
		a.usage.PromptSeconds = now.Sub(a.start).Seconds()
		a.start = now
	}
	a.usage.GenerateSeconds = now.Sub(a.start).Seconds()
}

// parts takes the text of the answer apart; with last, no more follows.
func (a *answer) parts(text string, last bool) []reply.Part {
	if a.split == nil {
		if text == "" {
			return nil
		}
		return []reply.Part{{Text: text}}
	}
	out := a.split.Push(text)
	if last {
		out = append(out, a.split.Flush()...)
	}
	return out
}

func (a *answer) piece(p reply.Part) Piece {
	return Piece{Kind: p.Kind, Text: p.Text, Calls: p.Calls, Usage: a.usage}
}

func (a *answer) end(text string, why Reason) error {
	last := Piece{Usage: a.usage}
	for i, p := range a.parts(text, true) {
		if i > 0 {
			a.box.put(last)
		}
		last = a.piece(p)
	}
	last.Reason = why
	a.box.put(last)
	return nil
}

// yieldError yields the text that was held back, then the error.
func (a *answer) yieldError(err error, yield func(Piece, error) bool) {
	for _, p := range a.parts(a.stream.Flush(), true) {
		if !yield(a.piece(p), nil) {
			return
		}
	}
	yield(Piece{Usage: a.usage}, err)
}
