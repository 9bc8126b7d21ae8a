package cpu

import (
	"slices"
	"sync"

	"soberano/kernels"
	"soberano/kernels/contract"
)

// page is the number of positions in a page, a multiple of 32.
const page = contract.Positions

// shared is reference-counted memory of states: a page of a group of layers, or the values of the recurrent layers.
type shared struct {
	contract.Users
	form *form
	data []byte
}

// form describes the layout of shared memory. A device has only one form of each layout, so that the memory that a
// state releases can be reused by another.
type form struct {
	layers []layerForm // layers whose values the memory contains
	bytes  int
	free   []*shared // guarded by pages.mu
}

// mostFree is how much released memory a device keeps for reuse, in bytes.
const mostFree = 256 << 20

// pages manages the memory of a device's states.
type pages struct {
	mu    sync.Mutex
	forms []*form
	spare int64 // bytes in the forms' free lists
	used  int   // pages and recurrent values that states hold
}

// PagesInUse returns how many pages, and blocks of recurrent values, the states of the device hold: 0 when all are closed.
func (d *device) PagesInUse() int {
	d.pages.mu.Lock()
	defer d.pages.mu.Unlock()
	return d.pages.used
}

// form returns the device's form for memory of these layers, with a size in bytes.
func (p *pages) form(layers []layerForm, bytes int) *form {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.forms {
		if f.bytes == bytes && slices.Equal(f.layers, layers) {
			return f
		}
	}
	f := &form{layers: layers, bytes: bytes}
	p.forms = append(p.forms, f)
	return f
}

// take returns memory with one user. It may contain values of a former user, but the parts
// that Store never writes are as in new memory: padding is zero, and the scales of value blocks in integers are 1.
func (p *pages) take(f *form) *shared {
	p.mu.Lock()
	var m *shared
	p.used++
	if n := len(f.free); n > 0 {
		m = f.free[n-1]
		f.free[n-1], f.free = nil, f.free[:n-1]
		p.spare -= int64(f.bytes)
	}
	p.mu.Unlock()
	if m == nil {
		m = newShared(f)
	}
	m.First()
	return m
}

// newShared returns new memory.
func newShared(f *form) *shared {
	m := &shared{form: f, data: alignedBytes(f.bytes)}
	for i := range f.layers {
		if l := &f.layers[i]; l.ints() && l.Kind == kernels.KeysValues {
			l.unitScales(m.data)
		}
	}
	return m
}

// release decrements the count of users of m.
func (p *pages) release(m *shared) {
	if !m.Leave() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
	if n := int64(m.form.bytes); p.spare+n <= mostFree {
		m.form.free = append(m.form.free, m)
		p.spare += n
	}
}
