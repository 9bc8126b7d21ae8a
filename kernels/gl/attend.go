//go:build linux && cgo

package gl

import (
	"math"

	"soberano/kernels"
)

const (
	// enoughGroups is the number of work groups from which on the keys of a row are not divided into parts for more of them.
	enoughGroups = 512
	// partKeys is the number of keys of a part otherwise: those of a page.
	partKeys = positions
	// itemWords is the number of numbers of an item; see attend.glsl.
	itemWords = 7
)

// Attend writes softmax(scale·q·kᵀ)·v of each span to dst.
func (s *step) Attend(dst, q kernels.Tensor, layer int, a *kernels.Attention) {
	s.attend("Attend", dst, q, layer, a, s.Spans(a), kernels.KeysValues)
}

// AttendLatent is Attend for a latent layer.
func (s *step) AttendLatent(dst, q kernels.Tensor, layer int, a *kernels.Attention) {
	s.attend("AttendLatent", dst, q, layer, a, s.Batch.Spans, kernels.Latent)
}

// attention is an attention that is being recorded.
type attention struct {
	a     *kernels.Attention
	limit int   // keys of a part
	rows  []int // row, first part and number of parts of each row
	parts int
	whole bool // no row has more than one part
}

// attend checks the arguments, divides the keys of each row by the slabs in which their pages lie, and records a dispatch for
// each slab and, if a row has several parts, one that joins them.
func (s *step) attend(op string, dst, q kernels.Tensor, layer int, a *kernels.Attention, spans []kernels.Span, kind kernels.LayerKind) {
	key, value := a.Dims()
	if key == value {
		s.Same(op, &dst, &q)
	} else {
		s.Apart(op, &dst, &q)
	}
	if a.KVHeads <= 0 || a.Heads%a.KVHeads != 0 || q.Cols != a.Heads*key || dst.Cols != a.Heads*value || dst.Rows != q.Rows {
		panic("gl: " + op + ": shapes differ")
	}
	if a.Slopes != nil && a.SoftCap > 0 {
		panic("gl: " + op + ": slopes and a soft cap")
	}
	slopes, sinks := s.d.each(op, a.Slopes, a.Heads), s.d.each(op, a.Sinks, a.Heads)
	j := attention{a: a, limit: math.MaxInt, rows: s.rows[:0], whole: true}
	n := 0
	for _, sp := range spans {
		s.stateOf(op, sp).CheckAttend(op, sp, layer, q.Rows, a, kind)
		n += sp.N
	}
	if n == 0 {
		return
	}
	if n*a.Heads < enoughGroups {
		j.limit = partKeys
	}
	s.lists.reset()
	for _, sp := range spans {
		s.items(&j, sp, layer)
	}
	s.rows = j.rows
	if s.err != nil {
		return
	}
	f := &s.stateOf(op, spans[0]).plan.layers[layer]
	to := dst
	if !j.whole {
		to = s.New(1, j.parts*a.Heads*(value+2))
	}
	first := len(s.commands)
	for _, l := range s.lists.used() {
		s.attendSlab(&j, f, l, to, q, slopes, sinks)
	}
	s.together(first)
	if !j.whole {
		rows := len(j.rows) / 3
		s.run(program{kernel: "join"}, groups{min(rows, mostGroups), a.Heads, 1}, []*buffer{bufferOf(&to), bufferOf(&dst), uploads, vectorOf(sinks)},
			a.Heads, value, to.Offset, dst.Offset, dst.Stride, flag(sinks != nil), rows, s.table(j.rows...))
	}
}

