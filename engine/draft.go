package engine

import (
	"context"
	"fmt"
	"math"

	"soberano/engine/batch"
	"soberano/engine/propose"
	"soberano/kernels"
	"soberano/models"
)

// Draft is a small model that proposes the tokens of a larger one. It may serve several requests at a time.
type Draft struct {
	model      *Model
	vocabulary int // tokens of both
	proposer   func(prompt []int32, next propose.Continue, repeats bool) propose.Proposer
}

func newProposer(prompt []int32, next propose.Continue, repeats bool) propose.Proposer {
	return propose.NewDraft(prompt, next, repeats)
}

// unequalTokens is how many tokens at the end of a vocabulary one of two models may have alone: larger models of a family have their number rounded up.
const unequalTokens = 128

// NewDraft returns draft as the one that proposes the tokens of m. Both must stay open while it is used. Their vocabularies must be the same; the error is a *models.FileError.
func NewDraft(m, draft *Model) (*Draft, error) {
	different := func(format string, args ...any) error {
		return models.Unsupported(draft.file.Path, "choose a smaller model of the same family", "can't draft for %s: %s", m.info.Name, fmt.Sprintf(format, args...))
	}
	a, b := m.tok, draft.tok
	n := min(a.Size(), b.Size())
	switch {
	case m == draft:
		return nil, different("it is the same model")
	case max(a.Size(), b.Size())-n > unequalTokens:
		return nil, different("it has %d tokens instead of %d", b.Size(), a.Size())
	case !draft.queue.GoesBack():
		return nil, different("its recurrent layers can't take tokens back")
	}
	for id := range int32(n) {
		if a.Text(id) != b.Text(id) {
			return nil, different("its token %d is %s instead of %s", id, models.Quote(b.Text(id)), models.Quote(a.Text(id)))
		}
	}
	return &Draft{draft, min(m.shape.Vocabulary, draft.shape.Vocabulary, n), newProposer}, nil
}

// proposer returns what proposes tokens for the answer to a request whose prompt is ids; nil: nothing does.
func (m *Model) proposer(ctx context.Context, r *Request, ids []int32) propose.Proposer {
	if max(r.N, r.BestOf) > 1 || r.Propose == ProposeNever {
		return nil
	}
	repeats := r.Propose == ProposeAlways || r.Sampling.Temperature > 0 && r.Sampling.Seed == 0 && !r.Sampling.Seeded || m.batchInvariant()
	switch {
	case r.Draft != nil && len(r.Images) == 0:
		next := func(tokens []int32, most int, more func(float64) bool) ([]int32, int, error) {
			return r.Draft.next(ctx, tokens, most, more, r.Background)
		}
		return r.Draft.proposer(ids, next, repeats)
	case repeats:
		return propose.NewText(ids)
	}
	return nil
}

// batchInvariant reports whether the logits of a token are the same in a step with proposed tokens.
func (m *Model) batchInvariant() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.dev.(kernels.BatchInvariant)
	return ok && d.BatchInvariant()
}

// next is a propose.Continue. The prefix tree of the small model has what it computed for the text before.
func (d *Draft) next(ctx context.Context, tokens []int32, most int, more func(float64) bool, background bool) (out []int32, read int, err error) {
	if most = min(most, d.model.info.Context-len(tokens)); most <= 0 {
		return nil, 0, nil
	}
	err = d.model.queue.Do(ctx, batch.Request{
		Tokens: tokens, From: len(tokens) - 1, Most: len(tokens) + most, Background: background,
		Started: func(cached int) { read = len(tokens) - cached },
		Each: func(_ int, logits []float32) (int32, bool, error) {
			id, p := best(logits[:d.vocabulary])
			out = append(out, id)
			return id, more(p) && len(out) < most, nil
		},
	})
	if err != nil {
		return nil, read, d.model.withFileName(err)
	}
	return out, read, nil
}

// best returns the token with the largest logit, and its probability.
func best(logits []float32) (id int32, probability float64) {
	for i, x := range logits {
		if x > logits[id] {
			id = int32(i)
		}
	}
	sum := 0.0
	for _, x := range logits {
		if below := x - logits[id]; below > -16 { // others add nothing that matters
			sum += math.Exp(float64(below))
		}
	}
	return id, 1 / sum
}
