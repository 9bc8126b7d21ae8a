//go:build (linux || windows) && cgo

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
	itemWords = 10
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
	// A work group takes so many heads that share keys, which divides them into bundles, and so many neighbouring rows.
	heads, bundles, each int
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
	j.divide(s.d.wordsOf(key) * (2 - flag(s.d.exact)))
	if n*a.Heads < enoughGroups {
		j.limit, j.each = partKeys, 1
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

// attendSlab records the attention to the keys of one slab, whose items l has: dispatches of no more than the bound, if no item is.
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
	all, table := len(l.numbers)/itemWords, s.table(l.numbers...)
	for first := 0; first < all; {
		n, work := 0, 0.0
		for ; first+n < all; n++ {
			item := l.numbers[(first+n)*itemWords:]
			more := float64(item[3]-item[2]) * float64(item[7]*a.Heads*(key+value))
			if n > 0 && work+more > s.d.bound() {
				break
			}
			work += more
		}
		s.weigh(work)
		s.run(program{kernel: "attend", option: (value+2*local-1)/(2*local) + 100*flag(s.d.exact) + 1000*j.heads*j.each}, groups{min(n, mostGroups), a.KVHeads * j.bundles, 1},
			[]*buffer{pages, bufferOf(&q), bufferOf(&to), uploads, vectorOf(slopes), vectorOf(sinks), pages},
			a.Heads, a.KVHeads, key, value, f.keyWords, words, f.keyWords+f.valueWords, from, q.Offset, q.Stride, to.Offset, to.Stride,
			bits(a.Scale), bits(a.SoftCap), flag(slopes != nil), flag(sinks != nil), n, table+first*itemWords, flag(j.whole), j.heads)
		first += n
	}
}

// divide determines how many heads and rows a work group takes: four queries at most. width is the number of dimensions of a key, rounded up; a
// work group has memory for 1024 of its queries.
func (j *attention) divide(width int) {
	all, most := j.a.Heads/j.a.KVHeads, min(4, mostDims/width)
	j.bundles = (all + most - 1) / most
	j.heads = (all + j.bundles - 1) / j.bundles
	j.bundles, j.each = (all+j.heads-1)/j.heads, most/j.heads
	if j.a.Window > 0 || j.a.Chunk > 0 || j.a.Temperature.Length > 0 {
		j.each = 1 // the first key or the factor differs between rows
	}
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
	for i := 0; i < sp.N; i += j.each {
		at, rows := sp.Pos+i, min(j.each, sp.N-i)
		lo, hi := j.keys(sp, at+rows-1)
		parts := s.partsOf(c, layer, lo, hi, j.limit)
		factor, hides := bits(j.a.Temperature.At(at)), flag(j.a.Causal && !sp.Whole)
		for k := range parts {
			end, in := s.stretch(c, layer, lo, hi, j.limit)
			s.lists.add(in, f.slot, sp.Row+i, at, lo, end, table, factor, j.parts+k, rows, parts, hides)
			lo = end
		}
		for r := range rows {
			j.rows = append(j.rows, sp.Row+i+r, j.parts, parts)
			j.parts += parts
		}
		j.whole = j.whole && parts == 1
	}
}

// partsOf returns into how many parts stretch divides the keys; 1 if there are none.
func (s *step) partsOf(c *state, layer, lo, hi, limit int) int {
	n := 1
	for end, _ := s.stretch(c, layer, lo, hi, limit); end < hi; n++ {
		end, _ = s.stretch(c, layer, end, hi, limit)
	}
	return n
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
