package engine

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/sample"
)

// pieces runs a request to its end and returns its pieces by choice.
func pieces(t *testing.T, m *Model, r Request) map[int][]Piece {
	t.Helper()
	out := map[int][]Piece{}
	for p, err := range m.Generate(context.Background(), r) {
		if err != nil {
			t.Fatal(err)
		}
		out[p.Choice] = append(out[p.Choice], p)
	}
	return out
}

// joined returns the text and the tokens of pieces, of which the last one alone must have a reason.
func joined(t *testing.T, pieces []Piece) (text string, tokens []Token, last Piece) {
	t.Helper()
	for i, p := range pieces {
		if (p.Reason != "") != (i == len(pieces)-1) {
			t.Fatalf("piece %d of %d has the reason %q", i, len(pieces), p.Reason)
		}
		text += p.Text
		tokens = append(tokens, p.Tokens...)
	}
	return text, tokens, pieces[len(pieces)-1]
}

// TestChoices checks that several continuations are those of single requests with successive seeds, and that the prompt is computed once, for
// states that go back and for those that don't.
func TestChoices(t *testing.T) {
	for _, kind := range []string{"llama", "mamba"} {
		m := openTiny(t, tiny.New(kind), settings{Context: 256})
		r := Request{Tokens: make([]int32, 60), MaxTokens: 12, Sampling: sample.Params{Temperature: 1.2, Seed: 3}}
		for i := range r.Tokens {
			r.Tokens[i] = int32(20 + i%50)
		}
		r.N = 6
		got := pieces(t, m, r)
		if len(got) != r.N {
			t.Fatalf("%v: %d choices", kind, len(got))
		}
		texts := map[string]bool{}
		for i, list := range got {
			text, _, last := joined(t, list)
			texts[text] = true
			alone := r
			alone.N, alone.Sampling.Seed = 0, r.Sampling.Seed+uint64(i)
			want, wantLast, err := collect(m, context.Background(), alone)
			if err != nil || text != want || last.Reason != wantLast.Reason || last.Usage.Generated != wantLast.Usage.Generated || last.Usage.Prompt != 60 {
				t.Errorf("%v: choice %d is %q (%+v), alone it is %q (%+v), %v", kind, i, text, last, want, wantLast, err)
			}
		}
		if len(texts) < 2 {
			t.Errorf("%v: all choices are equal", kind)
		}
	}
}

// TestBestOf checks that the choices with the largest mean logarithm of probabilities are returned, best first.
func TestBestOf(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{})
	r := Request{Prompt: "hello", MaxTokens: 8, Sampling: sample.Params{Temperature: 1.5, Seed: 9}, N: 5, Logprobs: true}
	mean := func(list []Piece) float64 {
		_, tokens, _ := joined(t, list)
		sum := 0.0
		for _, x := range tokens {
			sum += x.Logprob
		}
		return sum / float64(len(tokens))
	}
	var means []float64
	for _, list := range pieces(t, m, r) {
		means = append(means, mean(list))
	}
	slices.Sort(means)
	slices.Reverse(means)
	r.N, r.BestOf = 2, 5
	got := pieces(t, m, r)
	if len(got) != 2 || math.Abs(mean(got[0])-means[0]) > 1e-9 || math.Abs(mean(got[1])-means[1]) > 1e-9 {
		t.Errorf("%d choices, %v; of all %v", len(got), mean(got[0]), means)
	}
}

// TestLogprobs checks that the tokens of an answer come with probabilities of the model's own distribution, whatever the sampling.
func TestLogprobs(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{})
	r := Request{Prompt: "hello", MaxTokens: 10, Logprobs: true, TopLogprobs: 3}
	_, greedy, last := joined(t, pieces(t, m, r)[0])
	if n := last.Usage.Generated; len(greedy) != n && len(greedy) != n+1 { // with the end token
		t.Fatalf("%d tokens of %d", len(greedy), n)
	}
	for _, x := range greedy {
		if len(x.Top) != 3 || x.Top[0] != x.TokenProb || x.Top[1].Logprob > x.Top[0].Logprob || x.Logprob > 0 || x.Text != spelled(m.tok, x.ID) {
			t.Errorf("%+v", x)
		}
	}
	r.Sampling = sample.Params{Temperature: 3, TopK: 1, Bias: map[int32]float32{greedy[0].ID: -1}, Repeat: 1.0001}
	_, other, _ := joined(t, pieces(t, m, r)[0])
	if other[0].Top[0] != greedy[0].TokenProb {
		t.Errorf("the distribution changed with the sampling: %+v, %+v", other[0], greedy[0])
	}
	r.Logprobs = false
	if _, none, _ := joined(t, pieces(t, m, r)[0]); none != nil {
		t.Errorf("%d tokens without Logprobs", len(none))
	}
}

// TestRequestErrors checks that errors name the parameter.
func TestRequestErrors(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{})
	for name, r := range map[string]Request{
		"max_tokens": {MaxTokens: -1}, "n": {N: MaxChoices + 1}, "best_of": {N: 3, BestOf: 2}, "top_logprobs": {TopLogprobs: MaxTop + 1}, "top_p": {Sampling: sample.Params{TopP: 2}},
	} {
		r.Prompt = "a"
		_, _, err := collect(m, context.Background(), r)
		var e *sample.ParamError
		if !errors.As(err, &e) || e.Name != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestChoicesCancelled checks that leaving the loop ends all continuations.
func TestChoicesCancelled(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{Context: 256})
	for range 20 {
		for _, err := range m.Generate(context.Background(), Request{Prompt: "hello", N: 8, Sampling: sample.Params{Temperature: 1}}) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := collect(m, ctx, Request{Prompt: "hello", N: 8}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestDRYBreaks checks that the engine gives the sampler the breakers of its vocabulary.
func TestDRYBreaks(t *testing.T) {
	m := openTiny(t, tiny.New("llama"), settings{})
	a, b := m.breakers.get(m.tok, []string{"x"}), m.breakers.get(m.tok, []string{"x"})
	if a != b || m.breakers.get(m.tok, []string{"y"}) == a {
		t.Error("the breakers are not those of the strings")
	}
	if _, _, err := collect(m, context.Background(), Request{Prompt: "hello hello hello", MaxTokens: 20, Sampling: sample.Params{DRYMultiplier: 2}}); err != nil {
		t.Error(err)
	}
}