// attendSlab records the attention to the keys of one slab, whose items l has: dispatches of not much more than mostWork.
func (s *step) attendSlab(j *attention, f *layerForm, l list, to, q kernels.Tensor, slopes, sinks *vector) {
	a, pages := j.a, nothing
	if l.slab != nil {
		pages = l.slab.buffers[l.slot]
	}
	key, value := a.Dims()
	words, from := f.valueWords, f.keyWords
	if f.Kind == kernels.Latent {
		words, from = f.keyWords, 0 // the values are the first dimensions of the keys
	}
	heads, bundles := j.bundle(s.d.wordsOf(key) * (2 - flag(s.d.exact)))
	all, table := len(l.numbers)/itemWords, s.table(l.numbers...)
	for first := 0; first < all; {
		n, work := 0, 0.0
		for ; first+n < all && (n == 0 || work < mostWork); n++ {
			item := l.numbers[(first+n)*itemWords:]
			work += float64(item[3]-item[2]) * float64(a.Heads*(key+value))
		}
		s.weigh(work)
		s.run(program{kernel: "attend", option: (value+2*local-1)/(2*local) + 100*flag(s.d.exact) + 1000*heads}, groups{min(n, mostGroups), a.KVHeads * bundles, 1},
			[]*buffer{pages, bufferOf(&q), bufferOf(&to), uploads, vectorOf(slopes), vectorOf(sinks), pages},
			a.Heads, a.KVHeads, key, value, f.keyWords, words, f.keyWords+f.valueWords, from, q.Offset, q.Stride, to.Offset, to.Stride,
			bits(a.Scale), bits(a.SoftCap), flag(slopes != nil), flag(sinks != nil), n, table+first*itemWords, flag(j.whole))
		first += n
	}
}

// bundle returns how many heads with the same keys a work group takes, 4 at most, and into how many bundles that divides them. width
// is the number of dimensions of a key, rounded up; the work group has memory for 1024 of all its heads.
func (j *attention) bundle(width int) (heads, bundles int) {
	all := j.a.Heads / j.a.KVHeads
	bundles = (all + min(4, mostDims/width) - 1) / min(4, mostDims/width)
	heads = (all + bundles - 1) / bundles
	return heads, (all + heads - 1) / heads
}

// keys returns the range of positions of sp that position p attends to.
func (j *attention) keys(sp kernels.Span, p int) (from, to int) {
	switch a := j.a; {
	case a.Causal && sp.Whole:
		return a.First(p), sp.Pos + sp.N
	case a.Causal:
		return a.First(p), p + 1
	case a.Window > 0:
		to = min(sp.Len, p+a.Window/2+1)
		return min(to, max(sp.From, p-a.Window/2)), to
	}
	return sp.From, sp.Len
}

// items adds the items of the rows of a span to the lists of the slabs.
func (s *step) items(j *attention, sp kernels.Span, layer int) {
	c := s.stateOf("Attend", sp)
	f, table := &c.plan.layers[layer], s.pageTable(c, layer)
	for i := range sp.N {
		at := sp.Pos + i
		lo, hi := j.keys(sp, at)
		factor, first := bits(j.a.Temperature.At(at)), j.parts
		for lo < hi || j.parts == first {
			end, in := s.stretch(c, layer, lo, hi, j.limit)
			s.lists.add(in, f.slot, sp.Row+i, at, lo, end, table, factor, j.parts)
			j.parts++
			lo = end
		}
		j.rows = append(j.rows, sp.Row+i, first, j.parts-first)
		j.whole = j.whole && j.parts == first+1
	}
}

// pageTable uploads the numbers of the pages of a layer's group and returns the place where that of page 0 would be.
func (s *step) pageTable(c *state, layer int) int {
	g := c.Group(layer)
	at := len(s.words)
	for _, m := range g.Pages {
		s.words = append(s.words, uint32(m.index))
	}
	return at - g.First
}

// stretch returns the slab in which the first of the keys lo … hi-1 lies, and the end of those, of limit at most, that lie in the same.
// A row that attends to no key has none.
func (s *step) stretch(c *state, layer, lo, hi, limit int) (end int, in *slab) {
	if lo >= hi {
		return lo, nil
	}
	in = s.page(c, layer, lo).slab
	for end = lo; end < hi && end-lo < limit; {
		if s.page(c, layer, end).slab != in {
			break
		}
		end = (end/positions + 1) * positions
	}
	return min(end, hi), in
}
