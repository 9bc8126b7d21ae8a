package cpu

import (
	"slices"
	"sync"
	"sync/atomic"

	"soberano/kernels"
)

// page is how many positions a page holds, a multiple of 32.
const page = 256

// shared is memory of states: a page of a group of layers, or the values of the recurrent
// layers. It counts the states that hold it, and is written only by a state that holds it
// alone.
type shared struct {
	form  *form
	holds atomic.Int32
	data  []byte
}

// form says what shared memory looks like. A device has one of each, so that memory that a
// state gives back serves another.
type form struct {
	layers []layerForm // those that the memory holds something of
	bytes  int
	free   []*shared // guarded by pages.mu
}

// mostFree is the memory that a device keeps for the next page, in bytes.
const mostFree = 256 << 20

// pages is the memory of a device's states.
type pages struct {
	mu    sync.Mutex
	forms []*form
	spare int64 // bytes in the forms' free lists
}

// form returns the device's form for memory of these layers, bytes long.
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

// take returns memory that nobody else holds. It may hold what a state has left there, but
// what no Store writes is as in new memory: padding is zero, the scales of blocks are 1.
func (p *pages) take(f *form) *shared {
	p.mu.Lock()
	var m *shared
	if n := len(f.free); n > 0 {
		m = f.free[n-1]
		f.free[n-1], f.free = nil, f.free[:n-1]
		p.spare -= int64(f.bytes)
	}
	p.mu.Unlock()
	if m == nil {
		m = &shared{form: f, data: alignedBytes(f.bytes)}
		for i := range f.layers {
			if l := &f.layers[i]; l.kind == q8s32 && l.Kind == kernels.KeysValues {
				l.unitScales(m.data)
			}
		}
	}
	m.holds.Store(1)
	return m
}

// release gives up a state's hold.
func (p *pages) release(m *shared) {
	if m.holds.Add(-1) > 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := int64(m.form.bytes); p.spare+n <= mostFree {
		m.form.free = append(m.form.free, m)
		p.spare += n
	}
}
