// Package nn is what model families share: the step that carries tokens of many
// sequences through a forward pass, rotary position tables, and the last layer's
// way to logits.
//
// One step, three sequences: a chunk of a long prompt and two single tokens.
//
//	row      0   1   2   3   4   5   6   7
//	Tokens   a   b   c   d   e   f | g | h
//	Pos     96  97  98  99 100 101 | 7 | 31
//	Spans   └── state A, N=6 ─────┘ └B┘ └C┘
//	Out                            6   7      only these rows get logits
package nn

import "soberano/kernels"

// Step is the input of one forward pass.
type Step struct {
	Tokens []int32        // one a row
	Pos    []int32        // of each row in its sequence
	Spans  []kernels.Span // which rows belong to which sequence, in row order
	Out    []int          // rows whose logits are wanted, ascending
}

// Reset empties s and keeps its memory.
func (s *Step) Reset() {
	s.Tokens, s.Pos, s.Spans, s.Out = s.Tokens[:0], s.Pos[:0], s.Spans[:0], s.Out[:0]
}

// Append adds tokens at positions pos … of the sequence in state; returns their first row.
func (s *Step) Append(state kernels.State, tokens []int32, pos int) int {
	row := len(s.Tokens)
	s.Tokens = append(s.Tokens, tokens...)
	for i := range tokens {
		s.Pos = append(s.Pos, int32(pos+i))
	}
	s.Spans = append(s.Spans, kernels.Span{State: state, Row: row, N: len(tokens), Pos: pos})
	return row
}

// Logits normalises the rows out of x, [n × dim], and multiplies them with the output
// matrix w: [len(out) × vocabulary]. Rows that nobody asked for cost nothing, which
// in a prompt are all but the last.
func Logits(d kernels.Device, x kernels.Tensor, out []int, norm []float32, eps float32, w kernels.Matrix) kernels.Tensor {
	if len(out) == 0 {
		return kernels.Tensor{}
	}
	h := d.New(len(out), x.Cols)
	for from := 0; from < len(out); {
		to := from + 1 // neighbouring rows go together
		for to < len(out) && out[to] == out[to-1]+1 {
			to++
		}
		d.RMSNorm(h.Sub(from, to-from), x.Sub(out[from], to-from), norm, eps)
		from = to
	}
	logits := d.New(len(out), w.Rows())
	d.MatMul(logits, h, w)
	return logits
}
