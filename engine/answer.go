package engine

import (
	"context"
	"slices"
	"time"

	"soberano/engine/batch"
	"soberano/engine/nn"
	"soberano/engine/propose"
	"soberano/engine/reply"
	"soberano/engine/sample"
	"soberano/engine/token"
)

// answer is the state of one generation. Between Submit and Done the queue's goroutine owns it.
type answer struct {
	withFileName func(error) error // adds the name of the model's file to an error
	tok          *token.Tokenizer
	stream       *token.Stream
	split        *reply.Splitter // nil: the answer is text only
	sampler      *sample.Sampler
	history      []int32          // tokens of prompt and answer
	seen         []int32          // the same without those of images, for the penalties
	proposer     propose.Proposer // nil: nothing is proposed
	images       []batch.Image
	adapters     []nn.Use
	adapterKey   string
	prompt       int // number of tokens of the prompt
	maxTokens    int // largest number of tokens of the answer; 0: no limit
	background   bool
	conversation string
	overflow     Overflow
	again        bool // what remains of history is to be submitted again, see roll
	usage        Usage
	notice       Notice
	start        time.Time // start of the prompt, later of the answer
	box          *mailbox
	choice       int                    // number of the answer among those of its request
	begun        func(logits []float32) // called once with the first logits; nil: nobody wants them
	probs        probabilities
	form         form
	call         forcedCall
}

