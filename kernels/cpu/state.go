package cpu

import (
	"fmt"
	"slices"
	"unsafe"

	"soberano/kernels"
)

// state implements kernels.State. Layers with the same window form a group. The keys and values of a group are in pages
// of 256 positions, which are allocated when the first of their positions is added, so that a short
// conversation takes little memory however large its context may become:
//
//	layers without a window   page 0 │ page 1 │ page 2 │ page 3 │ page 4
//	layers with one of 512                       page 2 │ page 3 │ page 4
//	recurrent layers          one block of float32 values
//
// A page contains memory of every layer of its group (keysvalues.go). A fork shares the pages of its original. A state that
// adds a position to a shared page copies the page first (copy-on-write).
type state struct {
	plan    *plan
	dev     *device
	n       int // positions
	groups  []group
	carried *shared // values of the recurrent layers; nil stands for zeros
	at      []int   // number of positions that each layer has processed
	closed  bool
}

// group is the pages of all layers with one window.
type group struct {
	first int // number of the first page
	pages []*shared
}

// plan is what all states of one shape have in common.
type plan struct {
	shape   kernels.StateShape
	layers  []layerForm
	groups  []*form
	windows []int // window of each group
	carried *form // of the recurrent layers; nil if there are none
}

// layerForm describes how the memory of one layer is organised.
type layerForm struct {
	kernels.Layer
	latent bool // its kind is kernels.Latent; it is stored as keys and values of one head
	group  int  // number of its group, for KeysValues
	at     int  // offset of the layer's memory in a page, or in the block of recurrent values, in bytes
	kind   kind
	width  int  // bytes of a value
	dims   int  // ValueDim, rounded up to 32
	words  bool // it is multiplied with many rows in 16-bit integers; see attend16.go
}

// maxStateBytes is an upper bound of the size of a state; a larger one is a mistake.
const maxStateBytes = 1 << 43

// NewState returns an empty state.
func (d *device) NewState(s kernels.StateShape) (kernels.State, error) {
	if d.closed {
		return nil, errClosed
	}
	p, size, err := d.plan(s)
	if err == nil && p == nil {
		err = fmt.Errorf("a context of %d positions needs %.0f GiB or more; choose a shorter one", s.Cap, size/(1<<30))
	}
	if err != nil {
		return nil, fmt.Errorf("cpu: NewState: %w", err)
	}
	return p.state(d), nil
}

// state returns an empty state of this plan.
func (p *plan) state(d *device) *state {
	return &state{plan: p, dev: d, groups: make([]group, len(p.groups)), at: make([]int, len(p.layers))}
}

// plan checks a shape and determines the place of each layer in memory. size is the size in bytes of a full state without
// windows. If it exceeds maxStateBytes, there is no plan, and size may be too small.
func (d *device) plan(s kernels.StateShape) (p *plan, size float64, err error) {
	if err := s.Check(); err != nil {
		return nil, 0, err
	}
	p = &plan{shape: kernels.StateShape{Layers: slices.Clone(s.Layers), Cap: s.Cap}}
	for _, l := range s.Layers {
		latent := l.Kind == kernels.Latent
		if latent {
			// The values are stored in addition to the keys, in the layout that the product with them needs.
			l.Kind, l.KVHeads = kernels.KeysValues, 1
		}
		f := d.formOf(l)
		f.latent = latent
		if l.Kind == kernels.KeysValues {
			f.group = p.groupOf(l.Window)
			size += float64(s.Cap+page) / page * float64(l.KVHeads) * float64(f.headBytes())
		} else {
			size += 4 * float64(l.Rows) * float64(l.Cols)
		}
		if size > maxStateBytes {
			return nil, size, nil
		}
		p.layers = append(p.layers, f)
	}
	p.place(d)
	return p, size, nil
}

// groupOf returns the number of the group of layers with a window, which it adds if necessary.
func (p *plan) groupOf(window int) int {
	g := slices.Index(p.windows, window)
	if g < 0 {
		g = len(p.windows)
		p.windows = append(p.windows, window)
	}
	return g
}

