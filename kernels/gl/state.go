//go:build linux && cgo

package gl

import (
	"fmt"
	"slices"

	"soberano/kernels"
)

// state implements kernels.State. Layers with the same window form a group, whose keys and values are in pages of 256 positions
// (form), allocated when the first of their positions is added. The recurrent layers have one page of float32 values. A fork shares
// the pages of its original; a state that adds a position to a shared page copies the page first (copy-on-write).
//
// Keys and values are float16, two in a word, or float32 (Options.Exact). A page of a layer with keys of K and values of V dimensions has for each head
// [256][keyWords] words of keys and, unless the layer is latent, [256][valueWords] words of values.
type state struct {
	plan    *plan
	dev     *device
	n       int // positions
	groups  []group
	carried *page // values of the recurrent layers; nil stands for zeros
	at      []int // number of positions that each layer has processed
	closed  bool
}

// group is the pages of all layers with one window.
type group struct {
	first int // number of the first page
	pages []*page
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
	group      int // number of its group, unless it is recurrent
	slot       int // index of its memory in the form
	heads      int // of keys and values
	keyWords   int // words of a key
	valueWords int // words of a value that lie behind the keys; 0 in a latent layer
	words      int // of a page
}

const (
	// maxStateBytes is an upper bound of the size of a state; a larger one is a mistake.
	maxStateBytes = 1 << 43
	// mostDims is the most dimensions of a key or value; see attend.glsl.
	mostDims = 1024
)

// NewState returns an empty state.
func (d *device) NewState(s kernels.StateShape) (kernels.State, error) {
	if d.closed {
		return nil, errClosed
	}
	p, err := d.plan(s)
	if err != nil {
		return nil, fmt.Errorf("gl: NewState: %w", err)
	}
	return p.state(d), nil
}

func (p *plan) state(d *device) *state {
	return &state{plan: p, dev: d, groups: make([]group, len(p.groups)), at: make([]int, len(p.layers))}
}

// plan checks a shape and determines the place of each layer in memory.
func (d *device) plan(s kernels.StateShape) (*plan, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	p := &plan{shape: kernels.StateShape{Layers: slices.Clone(s.Layers), Cap: s.Cap}}
	var words [][]int // of the layers of each group
	var carried []int
	size := 0.0
	for i, l := range s.Layers {
		f, bytes := d.formOf(l)
		if size += bytes * float64(s.Cap/positions+1); size > maxStateBytes {
			return nil, fmt.Errorf("a context of %d positions needs %.0f GiB or more; choose a shorter one", s.Cap, size/(1<<30))
		}
		if bytes > 4*float64(d.gpu.most) || l.Kind != kernels.Recurrent && max(l.KeyDim, l.ValueDim) > mostDims {
			return nil, fmt.Errorf("layer %d: %w: keys and values of %d and %d dimensions, %.0f bytes", i, ErrUnsupported, l.KeyDim, l.ValueDim, bytes)
		}
		if l.Kind == kernels.Recurrent {
			f.slot, carried = len(carried), append(carried, f.words)
		} else {
			if f.group = slices.Index(p.windows, l.Window); f.group < 0 {
				f.group = len(p.windows)
				p.windows, words = append(p.windows, l.Window), append(words, nil)
			}
			f.slot, words[f.group] = len(words[f.group]), append(words[f.group], f.words)
		}
		p.layers = append(p.layers, f)
	}
	for _, w := range words {
		p.groups = append(p.groups, d.pages.form(w, min(4, d.slabPages(w)), min(32, d.slabPages(w))))
	}
	if carried != nil {
		p.carried = d.pages.form(carried, 1, min(8, d.slabPages(carried)))
	}
	return p, nil
}

// slabPages returns how many pages a buffer can have for each of the layers with so many words.
func (d *device) slabPages(words []int) int { return max(1, d.gpu.most/slices.Max(words)) }

// wordsOf returns the number of words of a key or value, rounded up to 16 bytes, which a shader reads at once.
func (d *device) wordsOf(dims int) int {
	if d.exact {
		return (dims + 3) / 4 * 4
	}
	return (dims + 7) / 8 * 4
}

