//go:build linux && cgo

package gl

import "soberano/kernels"

// spans returns the spans on which an attention operates.
func (s *step) spans(a *kernels.Attention) []kernels.Span {
	if a.Cross {
		return s.batch.Cross
	}
	return s.batch.Spans
}

// holds reports whether the layer stores keys and values of the shape that a describes.
func (f *layerForm) holds(a *kernels.Attention, kind kernels.LayerKind) bool {
	key, value := a.Dims()
	return f.Kind == kind && f.heads == a.KVHeads && f.KeyDim == key && f.ValueDim == value
}

// Store writes the rows of k and v to the states of the spans at layer.
func (s *step) Store(k, v kernels.Tensor, layer int, a *kernels.Attention) {
	s.in("Store", &k)
	s.in("Store", &v)
	key, value := a.Dims()
	if k.Rows != v.Rows || k.Cols != a.KVHeads*key || v.Cols != a.KVHeads*value {
		panic("gl: Store: shapes differ")
	}
	s.store("Store", k, v, layer, s.spans(a), func(f *layerForm) bool { return f.holds(a, kernels.KeysValues) })
}

// StoreLatent writes the rows of x to the states of the spans at layer.
func (s *step) StoreLatent(x kernels.Tensor, layer int) {
	s.in("StoreLatent", &x)
	s.store("StoreLatent", x, x, layer, s.batch.Spans, func(f *layerForm) bool { return f.Kind == kernels.Latent && f.KeyDim == x.Cols })
}

// store writes the rows of k and v to the states of the spans at layer. It panics unless fits returns true for the layer.
func (s *step) store(op string, k, v kernels.Tensor, layer int, spans []kernels.Span, fits func(*layerForm) bool) {
	for _, sp := range spans {
		c, f := s.stateOf(op, sp, layer)
		if !fits(f) {
			panic("gl: " + op + ": the state has another shape")
		}
		if sp.Pos < 0 || sp.N < 0 || sp.Pos+sp.N > c.Cap() || sp.Row < 0 || sp.Row+sp.N > k.Rows {
			panic("gl: " + op + ": positions beyond the state or rows beyond the tensor")
		}
		s.extend(c, layer, sp.Pos, sp.N)
	}
	s.lists.reset()
	for _, sp := range spans {
		c, f := s.stateOf(op, sp, layer)
		for i := range sp.N {
			at := sp.Pos + i
			m := s.page(c, f, at/positions)
			s.lists.add(m.slab, f.slot, sp.Row+i, m.index*positions+at%positions)
		}
	}
	if s.err != nil || len(spans) == 0 {
		return
	}
	_, f := s.stateOf(op, spans[0], layer)
	for _, l := range s.lists.used() {
		n := len(l.numbers) / 2
		s.run(program{kernel: "store", option: flag(s.d.exact)}, over(n*f.heads*(f.keyWords+f.valueWords)),
			[]*buffer{l.slab.buffers[l.slot], bufferOf(&k), bufferOf(&v), uploads},
			n, f.heads, f.KeyDim, f.ValueDim, f.keyWords, f.valueWords, s.table(l.numbers...), k.Offset, k.Stride, v.Offset, v.Stride)
	}
}

// page returns page number p of the group of a layer.
func (s *step) page(c *state, f *layerForm, p int) *page {
	g := &c.groups[f.group]
	m := g.pages[p-g.first]
	s.fail(s.d.ensure(m))
	return m
}

// lists are numbers for a dispatch for each of several slabs. Their memory is reused.
type lists struct {
	all []list
	n   int
}

// list is the numbers for one layer of one slab.
type list struct {
	slab    *slab
	slot    int
	numbers []int
}

func (l *lists) reset() { l.n = 0 }

// used returns the lists that have numbers.
func (l *lists) used() []list { return l.all[:l.n] }

// add appends numbers to the list of a layer of a slab.
func (l *lists) add(s *slab, slot int, numbers ...int) {
	i := 0
	for i < l.n && (l.all[i].slab != s || l.all[i].slot != slot) {
		i++
	}
	if i == l.n {
		if i == len(l.all) {
			l.all = append(l.all, list{})
		}
		l.all[i].slab, l.all[i].slot, l.all[i].numbers = s, slot, l.all[i].numbers[:0]
		l.n++
	}
	l.all[i].numbers = append(l.all[i].numbers, numbers...)
}