// place determines the offset of each layer in its group's pages, and the forms of the pages.
func (p *plan) place(d *device) {
	for g := range p.windows {
		p.groups = append(p.groups, p.pack(d, func(f *layerForm) (int, bool) {
			return f.KVHeads * f.headBytes(), f.Kind == kernels.KeysValues && f.group == g
		}))
	}
	if slices.ContainsFunc(p.layers, func(f layerForm) bool { return f.Kind == kernels.Recurrent }) {
		p.carried = p.pack(d, func(f *layerForm) (int, bool) {
			return (4*f.Rows*f.Cols + 63) &^ 63, f.Kind == kernels.Recurrent
		})
	}
}

// pack places the layers for which size returns true one after the other, and returns the form of their memory.
func (p *plan) pack(d *device, size func(*layerForm) (bytes int, in bool)) *form {
	var in []layerForm
	at := 0
	for i := range p.layers {
		f := &p.layers[i]
		if n, ok := size(f); ok {
			f.at = at
			at += n
			in = append(in, *f)
		}
	}
	return d.pages.form(in, at)
}

func (s *state) Cap() int { return s.plan.shape.Cap }
func (s *state) Len() int { return s.n }

// Bytes returns the memory held. Of memory that several states share, each counts an equal part.
func (s *state) Bytes() int64 {
	sum := int64(0)
	for _, g := range s.groups {
		for _, m := range g.pages {
			sum += int64(m.form.bytes) / int64(max(1, m.holds.Load()))
		}
	}
	if s.carried != nil {
		sum += int64(s.carried.form.bytes) / int64(max(1, s.carried.holds.Load()))
	}
	return sum
}

// MaxBytes returns the largest value that Bytes can reach.
func (s *state) MaxBytes(step int) int64 { return s.plan.maxBytes(step) }

func (p *plan) maxBytes(step int) int64 {
	sum := int64(0)
	for g, f := range p.groups {
		n := pagesOf(p.shape.Cap)
		if w := p.windows[g]; w > 0 {
			// The window of a step's first row may begin at any position of a page.
			n = min(n, pagesOf(w-1+max(1, step)+page-1))
		}
		sum += int64(n) * int64(f.bytes)
	}
	if p.carried != nil {
		sum += int64(p.carried.bytes)
	}
	return sum
}

// StateBytes returns the memory of a full state that is filled in steps of at most step positions, with the
// default Options. It returns 0 for an impossible shape.
func StateBytes(s kernels.StateShape, step int) int64 {
	p, size, err := (&device{}).plan(s)
	switch {
	case err != nil:
		return 0
	case p == nil:
		return int64(min(size, 1<<62))
	}
	return p.maxBytes(step)
}

// pagesOf returns how many pages that many positions take.
func pagesOf(positions int) int { return (positions + page - 1) / page }

// Truncate removes the positions from n on.
func (s *state) Truncate(n int) bool {
	s.mustBeOpen()
	switch {
	case n < 0 || n > s.n:
		return false
	case n == s.n:
		return true
	case n == 0:
		s.releaseAll()
		return true
	case s.plan.carried != nil:
		return false
	}
	for i, g := range s.groups {
		if w := s.plan.windows[i]; w > 0 && n-w+1 < g.first*page && g.first > 0 {
			return false
		}
	}
	for i := range s.groups {
		s.groups[i].cut(s.dev, n)
	}
	s.n = n
	return true
}

// cut releases the pages that have no position below n.
func (g *group) cut(d *device, n int) {
	keep := max(0, pagesOf(n)-g.first)
	for i := keep; i < len(g.pages); i++ {
		d.pages.release(g.pages[i])
		g.pages[i] = nil
	}
	g.pages = g.pages[:min(keep, len(g.pages))]
}

// releaseAll releases all memory of the state.
func (s *state) releaseAll() {
	for i := range s.groups {
		s.groups[i].cut(s.dev, 0)
		s.groups[i].first = 0
	}
	if s.carried != nil {
		s.dev.pages.release(s.carried)
		s.carried = nil
	}
	clear(s.at)
	s.n = 0
}

