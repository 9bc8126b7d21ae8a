package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"soberano/engine/batch"
	"soberano/engine/prompt"
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

// TokenBytes returns the bytes that a token adds to a text; none for a control token.
func (m *Model) TokenBytes(id int32) []byte { return m.tok.Piece(id) }

// PromptTokens returns the tokens of a request's prompt.
func (m *Model) PromptTokens(r Request) ([]int32, error) {
	p, err := m.promptOf(context.Background(), r)
	return p.tokens, err
}

// requestPrompt is the prompt of a request.
type requestPrompt struct {
	tokens  []int32       // those of images are negative
	images  []batch.Image // in order
	notice  Notice
	dropped int    // tokens that were left out
	end     string // the text with which the template begins the answer, or the answer that goes on
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
	p, err := m.promptOf(context.Background(), r.keep(func(i int) bool { return i == last || r.Messages[i].Role == "system" }))
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

// Generate continues a request and returns the answer in pieces. The last piece has Reason set; of several continuations, the last of
// each. If there is an error, it ends the sequence instead: ctx.Err(), ErrClosed, a *ContextError before
// anything is generated, a *sample.ParamError, a *grammar.Error, or what else is wrong with the request. Breaking out of the loop ends the
// generation.
func (m *Model) Generate(ctx context.Context, r Request) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		if err := r.check(); err != nil {
			yield(Piece{}, err)
			return
		}
		answers, err := m.answers(ctx, r)
		if err != nil {
			yield(Piece{}, err)
			return
		}
		for _, n := range answers[0].notices() {
			if !yield(Piece{Notice: n, Usage: answers[0].usage}, nil) {
				return
			}
		}
		c := choices{queue: m.queue, answers: answers, ended: make(chan end, len(answers))}
		if len(answers) > max(1, r.N) {
			yield = c.best(max(1, r.N), yield)
		}
		c.run(ctx, yield)
	}
}

// MaxChoices is the largest Request.N and Request.BestOf, and MaxTop the largest Request.TopLogprobs.
const (
	MaxChoices = 64
	MaxTop     = 100
)

// check returns a *sample.ParamError for the first parameter that is out of range.
func (r *Request) check() error {
	for _, f := range []struct {
		name        string
		v, min, max int
	}{
		{"max_tokens", r.MaxTokens, 0, math.MaxInt32}, {"max_thinking_tokens", r.MaxThinking, 0, math.MaxInt32},
		{"n", r.N, 0, MaxChoices}, {"best_of", r.BestOf, 0, MaxChoices}, {"top_logprobs", r.TopLogprobs, 0, MaxTop},
	} {
		if f.v < f.min || f.v > f.max {
			return &sample.ParamError{Name: f.name, Value: f.v, Min: float64(f.min), Max: float64(f.max)}
		}
	}
	if r.Overflow != "" && !slices.Contains(Overflows(), string(r.Overflow)) {
		return fmt.Errorf("engine: a full context is handled by %s, not by %q", strings.Join(Overflows(), ", "), r.Overflow)
	}
	if r.BestOf != 0 && r.BestOf < max(1, r.N) {
		return &sample.ParamError{Name: "best_of", Value: r.BestOf, Min: float64(max(1, r.N)), Max: MaxChoices}
	}
	return r.Sampling.Check()
}
