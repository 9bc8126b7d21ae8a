package cpu

import (
	"encoding/binary"
	"hash/crc32"
	"sync"
	"sync/atomic"
)

// guard checks the memory of a segment that was found in a file, panel by panel. The worker that is
// the first to multiply with a panel compares its checksum right afterwards, and multiplies again if
// it does not agree: so the panel comes from memory only once, while the product is computed, nothing
// is read earlier than it is needed, and nothing that is never used, as most experts. (CRC-32C of data
// in the cache: 25 GB/s on a Zen 4.) A panel that is not what was written is repacked at once; when
// the step ends, the whole segment is (device.mend).
type guard struct {
	sums  []byte          // CRC-32C of each panel, little-endian
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

// panel returns the memory of panel p of s, of which g is the guard: what was found in the file, or
// what has replaced it.
func (g *guard) panel(s *segment, p int) []byte {
	if g.state[p].Load() == spoiled {
		return g.patch(s, p)
	}
	return s.data[p*s.size:][:s.size]
}

// sound checks panel p of s. If it is not what was written, panel returns another one from then on.
func (g *guard) sound(s *segment, p int) bool {
	switch g.state[p].Load() {
	case sound:
		return true
	case unchecked:
		if crc32.Checksum(s.data[p*s.size:][:s.size], castagnoli) == binary.LittleEndian.Uint32(g.sums[4*p:]) {
			g.state[p].Store(sound)
			return true
		}
		g.patch(s, p)
	}
	return false
}

// patch repacks panel p of s from the model's file.
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

// damaged reports whether a panel of s that was found in a file is not what was written there.
func (s *segment) damaged() bool {
	if s.guard == nil {
		return false
	}
	s.guard.mu.Lock()
	defer s.guard.mu.Unlock()
	return len(s.guard.patches) > 0
}

// sums returns the checksums of the panels of s, as a guard has them.
func (s *segment) sums() []byte {
	b := make([]byte, 0, 4*s.panels)
	for p := range s.panels {
		b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(s.panel(p), castagnoli))
	}
	return b
}

// check checks the panels in bytes from … to of s.
func (d *device) check(s *segment, from, to int) {
	if s.guard == nil {
		return
	}
	first := from / s.size
	run := job(func(_, c int) { s.guard.sound(s, first+c) })
	d.do((to+s.size-1)/s.size-first, &run)
}

// mend repacks the segments of which panels were found damaged, removes the file and says so. It is
// called between steps.
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
