package devicetest

import (
	"slices"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// experts returns a matrix of n experts, each [64 × 64].
func (w *wrong) experts(n int) kernels.Matrix {
	return w.load(ExpertWeights(w.r, quant.F32, n, 64, 64, false))
}

// choice returns a choice of two of four experts for four rows.
func (w *wrong) choice() kernels.Choice {
	return w.st.Route(tensor(w.st, make([]float32, 16), 4, 4), &kernels.Routing{Used: 2, Scale: 1})
}

// groups returns a tensor for the groups of choice.
func (w *wrong) groups() kernels.Tensor { return tensor(w.st, make([]float32, 8*64), 8, 64) }

// oldChoice returns a choice of the previous step.
func (w *wrong) oldChoice() kernels.Choice {
	c := w.choice()
	w.again(nil)
	return c
}

// closedExperts returns a matrix of experts that has been closed.
func (w *wrong) closedExperts() kernels.Matrix {
	m := w.experts(4)
	if err := m.Close(); err != nil {
		w.Fatalf("Close: %v", err)
	}
	return m
}

// badExperts lists inconsistent matrices of experts and choices.
var badExperts = []wrongCase{
	{"Route", "after End", ended, func(w *wrong) { w.st.Route(w.x, &kernels.Routing{Used: 1, Scale: 1}) }},
	{"Route", "logits of another step", nil, func(w *wrong) { w.st.Route(w.old, &kernels.Routing{Used: 1, Scale: 1}) }},
	{"Route", "no experts", nil, func(w *wrong) { w.st.Route(w.x, &kernels.Routing{Scale: 1}) }},
	{"Route", "more experts than there are", nil, func(w *wrong) { w.st.Route(w.x, &kernels.Routing{Used: 65, Scale: 1}) }},
	{"Route", "a bias of other experts", nil, func(w *wrong) {
		w.st.Route(w.x.Slice(0, 8), &kernels.Routing{Used: 1, Scale: 1, Bias: w.one})
	}},
	{"Gather", "a choice of another step", nil, func(w *wrong) { c := w.oldChoice(); w.st.Gather(w.groups(), w.x, c) }},
	{"Gather", "rows of dst", nil, func(w *wrong) { w.st.Gather(w.y, w.x, w.choice()) }},
	{"Gather", "rows of x", nil, func(w *wrong) { w.st.Gather(w.groups(), w.x.Sub(0, 3), w.choice()) }},
	{"Gather", "dst overlaps x", nil, func(w *wrong) { g := w.groups(); w.st.Gather(g, g.Sub(0, 4), w.choice()) }},
	{"MatMulExperts", "a choice of another step", nil, func(w *wrong) {
		c := w.oldChoice()
		w.st.MatMulExperts(w.groups(), w.groups(), w.experts(4), c)
	}},
	{"MatMulExperts", "a matrix of other experts", nil, func(w *wrong) {
		w.st.MatMulExperts(w.groups(), w.groups(), w.experts(3), w.choice())
	}},
	{"MatMulExperts", "a matrix without experts", nil, func(w *wrong) {
		w.st.MatMulExperts(w.groups(), w.groups(), w.square, w.choice())
	}},
	{"MatMulExperts", "a closed matrix", nil, func(w *wrong) {
		w.st.MatMulExperts(w.groups(), w.groups(), w.closedExperts(), w.choice())
	}},
	{"MatMulExperts", "rows that are in no groups", nil, func(w *wrong) { w.st.MatMulExperts(w.y, w.x, w.experts(4), w.choice()) }},
	{"MatMulExperts", "columns of dst", nil, func(w *wrong) {
		w.st.MatMulExperts(w.groups().Slice(0, 63), w.groups(), w.experts(4), w.choice())
	}},
	{"MatMulExperts", "dst is x", nil, func(w *wrong) { g := w.groups(); w.st.MatMulExperts(g, g, w.experts(4), w.choice()) }},
	{"MatMulGatedExperts", "no two halves", nil, func(w *wrong) {
		w.st.MatMulGatedExperts(w.groups(), w.groups(), w.experts(4), w.choice(), kernels.SiLU)
	}},
	{"MatMul", "a matrix of experts", nil, func(w *wrong) { w.st.MatMul(w.y, w.x, w.experts(4)) }},
	{"MatMulGated", "a matrix of experts", nil, func(w *wrong) { w.st.MatMulGated(w.y, w.x, w.experts(4), kernels.SiLU) }},
	{"Embed", "a matrix of experts", nil, func(w *wrong) { w.st.Embed(w.y, w.experts(4), 1) }},
	{"Combine", "a choice of another step", nil, func(w *wrong) { c := w.oldChoice(); w.st.Combine(w.y, w.groups(), c) }},
	{"Combine", "rows of dst", nil, func(w *wrong) { w.st.Combine(w.y.Sub(0, 3), w.groups(), w.choice()) }},
	{"Combine", "columns", nil, func(w *wrong) { w.st.Combine(w.y, w.groups().Slice(0, 32), w.choice()) }},
	{"Combine", "dst overlaps x", nil, func(w *wrong) { g := w.groups(); w.st.Combine(g.Sub(0, 4), g, w.choice()) }},
	{"Mul", "columns", nil, func(w *wrong) { w.st.Mul(w.y, w.x.Slice(0, 32)) }},
	{"Mul", "rows", nil, func(w *wrong) { w.st.Mul(w.y, w.x.Sub(0, 2)) }},
	{"Mul", "rows of a column", nil, func(w *wrong) { w.st.Mul(w.y, w.x.Sub(0, 2).Slice(0, 1)) }},
	{"Mul", "dst overlaps a column", nil, func(w *wrong) { w.st.Mul(w.y, w.y.Slice(3, 1)) }},
	{"Mul", "dst overlaps x", nil, func(w *wrong) { w.st.Mul(w.x.Slice(0, 32), w.x.Slice(16, 32)) }},
}

// convolving begins a step of four rows of a sequence for a convolution, [4 × 64], and
// returns the weights, of width 3.
func (w *wrong) convolving(row, n, pos int) kernels.Vector {
	w.again(w.span(kernels.Span{State: w.convolved(3, 64).state, Row: row, N: n, Pos: pos}))
	return w.vector(make([]float32, 3*64))
}

// badConvolutions lists convolutions that do not match what a layer keeps.
var badConvolutions = []wrongCase{
	{"ShortConv", "after End", ended, func(w *wrong) { w.st.ShortConv(w.y, w.x, w.one, 1) }},
	{"ShortConv", "dst is x", nil, func(w *wrong) { v := w.convolving(0, 4, 0); w.st.ShortConv(w.x, w.x, v, 1) }},
	{"ShortConv", "a layer of keys and values", nil, func(w *wrong) { v := w.convolving(0, 4, 0); w.st.ShortConv(w.y, w.x, v, 0) }},
	{"ShortConv", "a layer that is not there", nil, func(w *wrong) { v := w.convolving(0, 4, 0); w.st.ShortConv(w.y, w.x, v, 2) }},
	{"ShortConv", "a width of one", nil, func(w *wrong) { w.convolving(0, 4, 0); w.st.ShortConv(w.y, w.x, w.one, 1) }},
	{"ShortConv", "another width", nil, func(w *wrong) {
		w.convolving(0, 4, 0)
		w.st.ShortConv(w.y, w.x, w.vector(make([]float32, 4*64)), 1)
	}},
	{"ShortConv", "columns", nil, func(w *wrong) {
		v := w.convolving(0, 4, 0)
		w.st.ShortConv(w.y.Slice(0, 32), w.x.Slice(0, 32), v, 1)
	}},
	{"ShortConv", "rows beyond the tensor", nil, func(w *wrong) { v := w.convolving(1, 4, 0); w.st.ShortConv(w.y, w.x, v, 1) }},
	{"ShortConv", "positions that the state has not reached", nil, func(w *wrong) {
		v := w.convolving(0, 4, 3)
		w.st.ShortConv(w.y, w.x, v, 1)
	}},
	{"ShortConv", "positions that the state has passed", nil, func(w *wrong) {
		v := w.convolving(0, 4, 0)
		w.st.ShortConv(w.y, w.x, v, 1)
		w.st.ShortConv(w.y, w.x, v, 1)
	}},
	{"ShortConv", "two spans of one state", nil, func(w *wrong) {
		q, v := w.convolved(3, 64), w.vector(make([]float32, 3*64))
		w.again(&kernels.Batch{Spans: []kernels.Span{{State: q.state, N: 2}, {State: q.state, Row: 2, N: 2, Pos: 2}}})
		w.st.ShortConv(w.y, w.x, v, 1)
	}},
	{"ShortConv", "positions beyond the state", nil, func(w *wrong) {
		q := w.convolved(3, 64)
		v := w.vector(slices.Repeat([]float32{1}, 3*64))
		ended(w)
		w.convolve(v, 64, []int{510}, q)
		w.begin(w.span(kernels.Span{State: q.state, N: 4, Pos: 510}))
		w.st.ShortConv(w.y, w.x, v, 1)
	}},
}
