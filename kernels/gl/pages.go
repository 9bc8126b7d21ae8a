//go:build (linux || windows) && cgo

package gl

import (
	"slices"
	"sync"

	"soberano/kernels/contract"
)

// positions is the number of positions in a page.
const positions = contract.Positions

// form is what pages of one kind consist of: for each of some layers, so many words. All pages of a layer lie in a few buffers,
// its slabs, so that an attention binds one buffer and finds the pages by number:
//
//	slab 0, layer 0   page 0 │ page 1 │ page 2 │ page 3
//	slab 0, layer 1   page 0 │ page 1 │ page 2 │ page 3
//	slab 1, layer 0   page 0 │ … │ page 7
type form struct {
	words []int // of each layer
	first int   // pages of the first slab; each further one has twice as many, up to most
	most  int

	slabs []*slab
	free  []*page // pages that were released, guarded by pages.mu
}

// slab is memory of several pages. Its buffers are allocated by the first step that uses it.
type slab struct {
	pages, used int
	buffers     []*buffer // of each layer
}

// page is reference-counted memory of states: 256 positions of all layers of a group, or the values of the recurrent layers.
type page struct {
	contract.Users
	form  *form
	slab  *slab
	index int
}

// bytes returns the memory of one page.
func (f *form) bytes() int64 {
	sum := int64(0)
	for _, n := range f.words {
		sum += 4 * int64(n)
	}
	return sum
}

// mostIdle is how much memory of pages that no state uses a device keeps, in bytes.
const mostIdle = 256 << 20

// pages manages the memory of a device's states. States that are used by different goroutines share it.
type pages struct {
	mu       sync.Mutex
	forms    []*form
	mostIdle int64
}

// form returns the device's form for layers of these sizes. A slab has most pages at most.
func (p *pages) form(words []int, first, most int) *form {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.forms {
		if f.first == first && f.most == most && slices.Equal(f.words, words) {
			return f
		}
	}
	f := &form{words: words, first: first, most: most}
	p.forms = append(p.forms, f)
	return f
}

// take returns a page of undefined content with one user.
func (p *pages) take(f *form) *page {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := (*page)(nil)
	if n := len(f.free); n > 0 {
		m = f.free[n-1]
		f.free[n-1], f.free = nil, f.free[:n-1]
	} else {
		m = f.next()
	}
	m.First()
	return m
}

// next returns a page that was not used before.
func (f *form) next() *page {
	n := len(f.slabs)
	if n == 0 || f.slabs[n-1].used == f.slabs[n-1].pages {
		f.slabs = append(f.slabs, &slab{pages: min(f.first<<min(n, 8), f.most)})
		n++
	}
	s := f.slabs[n-1]
	s.used++
	return &page{form: f, slab: s, index: s.used - 1}
}

// release decrements the count of users of m.
func (p *pages) release(m *page) {
	if !m.Leave() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	m.form.free = append(m.form.free, m)
}

// idle returns the buffers of forms of which no page is in use, if they have more than mostIdle bytes. The forms lose them. It must
// be called between steps, whose commands name buffers.
func (p *pages) idle() (all []*buffer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	bytes := int64(0)
	var idle []*form
	for _, f := range p.forms {
		used := 0
		for _, s := range f.slabs {
			used += s.used
		}
		if used > 0 && used == len(f.free) {
			idle, bytes = append(idle, f), bytes+int64(used)*f.bytes()
		}
	}
	if bytes <= p.mostIdle {
		return nil
	}
	for _, f := range idle {
		for _, s := range f.slabs {
			all = append(all, s.buffers...)
		}
		f.slabs, f.free = nil, nil
	}
	return all
}

// ensure allocates the buffers of the page's slab.
func (d *device) ensure(m *page) error {
	s := m.slab
	for len(s.buffers) < len(m.form.words) {
		b, err := d.allocate(4 * s.pages * m.form.words[len(s.buffers)])
		if err != nil {
			return err
		}
		s.buffers = append(s.buffers, b)
	}
	return nil
}
