//go:build (linux || windows) && cgo

package gl

import (
	"math"

	"soberano/kernels"
)

// Weights writes softmax(scale·q·kᵀ) of one head over the first dst.Cols keys of each span to dst: the products of each slab, then
// the softmax of each row.
func (s *step) Weights(dst, q kernels.Tensor, layer, head int, a *kernels.Attention) {
	const op = "Weights"
	s.Apart(op, &dst, &q)
	if a.SoftCap != 0 || a.Sinks != nil || a.Slopes != nil || a.Temperature.Length != 0 {
		panic("gl: Weights: a soft cap, sinks, slopes or a temperature")
	}
	if a.KVHeads <= 0 || a.Heads%a.KVHeads != 0 || head < 0 || head >= a.Heads || q.Cols != a.Heads*a.HeadDim || dst.Rows != q.Rows {
		panic("gl: Weights: shapes differ")
	}
	q = q.Slice(head*a.HeadDim, a.HeadDim)
	s.lists.reset()
	var form *layerForm
	for _, sp := range s.Spans(a) {
		form = s.scoreItems(sp, layer, dst, a)
	}
	for _, l := range s.lists.used() {
		if s.err != nil {
			return
		}
		n := len(l.numbers) / 4
		s.run(program{kernel: "scores", option: flag(s.d.exact)}, groups{min(n, mostGroups), 1, 1}, []*buffer{l.slab.buffers[l.slot], bufferOf(&q), bufferOf(&dst), uploads},
			a.KVHeads, head/(a.Heads/a.KVHeads), a.HeadDim, form.keyWords, form.keyWords+form.valueWords,
			q.Offset, q.Stride, dst.Offset, dst.Stride, n, s.table(l.numbers...))
	}
	for _, sp := range s.Spans(a) {
		rows := dst.Sub(sp.Row, sp.N)
		s.norm(opSoftmax, rows, rows, dst.Cols, nothing, nothing, a.Scale)
	}
}

// scoreItems checks a span and adds the items of its rows to the lists of the slabs.
func (s *step) scoreItems(sp kernels.Span, layer int, dst kernels.Tensor, a *kernels.Attention) *layerForm {
	c := s.stateOf("Weights", sp)
	c.CheckWeights(sp, layer, dst.Rows, dst.Cols, a)
	f := &c.plan.layers[layer]
	table := s.pageTable(c, layer)
	for lo := 0; lo < dst.Cols; {
		end, in := s.stretch(c, layer, lo, dst.Cols, math.MaxInt)
		for i := range sp.N {
			s.lists.add(in, f.slot, sp.Row+i, lo, end, table)
		}
		lo = end
	}
	return f
}
