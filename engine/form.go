package engine

import (
	"slices"
	"sync"

	"soberano/engine/grammar"
	"soberano/engine/reply"
	"soberano/engine/token"
)

// grammars keeps the compiled grammars of a model.
type grammars struct {
	mu     sync.Mutex
	vocab  *grammar.Vocabulary
	open   []uint64 // a mask of all tokens that do not end an answer
	recent []compiled
}

// compiled is a grammar for the model's vocabulary.
type compiled struct {
	key     string
	decoder *grammar.Decoder
}

// keptGrammars is how many grammars are kept, those used last.
const keptGrammars = 8

// decoder returns the decoder of a grammar; nil for the zero Spec.
func (g *grammars) decoder(tok *token.Tokenizer, s grammar.Spec) (*grammar.Decoder, error) {
	if s.IsZero() {
		return nil, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	key := s.Key()
	if i := slices.IndexFunc(g.recent, func(c compiled) bool { return c.key == key }); i >= 0 {
		c := g.recent[i]
		g.recent = append(slices.Delete(g.recent, i, i+1), c)
		return c.decoder, nil
	}
	parsed, err := grammar.Parse(s)
	if err != nil {
		return nil, err
	}
	g.readVocabulary(tok)
	if len(g.recent) == keptGrammars {
		g.recent = slices.Delete(g.recent, 0, 1)
	}
	d := grammar.NewDecoder(parsed, g.vocab)
	g.recent = append(g.recent, compiled{key, d})
	return d, nil
}

func (g *grammars) readVocabulary(tok *token.Tokenizer) {
	if g.vocab != nil {
		return
	}
	var ends []int32
	g.open = make([]uint64, (tok.Size()+63)/64)
	never := map[int32]bool{}
	for _, id := range tok.Suppressed() {
		never[id] = true
	}
	for id := range int32(tok.Size()) {
		if tok.IsEnd(id) {
			ends = append(ends, id)
		} else {
			g.open[id/64] |= 1 << (id % 64)
		}
	}
	piece := func(id int32) []byte {
		if never[id] || tok.IsControl(id) {
			return nil
		}
		return tok.Piece(id)
	}
	g.vocab = grammar.NewVocabulary(tok.Size(), piece, ends)
}

// form keeps an answer in its grammar and its thought in its limit. The zero value allows everything.
type form struct {
	matcher *grammar.Matcher // nil: any text
	waiting bool             // a thought comes before the text of the grammar
	open    []uint64         // what is allowed while waiting

	left   int     // tokens that the thought may still have
	limit  bool    // there is a limit
	forced []int32 // the tokens that come next, whatever the logits are
}

// setForm begins the form of an answer. Of an answer that goes on, its beginning must fit.
func (a *answer) setForm(r Request, d *grammar.Decoder, g *grammars) error {
	a.form.left, a.form.limit = r.MaxThinking, r.MaxThinking > 0 && a.split != nil
	if d == nil {
		return nil
	}
	a.form.matcher, a.form.open = d.Matcher(), g.open
	a.form.waiting = a.split != nil && !a.split.Answering()
	if r.Continue && !a.form.waiting {
		if !a.form.matcher.AcceptText([]byte(r.Messages[len(r.Messages)-1].Content)) {
			return &grammar.Error{Kind: "beginning of the answer", Reason: "it is not the beginning of a text of the grammar"}
		}
	}
	if !a.form.waiting {
		a.split = nil
		a.beginCall()
	}
	return nil
}

// choose chooses the next token.
func (a *answer) choose(logits []float32) (int32, error) {
	f := &a.form
	if len(f.forced) > 0 {
		id := f.forced[0]
		f.forced = f.forced[1:]
		return id, nil
	}
	switch {
	case f.matcher == nil:
		return a.sampler.Next(logits, a.seen)
	case f.waiting:
		a.sampler.Allow(f.open)
		return a.sampler.Next(logits, a.seen)
	}
	mask, err := f.matcher.Mask()
	if err != nil {
		return 0, err
	}
	a.sampler.Allow(mask)
	id, err := a.sampler.Next(logits, a.seen)
	if err == nil && !a.tok.IsEnd(id) && !f.matcher.Accept(id) {
		err = grammar.ErrTooComplex // the mask allowed it, so a limit was reached
	}
	return id, err
}

// mustEnd reports whether the text is complete and nothing may follow.
func (f *form) mustEnd() bool { return f.matcher != nil && !f.waiting && f.matcher.MustEnd() }

// begin begins the text of the grammar when the thought before it has ended. Text that the last token of the thought had behind its end is
// left out of the parts.
func (a *answer) begin(parts []reply.Part) []reply.Part {
	if !a.form.waiting || !a.split.Answering() {
		return parts
	}
	a.form.waiting, a.split = false, nil
	a.stream.Flush()
	a.beginCall()
	return slices.DeleteFunc(parts, func(p reply.Part) bool { return p.Kind == reply.Text })
}

// limitThought counts the tokens of a thought, and closes it after the last that it may have.
func (a *answer) limitThought() {
	if !a.form.limit || a.split == nil || len(a.form.forced) > 0 {
		return
	}
	end := a.split.EndOfThought()
	if end == "" {
		return
	}
	if a.form.left--; a.form.left <= 0 {
		a.form.limit = false
		a.form.forced = a.tok.Encode(end, token.Options{ParseSpecial: true})
	}
}
