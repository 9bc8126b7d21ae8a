package engine

import (
	"context"
	"math"
	"testing"

	"soberano/engine/sample"
	"soberano/kernels/cpu"
)

// TestLevels checks for every instruction set of this computer that the same prompt gets the same greedy answer and
// that a text has the same perplexity. Instruction sets differ only in the order of sums, which now and then changes
// the rounding of an activation to 8 bits. The divergence from exact arithmetic is 0.004 nats a token, so over 40
// tokens a difference of about 1.5 percent of perplexity is likely; five percent are allowed.
func TestLevels(t *testing.T) {
	info, err := cpu.Describe()
	if err != nil {
		t.Fatal(err)
	}
	const text = "The keeper of the lighthouse wrote down the weather every evening, and in the morning a boat took his letters to the town. " +
		"Nobody there read them but a girl of nine, who had found the box behind the post office and who, by the time the war was over, " +
		"knew more of storms than any captain did. When she was asked what she wanted to become, she said: a cloud, or failing that, a clerk."
	for _, name := range []string{"smollm2", "gemma3"} {
		var answer string
		var perplexity float64
		for i, level := range info.Levels {
			if level == "amx" {
				continue // used only on request
			}
			if level == "generic" && name != "smollm2" {
				continue // 262,144 output rows take long in plain Go
			}
			t.Setenv("SOBERANO_CPU", level)
			m := openDefault(t, name, false)
			got, _, err := collect(m, context.Background(), Request{
				Prompt: "The capital of France is", MaxTokens: 3, Sampling: sample.Params{},
			})
			if err != nil {
				t.Fatal(err)
			}
			p, err := m.Perplexity(context.Background(), text, 40, 2, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			t.Logf("%s, %s: %q, perplexity %.4f", name, level, got, p.PPL)
			if i == 0 || answer == "" {
				answer, perplexity = got, p.PPL
			}
			if got != answer {
				t.Errorf("%s: %s answers %q, %s %q", name, level, got, info.Levels[0], answer)
			}
			if d := math.Abs(math.Log(p.PPL / perplexity)); !(d < 0.05) {
				t.Errorf("%s: %s has a perplexity of %g, %s %g", name, level, p.PPL, info.Levels[0], perplexity)
			}
		}
	}
}
