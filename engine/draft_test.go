package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/propose"
	"soberano/engine/sample"
	"soberano/models"
)

// eager is a propose.Draft that proposes five tokens at each step, whatever their times and probabilities.
type eager struct {
	tokens             []int32
	next               propose.Continue
	proposed, accepted int
	last               []int32
}

func (e *eager) Push(id int32) {
	e.tokens = append(e.tokens, id)
	if len(e.last) > 0 && e.last[0] == id {
		e.accepted++
		e.last = e.last[1:]
	} else {
		e.last = nil
	}
}

func (e *eager) Propose(most int) ([]int32, error) {
	out, _, err := e.next(e.tokens, min(5, most), func(float64) bool { return true })
	e.proposed, e.last = e.proposed+len(out), out
	return out, err
}

func (e *eager) Count() (int, int) { return e.proposed, e.accepted }

// openDraft opens a tiny model that drafts for m, eagerly.
func openDraft(t *testing.T, m *Model, kind string) *Draft {
	t.Helper()
	d, err := NewDraft(m, openTiny(t, tiny.New(kind), settings{Exact: true}))
	if err != nil {
		t.Fatal(err)
	}
	d.proposer = func(prompt []int32, next propose.Continue, _ bool) propose.Proposer {
		return &eager{tokens: slices.Clone(prompt), next: next}
	}
	return d
}

// TestDraftChangesNothing checks that an answer with a draft model is that without one, with the same seed also when it is drawn at random, whether the draft model is often right or
// hardly ever. The sampler is called for each token in the same order with the logits of the same tokens, so the distribution of answers is the same.
func TestDraftChangesNothing(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{Exact: true})
	for _, small := range []string{"llama", "gemma3"} {
		d := openDraft(t, m, small)
		var all Usage
		for seed := range uint64(12) {
			r := Request{Tokens: []int32{1, 5, 9, int32(20 + seed)}, MaxTokens: 60, Sampling: sample.Params{Temperature: float32(seed%4) * 0.2, TopK: 40, Seed: 1 + seed}}
			single, _, err := collect(m, t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			r.Draft = d
			with, last, err := collect(m, t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if with != single {
				t.Errorf("%s, seed %d:\n%q\n%q", small, seed, with, single)
			}
			all.Proposed, all.Accepted = all.Proposed+last.Usage.Proposed, all.Accepted+last.Usage.Accepted
		}
		if all.Proposed == 0 || (small == "llama") != (all.Accepted > all.Proposed/10) {
			t.Errorf("%s: %d tokens of %d were accepted", small, all.Accepted, all.Proposed)
		}
	}
}

// TestDraftOfSeveral checks that several requests at a time may have the same draft model, of which some are cancelled.
func TestDraftOfSeveral(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{Exact: true})
	d := openDraft(t, m, "llama")
	r := Request{Tokens: []int32{1, 5, 9}, MaxTokens: 60}
	want, _, err := collect(m, t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	r.Draft = d
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%2 == 1 {
				for range m.Generate(ctx, r) {
					cancel()
				}
				return
			}
			if got, _, err := collect(m, ctx, r); err != nil || got != want {
				t.Errorf("%q, %v, expected %q", got, err, want)
			}
		})
	}
	all.Wait()
}

// TestDraftRefused checks that only a model with the same tokens, of which it can take back some, may draft, and that the answer ends with the error of a draft model that fails.
func TestDraftRefused(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{})
	other := tiny.New("llama")
	tokens := other.Meta["tokenizer.ggml.tokens"].([]string)
	other.Meta["tokenizer.ggml.tokens"] = append([]string{}, tokens...)
	other.Meta["tokenizer.ggml.tokens"].([]string)[len(tokens)-1] = "another"
	small := openTiny(t, tiny.New("llama"), settings{})
	for name, draft := range map[string]*Model{"itself": m, "another vocabulary": openTiny(t, other, settings{}), "recurrent": openTiny(t, tiny.New("mamba"), settings{})} {
		if _, err := NewDraft(m, draft); !errors.Is(err, models.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d, err := NewDraft(m, small)
	if err != nil {
		t.Fatal(err)
	}
	if err := small.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := collect(m, t.Context(), Request{Tokens: []int32{1, 5, 9}, MaxTokens: 60, Draft: d}); !errors.Is(err, ErrClosed) {
		t.Errorf("with a closed draft model: %v", err)
	}
}
