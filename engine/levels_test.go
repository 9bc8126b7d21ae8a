package engine

import (
	"context"
	"math"
	"testing"

	"soberano/engine/sample"
	"soberano/kernels/cpu"
)

// TestLevels: whatever instructions a computer has, the same question gets the same
// greedy answer, and a text surprises the model equally. Between levels only the order
// of sums differs, and with it, now and then, the rounding of an activation to 8 bits:
// the divergence from exact arithmetic, 0.004 nats a token, makes about 1.5 percent of perplexity over 40 tokens likely; five are allowed.
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
		var surprise float64
		for i, level := range info.Levels {
			if level == "amx" {
				continue // used only where it is asked for
			}
			if level == "generic" && name != "smollm2" {
				continue // a quarter of a million output rows in plain Go take long
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
				answer, surprise = got, p.PPL
			}
			if got != answer {
				t.Errorf("%s: %s answers %q, %s %q", name, level, got, info.Levels[0], answer)
			}
			if d := math.Abs(math.Log(p.PPL / surprise)); !(d < 0.05) {
				t.Errorf("%s: %s has a perplexity of %g, %s %g", name, level, p.PPL, info.Levels[0], surprise)
			}
		}
	}
}