// Fork returns a state that shares the memory.
func (s *state) Fork() (kernels.State, error) {
	s.mustBeOpen()
	f := s.plan.state(s.dev)
	f.n, f.carried = s.n, s.carried
	copy(f.at, s.at)
	for i, g := range s.groups {
		f.groups[i] = group{g.first, slices.Clone(g.pages)}
		for _, m := range g.pages {
			m.holds.Add(1)
		}
	}
	if s.carried != nil {
		s.carried.holds.Add(1)
	}
	return f, nil
}

// Close releases the memory.
func (s *state) Close() error {
	s.releaseAll()
	s.closed = true
	return nil
}

func (s *state) mustBeOpen() {
	if s.closed {
		panic("cpu: a state is used after Close")
	}
}

// stateOf returns the state of a span. It panics if the state is closed or belongs to another device.
func (d *device) stateOf(op string, s kernels.Span) *state {
	c, ok := s.State.(*state)
	switch {
	case !ok || c.dev != d:
		panic("cpu: " + op + ": a state of another device")
	case c.closed:
		panic("cpu: " + op + ": the state is closed")
	}
	return c
}

// extend prepares layer l for positions pos … pos+n-1: it allocates pages that are not shared with other states, and releases
// the pages that neither these positions nor later ones attend to.
func (s *state) extend(l, pos, n int) {
	f := &s.plan.layers[l]
	switch {
	case pos > s.n:
		panic("cpu: positions are added beyond the end of a state")
	case n == 0:
		return
	}
	if f.Window > 0 {
		s.slide(&s.groups[f.group], pos-f.Window+1)
	}
	for p := pos / page; p <= (pos+n-1)/page; p++ {
		s.own(f.group, p, pos-p*page)
	}
	s.n = pos + n
	// Behind the last position, a panel that was begun now may contain values of another state, and one that was written
	// before may contain values that this state has truncated.
	if s.n%32 != 0 && (s.n&^31 >= pos || s.at[l] > s.n) {
		v := s.layer(l)
		v.clearValues(s.n, (s.n+31)&^31)
	}
	s.at[l] = s.n
}

// slide releases the pages that only have positions below from.
func (s *state) slide(g *group, from int) {
	if from < g.first*page && g.first > 0 {
		panic("cpu: a position sees others that its window has let go of")
	}
	for len(g.pages) > 0 && (g.first+1)*page <= from {
		s.dev.pages.release(g.pages[0])
		g.pages = slices.Delete(g.pages, 0, 1)
		g.first++
	}
}

// own ensures that page p of group gi is not shared with other states, and keeps its first n positions.
func (s *state) own(gi, p, n int) {
	g := &s.groups[gi]
	i := p - g.first
	if i == len(g.pages) {
		g.pages = append(g.pages, s.dev.pages.take(s.plan.groups[gi]))
		return
	}
	old := g.pages[i]
	if old.holds.Load() == 1 {
		return
	}
	m := s.dev.pages.take(old.form)
	for l := range old.form.layers {
		old.form.layers[l].copyTo(m.data, old.data, n)
	}
	g.pages[i] = m
	s.dev.pages.release(old)
}

// recurrent returns the values of layer l, [Rows][Cols], to an operation that advances them from position pos to
// pos+n. They are not shared with other states.
func (s *state) recurrent(l, pos, n int) []float32 {
	f := &s.plan.layers[l]
	switch {
	case f.Kind != kernels.Recurrent:
		panic("cpu: a layer without recurrent values")
	case s.at[l] != pos || pos > s.n:
		panic("cpu: recurrent values of another position")
	case pos+n > s.plan.shape.Cap:
		panic("cpu: positions beyond the state")
	}
	s.ownCarried()
	s.at[l], s.n = pos+n, pos+n
	b := s.carried.data[f.at:]
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), f.Rows*f.Cols)
}

// ownCarried ensures that the values of the recurrent layers are not shared with other states.
func (s *state) ownCarried() {
	old := s.carried
	if old != nil && old.holds.Load() == 1 {
		return
	}
	s.carried = s.dev.pages.take(s.plan.carried)
	if old == nil {
		clear(s.carried.data)
		return
	}
	copy(s.carried.data, old.data)
	s.dev.pages.release(old)
}
