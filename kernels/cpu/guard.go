package cpu

import (
	"sync"
	"sync/atomic"
)

// guard checks the panels of a segment that was mapped from a file. The first worker that multiplies with a
// panel verifies its checksum immediately afterwards and, if it is wrong, repairs the panel and repeats the product. A panel is
// therefore read from memory only once, not before it is needed, and not at all if it is never used, as most experts. A damaged
// panel is repacked from the model's file at once; when the step ends, the whole segment is repacked (device.mend).
type guard struct {
	sums  []byte          // the checksum of each panel
	state []atomic.Uint32 // of each panel: unchecked, sound or spoiled
	file  *packedFile

	mu      sync.Mutex
	patches map[int][]byte // spoiled panels, repacked
}

const (
	unchecked = iota
	sound
	spoiled
)

// unchecked reports whether panel p has not been checked yet.
func (g *guard) unchecked(p int) bool { return g.state[p].Load() == unchecked }

// panel returns the memory of panel p of s, whose guard g is: the mapped memory, or the repacked copy of a damaged
// panel.
func (g *guard) panel(s *segment, p int) []byte {
	if g.state[p].Load() == spoiled {
		return g.patch(s, p)
	}
	return s.data[p*s.size:][:s.size]
}

// sound checks panel p of s and reports whether it is intact. If it is not, panel returns a repacked copy from then on.
func (g *guard) sound(s *segment, p int) bool {
	switch g.state[p].Load() {
	case sound:
		return true
	case unchecked:
		if checksumOf(g.file.lv, s.panel(p)) == checksum(g.sums[sumBytes*p:]) {
			g.state[p].Store(sound)
			return true
		}
		g.patch(s, p)
	}
	return false
}

// patch returns panel p of s, repacked from the model's file.
func (g *guard) patch(s *segment, p int) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b, ok := g.patches[p]; ok {
		return b
	}
	one := *s
	one.rows, one.panels, one.guard = min(32, s.rows-32*p), 1, nil
	one.source.Data = s.source.Data[32*p*s.bytesPerRow:]
	one.data = alignedBytes(s.size)
	one.pack(&packer{lv: g.file.lv}, 0)
	if g.patches == nil {
		g.patches = map[int][]byte{}
	}
	g.patches[p] = one.data
	g.state[p].Store(spoiled)
	g.file.damage.Store(true)
	return one.data
}

// damaged reports whether a panel of s in the mapped file differs from what was written.
func (s *segment) damaged() bool {
	if s.guard == nil {
		return false
	}
	s.guard.mu.Lock()
	defer s.guard.mu.Unlock()
	return len(s.guard.patches) > 0
}

// sums returns the checksums of the panels of s.
func (s *segment) sums(lv level) []byte {
	b := make([]byte, 0, sumBytes*s.panels)
	for p := range s.panels {
		sum := checksumOf(lv, s.panel(p))
		b = append(b, sum[:]...)
	}
	return b
}

// check checks the panels in bytes from … to of s on all workers.
func (d *device) check(s *segment, from, to int) {
	if s.guard == nil {
		return
	}
	first := from / s.size
	run := job(func(_, c int) { s.guard.sound(s, first+c) })
	d.do((to+s.size-1)/s.size-first, &run)
}

// mend repacks the segments with damaged panels and removes the damaged file (which calls Damaged). It is called
// between steps.
func (d *device) mend() {
	for _, s := range d.segments {
		if s.damaged() {
			d.repack(s)
		}
	}
	d.file.damage.Store(false)
	d.file.remove()
}

// repack repacks s from the model's file.
func (d *device) repack(s *segment) {
	s.guard, s.scale = nil, 1
	s.fill(d, d.store.take(s.bytes()))
}
