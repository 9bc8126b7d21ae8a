package arch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models/defaults"
	"soberano/models/gguf"
)

// reference is a prompt in testdata; its README.md describes the fields.
type reference struct {
	Text   string
	IDs    []int32
	Prompt []struct {
		Pos int
		Top [][2]float64
	} `json:"prompt_top20"`
	Gen []struct {
		Step int
		Top  [][2]float64
	}
	Greedy []int32 `json:"greedy_ids"`
}

func openModel(t *testing.T, name string, exact bool) (Model, kernels.Device) {
	t.Helper()
	f, err := gguf.Open(defaults.Need(t, name))
	if err != nil {
		t.Fatal(err)
	}
	dev, err := cpu.New(cpu.Options{Exact: exact, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		dev.Close()
		f.Close()
	})
	m, err := Open(f, dev, 0)
	if err != nil {
		t.Fatal(err)
	}
	return m, dev
}

// rows runs tokens at positions from pos on and returns the logits of all of them.
func rows(t interface{ Fatal(...any) }, m Model, c kernels.State, tokens []int32, pos int) [][]float32 {
	var s nn.Step
	s.Append(c, tokens, pos)
	for i := range tokens {
		s.Out = append(s.Out, i)
	}
	logits, err := m.Forward(&s)
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]float32, len(tokens))
	for i := range out {
		out[i] = slices.Clone(logits.Row(i))
	}
	return out
}

// check compares the best logits with the reference's. tolerance is relative to the range of the row. It
// returns the largest difference relative to the range.
func check(t *testing.T, what string, i int, got []float32, want [][2]float64, tolerance float64) float64 {
	t.Helper()
	span := float64(slices.Max(got) - slices.Min(got))
	worst := 0.0
	for _, w := range want {
		diff := float64(got[int(w[0])]) - w[1]
		worst = max(worst, diff/span, -diff/span)
	}
	if !(worst <= tolerance) || span == 0 {
		t.Errorf("%s %d: off by %.2g of the range %.2f", what, i, worst, span)
	}
	return worst
}

// TestGolden checks that with float32 arithmetic logits and greedy continuations agree with those of another
// implementation.
func TestGolden(t *testing.T) {
	for _, name := range []string{"smollm2", "gemma3"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var refs []reference
			if err := json.Unmarshal(data, &refs); err != nil {
				t.Fatal(err)
			}
			m, dev := openModel(t, name, true)
			for _, ref := range refs {
				checkReference(t, m, dev, ref, 1e-3)
			}
		})
	}
}

func checkReference(t *testing.T, m Model, dev kernels.Device, ref reference, tolerance float64) {
	cache, err := dev.NewState(m.Shape().State(len(ref.IDs) + len(ref.Greedy)))
	if err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	all := rows(t, m, cache, ref.IDs, 0)
	for _, p := range ref.Prompt {
		worst = max(worst, check(t, "position", p.Pos, all[p.Pos], p.Top, tolerance))
	}
	last := all[len(all)-1]
	for i, want := range ref.Greedy {
		best := int32(slices.Index(last, slices.Max(last)))
		span := slices.Max(last) - slices.Min(last)
		// The other implementation's choice must be ours as well, unless rounding decides.
		if best != want && float64(last[best]-last[want]) > tolerance*float64(span) {
			t.Errorf("%.20q: token %d is %d, expected %d", ref.Text, i, best, want)
			return
		}
		last = rows(t, m, cache, []int32{want}, len(ref.IDs)+i)[0]
		if i < len(ref.Gen) {
			worst = max(worst, check(t, "step", i+1, last, ref.Gen[i].Top, tolerance))
		}
	}
	t.Logf("%.20q: at most %.1g of the range apart", ref.Text, worst)
}
