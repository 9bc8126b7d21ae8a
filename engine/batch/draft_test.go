package batch

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drafted is a greedy request with proposals: the right continuation, wrong from a random token on.
func (g *greedy) drafted(prompt, right []int32, vocabulary int, r *rand.Rand, steps *int) Request {
	req := g.request(prompt)
	each := req.Each
	req.Each = func(pos int, logits []float32) (int32, bool, error) {
		if pos != len(prompt)-1+len(g.tokens) {
			panic("the logits of a token that was not chosen")
		}
		id, more, err := each(pos, logits)
		if n := len(g.tokens); n <= len(right) { // near-ties are decided alike
			g.tokens[n-1], id = right[n-1], right[n-1]
		}
		return id, more, err
	}
	req.Draft = func(most int) ([]int32, error) {
		*steps++
		rest := right[len(g.tokens):]
		d := slices.Clone(rest[:min(len(rest), r.IntN(most+1))])
		if len(d) > 0 && r.IntN(3) > 0 {
			at := r.IntN(len(d))
			d[at] = (d[at] + 1 + int32(r.IntN(vocabulary-1))) % int32(vocabulary)
		}
		return d, nil
	}
	return req
}

// TestDraft checks that proposed tokens change nothing but the number of steps: the logits are those of single tokens, and so is what later requests find.
func TestDraft(t *testing.T) {
	for _, family := range []string{"llama", "gemma3", "gptneox"} {
		m, dev := load(t, family)
		q := queue(t, m, dev, 200)
		vocabulary := m.Shape().Vocabulary
		rapid.Check(t, func(rt *rapid.T) {
			seed := rapid.Uint64().Draw(rt, "seed")
			r := rand.New(rand.NewPCG(seed, 1))
			prompt := make([]int32, 1+r.IntN(60))
			for i := range prompt {
				prompt[i] = int32(r.IntN(vocabulary))
			}
			n := 1 + r.IntN(100)
			plain := run(rt, q, prompt, n, true)
			g, steps := &greedy{n: n}, 0
			if err := q.Do(context.Background(), g.drafted(prompt, plain.tokens, vocabulary, r, &steps)); err != nil {
				rt.Fatalf("Do: %v", err)
			}
			same(rt, "with proposals", plain, g)
			next := append(slices.Concat(prompt, g.tokens), 1)
			later, fresh := run(rt, q, next, 3, false), run(rt, q, next, 3, true)
			same(rt, "the next turn", fresh, later)
			if want := len(prompt) + n - 1; later.cached < want-1 && m.Shape().State(200).Layers[0].Window == 0 {
				rt.Fatalf("the next turn finds %d tokens, %d were computed", later.cached, want)
			}
		})
	}
}

// TestDraftTakesFewerSteps checks that right proposals save steps, and that a request beside another one gets none.
func TestDraftTakesFewerSteps(t *testing.T) {
	m, dev := load(t, "llama")
	q := queue(t, m, dev, 200)
	prompt := numbers(1, 10)
	plain := run(t, q, prompt, 100, true)
	g := &greedy{n: 100}
	req, steps := g.request(prompt), 0
	req.Draft = func(most int) ([]int32, error) {
		steps++
		rest := plain.tokens[len(g.tokens):]
		return rest[:min(len(rest), most)], nil
	}
	if err := q.Do(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if steps > 8 || !slices.Equal(plain.tokens, g.tokens) {
		t.Errorf("%d steps for 100 tokens, equal: %v", steps, slices.Equal(plain.tokens, g.tokens))
	}
}

// TestNoDraft checks that a model whose state can't go back is asked for no proposals.
func TestNoDraft(t *testing.T) {
	for _, family := range []string{"mamba", "qwen3next"} {
		q := open(t, family, 100)
		g := &greedy{n: 10}
		req := g.request(numbers(1, 5))
		req.Draft = func(int) ([]int32, error) {
			t.Errorf("%s is asked for proposals", family)
			return nil, nil
		}
		if err := q.Do(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDraftFails checks that an error of proposals ends the request, and only that.
func TestDraftFails(t *testing.T) {
	m, dev := load(t, "llama")
	q := queue(t, m, dev, 200)
	prompt := numbers(1, 10)
	want := run(t, q, prompt, 20, true)
	g, fault := &greedy{n: 20}, errors.New("a fault")
	req := g.request(prompt)
	req.Draft = func(int) ([]int32, error) {
		if len(g.tokens) < 5 {
			return nil, nil
		}
		return nil, fault
	}
	if err := q.Do(t.Context(), req); !errors.Is(err, fault) || len(g.tokens) != 5 {
		t.Errorf("%d tokens, the error is %v", len(g.tokens), err)
	}
	same(t, "the next request", want, run(t, q, prompt, 20, false))
}
