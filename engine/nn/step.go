// Package nn contains what model families share: the input of a forward pass, rotary position
// embeddings, mixtures of experts, and the computation of logits.
package nn

import "soberano/kernels"

// Step is the input of one forward pass. It holds tokens of several sequences, for example a
// chunk of a long prompt and a single token of two other sequences:
//
//	row        0   1   2   3   4   5   6   7
//	Tokens     a   b   c   d   e   f | g | h
//	Positions 96  97  98  99 100 101 | 7 | 31
//	Spans     └── state A, N=6 ─────┘ └B┘ └C┘
//	Out                              6   7      only these rows get logits
type Step struct {
	kernels.Batch       // Tokens, Positions and Spans, in row order
	Out           []int // rows that need logits, ascending
	// Given are rows of the embedding that do not come from tokens, such as those of images.
	Given []Given
	// Adapted are the rows that use adapters, in row order.
	Adapted []Adapted

	axes [axes][]int32 // memory of Axes
}

// axes is the number of axes of a position: time, height and width (M-RoPE, arXiv:2409.12191).
const axes = 3

// Place is a position on the axes time, height and width.
type Place [axes]int32

// Given are rows from Row on that replace the embeddings of the tokens there. In models whose first layers are given rows of their own, a
// row of Values is that of the embedding and, behind it, those of the layers: [n × (1+layers)·dim].
type Given struct {
	Row    int
	Values []float32
	t      kernels.Tensor // [n × (1+layers)·dim], with layers > 0
}

// Give writes the rows of s.Given to x, the embedded tokens. layers is the number of layers for which s.Given has rows; see GiveLayer.
func (s *Step) Give(d kernels.Step, x kernels.Tensor, layers int) {
	width := (1 + layers) * x.Cols
	for i := range s.Given {
		g := &s.Given[i]
		n := len(g.Values) / width
		if layers == 0 {
			d.Write(x.Sub(g.Row, n), g.Values)
			continue
		}
		g.t = d.New(n, width)
		d.Write(g.t, g.Values)
		d.Scale(x.Sub(g.Row, n), g.t.Slice(0, x.Cols), 1)
	}
}

// GiveLayer adds the rows of s.Given for a layer to x, after Give.
func (s *Step) GiveLayer(d kernels.Step, x kernels.Tensor, layer int) {
	for _, g := range s.Given {
		d.Add(x.Sub(g.Row, g.t.Rows), g.t.Slice((1+layer)*x.Cols, x.Cols))
	}
}

// Reset empties s and keeps its memory for reuse.
func (s *Step) Reset() {
	s.Tokens, s.Positions, s.Spans, s.Out, s.Given, s.Adapted, s.Axes = s.Tokens[:0], s.Positions[:0], s.Spans[:0], s.Out[:0], s.Given[:0], s.Adapted[:0], nil
}

// Put sets the position of a row to p, which may differ between the axes.
func (s *Step) Put(row int, p Place) {
	s.Positions[row] = p[0]
	if s.Axes == nil && p == (Place{p[0], p[0], p[0]}) {
		return
	}
	if s.Axes == nil {
		for a := range s.axes {
			s.axes[a] = append(s.axes[a][:0], s.Positions...)
		}
		s.Axes = s.axes[:]
	}
	for a, at := range p {
		s.Axes[a][row] = at
	}
}

// Append adds tokens of the sequence in state at positions from pos on. It returns their first row. Without causality, each of
// them attends to all positions up to the last of them.
func (s *Step) Append(state kernels.State, tokens []int32, pos int) int {
	row := len(s.Tokens)
	s.Tokens = append(s.Tokens, tokens...)
	for i := range tokens {
		s.Positions = append(s.Positions, int32(pos+i))
	}
	for a := range s.Axes {
		s.Axes[a] = append(s.Axes[a], s.Positions[row:]...)
	}
	s.Spans = append(s.Spans, kernels.Span{State: state, Row: row, N: len(tokens), Pos: pos, Len: pos + len(tokens)})
	return row
}

// Logits normalises the rows out of x, [n × dim], multiplies them with the output matrix w and
// returns the result, [len(out) × vocabulary]. Only these rows are computed; in a prompt that is
// usually the last one alone. If out is empty, Logits returns nil. If w is nil, it returns the normalised rows.
func Logits(d kernels.Step, x kernels.Tensor, out []int, norm Norm, w kernels.Matrix) *kernels.Rows {
	return CappedLogits(d, x, out, norm, w, 0)
}

// CappedLogits is Logits with a soft cap: the logits become cap·tanh(logit/cap). A cap of 0 means none.
func CappedLogits(d kernels.Step, x kernels.Tensor, out []int, norm Norm, w kernels.Matrix, cap float32) *kernels.Rows {
	if len(out) == 0 {
		return nil
	}
	h := normalised(d, x, out, norm)
	if w == nil {
		return d.Read(h)
	}
	logits := d.New(len(out), w.Rows())
	d.MatMul(logits, h, w)
	if cap > 0 {
		d.SoftCap(logits, logits, cap)
	}
	return d.Read(logits)
}

// normalised returns the rows out of x, normalised.
func normalised(d kernels.Step, x kernels.Tensor, out []int, norm Norm) kernels.Tensor {
	h := d.New(len(out), x.Cols)
	for from := 0; from < len(out); {
		to := from + 1 // process neighbouring rows together
		for to < len(out) && out[to] == out[to-1]+1 {
			to++
		}
		norm.Of(d, h.Sub(from, to-from), x.Sub(out[from], to-from))
		from = to
	}
	return h
}
