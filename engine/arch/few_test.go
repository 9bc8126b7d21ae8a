package arch

import (
	"math"
	"slices"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/nn"
	"soberano/kernels"
)

// TestFewRows checks for all families whose states can go back that the logits of up to kernels.Few tokens in a step, beside another sequence, have the same bits as those of single
// steps.
func TestFewRows(t *testing.T) {
	for _, kind := range tiny.Kinds() {
		t.Run(kind, func(t *testing.T) {
			m, dev, err := openTiny(t, tiny.New(kind), false)
			if err != nil {
				t.Fatal(err)
			}
			if d, ok := dev.(kernels.BatchInvariant); !ok || !d.BatchInvariant() {
				t.Skip("the device is not batch-invariant")
			}
			if slices.ContainsFunc(m.Shape().State(8).Layers, func(l kernels.Layer) bool { return l.Kind == kernels.Recurrent }) {
				t.Skip("the state can't go back")
			}
			together, single, other := newState(t, m, dev), newState(t, m, dev), newState(t, m, dev)
			ids := make([]int32, 64)
			for i := range ids {
				ids[i] = int32(3 + i*7%40)
			}
			logits(t, m, ids[:20], 0, together)
			logits(t, m, ids[:20], 0, single)
			logits(t, m, ids[:3], 0, other)
			for pos := 20; pos < 20+2+3+kernels.Few; {
				n := map[int]int{20: 2, 22: 3, 25: kernels.Few}[pos]
				all := logits(t, m, ids[pos:pos+n], pos, together, other)
				for i := range n {
					one := logits(t, m, ids[pos+i:pos+i+1], pos+i, single)[0]
					if !slices.EqualFunc(one, all[i], func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
						t.Fatalf("the logits of token %d of %d differ from those of a single step", i, n)
					}
				}
				pos += n
			}
		})
	}
}

func newState(t *testing.T, m Model, dev kernels.Device) kernels.State {
	t.Helper()
	s, err := dev.NewState(m.Shape().State(64))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// logits returns the logits of tokens at positions from pos on of the sequence of state; a token of each of beside is in the same step.
func logits(t *testing.T, m Model, tokens []int32, pos int, state kernels.State, beside ...kernels.State) [][]float32 {
	t.Helper()
	var s nn.Step
	s.Append(state, tokens, pos)
	for i := range tokens {
		s.Out = append(s.Out, i)
	}
	for _, b := range beside {
		s.Append(b, tokens[:1], b.Len())
	}
	rows, err := m.Forward(&s)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]float32
	for i := range tokens {
		out = append(out, slices.Clone(rows.Row(i)))
	}
	return out
}