// answers returns the answers that a request asks for, with one mailbox.
func (m *Model) answers(ctx context.Context, r Request) ([]*answer, error) {
	p, err := m.promptOf(ctx, r)
	if err != nil {
		return nil, err
	}
	if r.Overflow == DropMiddle || r.Overflow == Rolling {
		if p, err = m.shorten(ctx, r, p); err != nil {
			return nil, err
		}
	}
	if n := len(p.tokens); n >= m.info.Context {
		return nil, &ContextError{Prompt: n, Message: m.lastTokens(r, n), Context: m.info.Context}
	}
	uses, key, err := m.uses(r.Adapters)
	if err != nil {
		return nil, err
	}
	spec := r.Grammar
	if r.MustCall {
		if spec, err = r.callSpec(); err != nil {
			return nil, err
		}
	}
	decoder, err := m.grammars.decoder(m.tok, spec)
	if err != nil {
		return nil, err
	}
	box := &mailbox{ready: make(chan struct{}, 1)}
	list := make([]*answer, max(1, r.N, r.BestOf))
	for i := range list {
		list[i] = m.answer(ctx, r, p, i, box)
		list[i].adapters, list[i].adapterKey = uses, key
		if err := list[i].setForm(r, decoder, &m.grammars); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// answer returns answer number i of a request whose prompt is p.
func (m *Model) answer(ctx context.Context, r Request, p requestPrompt, i int, box *mailbox) *answer {
	ids, proposer := p.tokens, m.proposer(ctx, &r, p.tokens)
	if r.Sampling.Seed != 0 || r.Sampling.Seeded {
		r.Sampling.Seed, r.Sampling.Seeded = r.Sampling.Seed+uint64(i), true
	}
	a := &answer{
		withFileName: m.withFileName, tok: m.tok, stream: token.NewStream(m.tok, r.Stop), sampler: sample.New(r.Sampling),
		history: slices.Clone(ids), seen: withoutImages(ids), images: p.images, prompt: len(ids), maxTokens: r.MaxTokens, proposer: proposer, background: r.Background, box: box, choice: i,
		usage: Usage{Prompt: len(ids), Context: m.info.Context, Dropped: p.dropped}, notice: p.notice, overflow: r.Overflow,
		probs: probabilities{wanted: r.Logprobs, top: r.TopLogprobs, score: r.BestOf > max(1, r.N)},
	}
	if max(r.N, r.BestOf) <= 1 {
		a.conversation = r.Conversation
	}
	if r.Overflow == Rolling && r.MaxTokens == 0 {
		a.maxTokens = mostRolled * m.info.Context
	}
	a.call.must, a.call.mark = r.MustCall, m.format.CallMark()
	a.sampler.Never(m.tok.Suppressed())
	if strings := r.Sampling.NeedsBreakers(); strings != nil {
		a.sampler.SetBreakers(m.breakers.get(m.tok, strings))
	}
	if m.fallback && len(r.Messages) > 0 {
		// If the vocabulary has no tokens for the marks of ChatML, their text ends the answer: a model may go on with the next message.
		a.stream.Marks("<|im_end|>", "<|im_start|>")
	}
	if len(r.Messages) > 0 {
		a.stream.Spell(m.marks...)
		a.split = m.format.Splitter(reply.Options{Prompt: p.end, Tools: r.Tools != nil, TypeOf: toolTypes(r.Tools)})
	}
	return a
}

// notices returns what is done otherwise than the request asks, as far as it is known before the answer.
func (a *answer) notices() (list []Notice) {
	if a.notice != "" {
		list = append(list, a.notice)
	}
	if a.usage.Dropped > 0 {
		list = append(list, Shortened)
	}
	return list
}

// request returns the queue's request for the answer, from the last token that it has.
func (a *answer) request() batch.Request {
	r := batch.Request{
		Tokens: a.history[:len(a.history):len(a.history)], Images: a.images, From: len(a.history) - 1,
		Started: func(cached int) {
			if a.usage.Generated == 0 { // else the prompt is that of another answer
				a.usage.Cached, a.start = cached, time.Now()
			}
		},
		Each: a.each, Background: a.background, Adapters: a.adapters, Key: a.adapterKey, Conversation: a.conversation,
	}
	if a.maxTokens > 0 {
		r.Most = min(a.usage.Context, a.prompt+a.maxTokens)
	}
	if a.proposer != nil {
		r.Draft = a.proposer.Propose
	}
	return r
}

// each samples a token and puts the text that has become certain into the mailbox.
func (a *answer) each(_ int, logits []float32) (int32, bool, error) {
	if a.begun != nil {
		begun := a.begun
		a.begun = nil
		defer begun(logits)
	}
	id, err := a.choose(logits)
	if err != nil {
		return 0, false, a.withFileName(err)
	}
	a.updateTimes()
	a.probs.add(a.tok, logits, id)
	if a.tok.IsEnd(id) {
		return 0, false, a.end(a.stream.Flush(), Ended)
	}
	a.usage.Generated++
	a.history, a.seen = append(a.history, id), append(a.seen, id)
	if a.proposer != nil {
		a.proposer.Push(id)
		a.usage.Proposed, a.usage.Accepted = a.proposer.Count()
	}
	text, stopped := a.stream.Push(id)
	switch {
	case stopped:
		return 0, false, a.end(text, Ended)
	case a.form.mustEnd():
		return 0, false, a.end(text+a.stream.Flush(), Ended)
	case a.usage.Generated == a.maxTokens:
		return 0, false, a.end(text+a.stream.Flush(), Length)
	case len(a.history) == a.usage.Context && !a.rolls():
		return 0, false, a.end(text+a.stream.Flush(), ContextFull)
	}
	for _, p := range a.begin(a.parts(text, false)) {
		a.put(a.piece(p))
	}
	a.limitThought()
	if len(a.history) == a.usage.Context {
		a.roll()
		return id, false, nil
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
		if a.call.must {
			return a.callParts(text, last)
		}
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
	return Piece{Choice: a.choice, Kind: p.Kind, Text: p.Text, Calls: p.Calls, Usage: a.usage}
}

// put puts a piece into the mailbox, with the tokens that were chosen since the last one.
func (a *answer) put(p Piece) {
	p.Tokens, a.probs.tokens = a.probs.tokens, nil
	a.box.put(p)
}

func (a *answer) end(text string, why Reason) error {
	last := Piece{Choice: a.choice, Usage: a.usage}
	for i, p := range a.parts(text, true) {
		if i > 0 {
			a.put(last)
		}
		last = a.piece(p)
	}
	last.Reason, last.Stop = why, a.stream.Stopped()
	a.put(last)
	return nil
}

// yieldError yields the text that was held back, then the error.
func (a *answer) yieldError(err error, yield func(Piece, error) bool) {
	for _, p := range a.parts(a.stream.Flush(), true) {
		if !yield(a.piece(p), nil) {
			return
		}
	}
	yield(Piece{Choice: a.choice, Usage: a.usage}, err)
}
