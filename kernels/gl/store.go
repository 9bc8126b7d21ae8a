//go:build (linux || windows) && cgo

package gl

import "soberano/kernels"

// Store writes the rows of k and v to the states of the spans at layer.
func (s *step) Store(k, v kernels.Tensor, layer int, a *kernels.Attention) {
	s.In("Store", &k)
	s.In("Store", &v)
	key, value := a.Dims()
	if k.Rows != v.Rows || k.Cols != a.KVHeads*key || v.Cols != a.KVHeads*value {
		panic("gl: Store: shapes differ")
	}
	s.store("Store", k, v, layer, s.Spans(a), func(c *state, sp kernels.Span) { c.CheckStore("Store", sp, layer, k.Rows, a) })
}

// StoreLatent writes the rows of x to the states of the spans at layer.
func (s *step) StoreLatent(x kernels.Tensor, layer int) {
	s.In("StoreLatent", &x)
	s.store("StoreLatent", x, x, layer, s.Batch.Spans, func(c *state, sp kernels.Span) {
		c.CheckStoreLatent("StoreLatent", sp, layer, x.Rows, x.Cols)
	})
}

// store writes the rows of k and v to the states of the spans at layer. check panics if a span does not fit its state.
func (s *step) store(op string, k, v kernels.Tensor, layer int, spans []kernels.Span, check func(*state, kernels.Span)) {
	for _, sp := range spans {
		c := s.stateOf(op, sp)
		check(c, sp)
		s.pager = pager{s, c}
		c.Extend(&s.pager, layer, sp.Pos, sp.N)
	}
	s.lists.reset()
	for _, sp := range spans {
		c := s.stateOf(op, sp)
		f := &c.plan.layers[layer]
		for i := range sp.N {
			at := sp.Pos + i
			m := s.page(c, layer, at)
			s.lists.add(m.slab, f.slot, sp.Row+i, m.index*positions+at%positions)
		}
	}
	if s.err != nil || len(spans) == 0 {
		return
	}
	f := &s.stateOf(op, spans[0]).plan.layers[layer]
	option, others, rotation := flag(s.d.exact), 0, []int(nil)
	if s.rotatesFirst(&k, &v, f, spans) {
		option, rotation = storeRotated, s.takeRotation(&k, f)
		others = rotation[0] * rotation[5] // pairs of heads that are no keys
	}
	first := len(s.commands)
	for _, l := range s.lists.used() {
		n := len(l.numbers) / 2
		params := []int{n, f.heads, f.KeyDim, f.ValueDim, f.keyWords, f.valueWords, s.table(l.numbers...), k.Offset, k.Stride, v.Offset, v.Stride}
		s.run(program{kernel: "store", option: option}, over(n*(others+f.heads*(f.keyWords+f.valueWords))),
			[]*buffer{l.slab.buffers[l.slot], bufferOf(&k), bufferOf(&v), uploads, uploads}, append(params, rotation...)...)
	}
	s.together(first)
}

// storeRotated is the option of store.glsl with which it rotates the keys, and the queries beside them, before.
const storeRotated = 2

// rotation is a Rotate that was recorded.
type rotation struct {
	end    int // number of commands behind it; 0: there is none
	x      kernels.Tensor
	r      kernels.RoPE
	pairs  int
	angles kernels.Tensor
}

// rotatesFirst reports whether the last command rotates heads of which some are the keys k, in a way that store.glsl can do as well, and each of its
// rows is stored once.
func (s *step) rotatesFirst(k, v *kernels.Tensor, f *layerForm, spans []kernels.Span) bool {
	o, rows := &s.rotation, 0
	for _, sp := range spans {
		if sp.Row != rows {
			return false
		}
		rows += sp.N
	}
	if o.end == 0 || o.end != len(s.commands) || s.d.exact || f.Kind == kernels.Latent || rows != o.x.Rows {
		return false
	}
	first := k.Offset - o.x.Offset
	inside := k.Buffer == o.x.Buffer && k.Stride == o.x.Stride && k.Rows == o.x.Rows && first >= 0 && first+k.Cols <= o.x.Cols
	apart := v.Buffer != o.x.Buffer || !v.Overlaps(o.x, o.x.Offset-v.Offset)
	halves := o.r.Offset%2 == 0 && (o.r.Interleaved || o.pairs%2 == 0) // a word of the pages has whole pairs, or the same halves of two
	return inside && apart && halves && o.r.HeadDim == f.KeyDim && first%f.KeyDim == 0
}

// takeRotation removes the last command, a rotation, and returns the parameters of store.glsl for it.
func (s *step) takeRotation(k *kernels.Tensor, f *layerForm) []int {
	o := &s.rotation
	s.commands = s.commands[:len(s.commands)-1]
	if n := len(s.commands); n > 0 {
		s.commands[n-1].more = 0
	}
	s.order.accesses = s.order.accesses[:0]
	return []int{o.pairs, o.r.Offset, flag(o.r.Interleaved), o.angles.Offset, o.angles.Stride, o.x.Cols/f.KeyDim - f.heads, (k.Offset - o.x.Offset) / f.KeyDim}
}

// page returns the page of a position at a layer, with memory.
func (s *step) page(c *state, layer, position int) *page {
	m := c.Group(layer).Page(position)
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
