package cpu

import (
	"slices"

	"soberano/kernels"
)

// recurrent appends what the state of each span keeps at layer, a Recurrent layer of rows × cols values, to kept. The
// caller must advance the values by the rows of the span, which lie within tensors of n rows.
func (s *step) recurrent(op string, kept [][]float32, layer, rows, cols, n int) [][]float32 {
	for i, sp := range s.batch.Spans {
		if slices.ContainsFunc(s.batch.Spans[:i], func(o kernels.Span) bool { return o.State == sp.State }) {
			panic("cpu: " + op + ": two spans of one state")
		}
		st := s.d.stateOf(op, sp)
		if layer < 0 || layer >= len(st.plan.layers) {
			panic("cpu: " + op + ": the state has no such layer")
		}
		l := &st.plan.layers[layer]
		switch {
		case l.Kind != kernels.Recurrent || l.Rows != rows || l.Cols != cols:
			panic("cpu: " + op + ": the layer keeps something else")
		case sp.N < 0 || sp.Row < 0 || sp.Row+sp.N > n:
			panic("cpu: " + op + ": rows beyond the tensor")
		case sp.Pos != st.at[layer]:
			panic("cpu: " + op + ": not the position that the state is at")
		case sp.Pos+sp.N > st.Cap():
			panic("cpu: " + op + ": positions beyond the state")
		}
		kept = append(kept, st.recurrent(layer, sp.Pos, sp.N))
	}
	return kept
}