// formOf returns the form of a layer and the bytes of a page, which may exceed every memory.
func (d *device) formOf(l kernels.Layer) (f layerForm, bytes float64) {
	f = layerForm{Layer: l, heads: l.KVHeads, keyWords: d.wordsOf(l.KeyDim), valueWords: d.wordsOf(l.ValueDim)}
	switch l.Kind {
	case kernels.Recurrent:
		f.words, bytes = l.Rows*l.Cols, 4*float64(l.Rows)*float64(l.Cols)
		return f, bytes
	case kernels.Latent:
		f.heads, f.valueWords = 1, 0
	}
	f.words = f.heads * positions * (f.keyWords + f.valueWords)
	return f, 4 * positions * float64(f.heads) * (float64(f.keyWords) + float64(f.valueWords))
}

func (s *state) Cap() int { return s.plan.shape.Cap }
func (s *state) Len() int { return s.n }

// Bytes returns the memory held. Of memory that several states share, each counts an equal part.
func (s *state) Bytes() int64 {
	sum := int64(0)
	for _, g := range s.groups {
		for _, m := range g.pages {
			sum += m.form.bytes() / int64(max(1, m.holds.Load()))
		}
	}
	if s.carried != nil {
		sum += s.carried.form.bytes() / int64(max(1, s.carried.holds.Load()))
	}
	return sum
}

// MaxBytes returns the largest value that Bytes can reach.
func (s *state) MaxBytes(step int) int64 {
	sum := int64(0)
	for g, f := range s.plan.groups {
		n := pagesOf(s.plan.shape.Cap)
		if w := s.plan.windows[g]; w > 0 {
			// The window of a step's first row may begin at any position of a page.
			n = min(n, pagesOf(w-1+max(1, step)+positions-1))
		}
		sum += int64(n) * f.bytes()
	}
	if s.plan.carried != nil {
		sum += s.plan.carried.bytes()
	}
	return sum
}

// pagesOf returns how many pages that many positions take.
func pagesOf(n int) int { return (n + positions - 1) / positions }

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
		if w := s.plan.windows[i]; w > 0 && n-w+1 < g.first*positions && g.first > 0 {
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
	keep := min(max(0, pagesOf(n)-g.first), len(g.pages))
	for _, m := range g.pages[keep:] {
		d.pages.release(m)
	}
	clear(g.pages[keep:])
	g.pages = g.pages[:keep]
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
		panic("gl: a state is used after Close")
	}
}

// stateOf returns the state of a span and its layer. It panics if the state is closed or belongs to another device, or has no such
// layer.
func (s *step) stateOf(op string, sp kernels.Span, layer int) (*state, *layerForm) {
	c, ok := sp.State.(*state)
	switch {
	case !ok || c.dev != s.d:
		panic("gl: " + op + ": a state of another device")
	case c.closed:
		panic("gl: " + op + ": the state is closed")
	case layer < 0 || layer >= len(c.plan.layers):
		panic("gl: " + op + ": the state has no such layer")
	}
	return c, &c.plan.layers[layer]
}

// extend prepares layer l of a state for positions pos … pos+n-1: it takes pages that are not shared with other states, and releases
// the pages that neither these positions nor later ones attend to.
func (s *step) extend(c *state, l, pos, n int) {
	f := &c.plan.layers[l]
	switch {
	case pos > c.n:
		panic("gl: positions are added beyond the end of a state")
	case n == 0:
		return
	}
	g := &c.groups[f.group]
	if f.Window > 0 {
		c.slide(g, pos-f.Window+1)
	}
	for p := pos / positions; p <= (pos+n-1)/positions; p++ {
		if i := p - g.first; i == len(g.pages) {
			g.pages = append(g.pages, s.fresh(c.plan.groups[f.group]))
		} else {
			g.pages[i] = s.own(g.pages[i])
		}
	}
	c.n, c.at[l] = pos+n, pos+n
}

// slide releases the pages that only have positions below from.
func (c *state) slide(g *group, from int) {
	if from < g.first*positions && g.first > 0 {
		panic("gl: a position sees others that its window has let go of")
	}
	for len(g.pages) > 0 && (g.first+1)*positions <= from {
		c.dev.pages.release(g.pages[0])
		g.pages = slices.Delete(g.pages, 0, 1)
		g.first++
	}
}

// fresh returns a page with memory.
func (s *step) fresh(f *form) *page {
	m := s.d.pages.take(f)
	s.fail(s.d.ensure(m))
	return m
}

// own returns a page with the content of m that no other state shares.
func (s *step) own(m *page) *page {
	if m.holds.Load() == 1 {
		return m
	}
	copied := s.fresh(m.form)
	if s.err == nil {
		for i, n := range m.form.words {
			s.copyWords(copied.slab.buffers[i], copied.index*n, m.slab.buffers[i], m.index*n, n)
		}
	}
	s.d.pages.release(m)
	return copied
}
