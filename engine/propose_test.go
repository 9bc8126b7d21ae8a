package engine

import (
	"slices"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/sample"
)

// TestRepeatedTokensChangeNothing checks that an answer is that of single steps, with the same seed also when it is drawn at random, and that tokens which the text repeats take no step
// of their own. The sampler is called for each token in the same order with the logits of the same tokens, so the distribution of answers is the same.
func TestRepeatedTokensChangeNothing(t *testing.T) {
	accepted := 0
	for i, family := range []string{"llama", "gemma3", "gptneox", "llama", "qwen3moe"} {
		m, when := openTiny(t, tiny.New(family), settings{Exact: i < 3}), ProposeAlways
		if m.batchInvariant() {
			when = ProposeAuto
		}
		for seed := range uint64(24) {
			prompt := []int32{1, 5, 9, 13, 17, 5, 9, 13, 17, 5, 9, 13}
			r := Request{Tokens: append(slices.Clip(prompt), int32(20+seed)), MaxTokens: 100, Propose: when, Sampling: sample.Params{Temperature: float32(seed%4) * 0.2, TopK: 40, Seed: 1 + seed}}
			with, last, err := collect(m, t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			r.Propose = ProposeNever
			single, _, err := collect(m, t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if with != single {
				t.Errorf("%s, seed %d:\n%q\n%q", family, seed, with, single)
			}
			accepted += last.Usage.Accepted
		}
	}
	if accepted == 0 {
		t.Error("no token was proposed rightly in 120 answers")
	}
}
