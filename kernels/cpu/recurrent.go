package cpu

import "soberano/kernels/contract"

// recurrent appends what the state of each span keeps at layer, a Recurrent layer of rows × cols values, to kept. The
// caller must advance the values by the rows of the span, which lie within tensors of n rows.
func (s *step) recurrent(op string, kept [][]float32, layer, rows, cols, n int) [][]float32 {
	contract.CheckDistinct(op, s.Batch.Spans)
	for _, sp := range s.Batch.Spans {
		c := s.d.stateOf(op, sp)
		c.CheckRecurrent(op, sp, layer, rows, cols, n)
		kept = append(kept, c.recurrent(layer, sp.Pos, sp.N))
	}
	return kept
}
