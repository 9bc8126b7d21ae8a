package cpu

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"sync/atomic"
)

const (
	packedMagic   = "soberano"
	packedVersion = 3 // to be raised with every change of layout.go
	packedPage    = 4096
	packedHead    = 8 + 8 + sha256.Size + 8 // up to and including the count
	packedEntry   = 6 * 8
	maxPacked     = 1 << 20 // segments
)

// packedWeights is a file of repacked weights, which saves the next run from repacking them:
//
//	"soberano" │ version │ key, 32 bytes │ matrices │ CRC-32C of what stands before it
//	matrices: count, then for each segment in the order of Load:
//	          kind │ rows │ cols │ scale (float32) │ offset │ length
//	then the segments' memory, each from a multiple of 4 KiB on, as layout.go draws it, and
//	behind it the CRC-32C of each panel
//
// Numbers are 8 bytes, little-endian. The key says which weights these are (Packed.Model)
// and in which layout (level and options, see packedKey). A file that does not fit in
// every respect is as good as none.
type packedWeights struct {
	data    []byte
	entries []packedSegment
	next    int
}

type packedSegment struct {
	kind        kind
	rows, cols  int
	scale       float32
	offset, len int
}

// panels returns the number of panels and their size; 0 for an impossible entry.
func (e packedSegment) panels() (n, size int) {
	if e.rows <= 0 || e.cols <= 0 || e.rows > 1<<31 || e.cols > 1<<31 {
		return 0, 0
	}
	return (e.rows + 31) / 32, e.kind.panelBytes(e.cols)
}

// errPacked is the reason that all unusable files share.
var errPacked = errors.New("cpu: not a file of these repacked weights")

// readPacked reads what writePacked wrote with the same key. data, usually a mapped file,
// must stay valid until the device is closed.
func readPacked(data []byte, key [32]byte) (*packedWeights, error) {
	p, found, err := parsePacked(data)
	if err == nil && found != key {
		err = errPacked
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// parsePacked reads what writePacked wrote, and with which key.
func parsePacked(data []byte) (p *packedWeights, key [32]byte, err error) {
	if len(data) < packedHead+4 || string(data[:8]) != packedMagic || number(data[8:]) != packedVersion {
		return nil, key, errPacked
	}
	n := number(data[packedHead-8:])
	if n > maxPacked || packedHead+int(n)*packedEntry+4 > len(data) {
		return nil, key, errPacked
	}
	head := data[:packedHead+int(n)*packedEntry]
	if crc32.Checksum(head, castagnoli) != binary.LittleEndian.Uint32(data[len(head):]) {
		return nil, key, errPacked
	}
	p = &packedWeights{data: data}
	for b := head[packedHead:]; len(b) > 0; b = b[packedEntry:] {
		s := packedSegment{
			kind: kind(b[0]), rows: int(number(b[8:])), cols: int(number(b[16:])),
			scale: math.Float32frombits(uint32(number(b[24:]))), offset: int(number(b[32:])), len: int(number(b[40:])),
		}
		if s.kind >= kinds {
			return nil, key, errPacked
		}
		n, size := s.panels()
		if n == 0 || s.len != n*size || s.offset < 0 || s.offset > len(data)-s.len-4*n || s.offset%packedPage != 0 {
			return nil, key, errPacked
		}
		p.entries = append(p.entries, s)
	}
	return p, [32]byte(data[16:]), nil
}

// memory returns the memory of a segment.
func (p *packedWeights) memory(e packedSegment) []byte { return p.data[e.offset:][:e.len:e.len] }

// sums returns the checksums of a segment's panels.
func (p *packedWeights) sums(e packedSegment) []byte {
	n, _ := e.panels()
	return p.data[e.offset+e.len:][:4*n]
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func number(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// packedKey joins the model's identity with all that the layout depends on.
func (d *device) packedKey(model [32]byte) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d %v %v %v %x", packedVersion, d.lv, d.exact, d.floats, model))
}

// take finds the memory of the next segment in the file, if it is s's.
func (p *packedWeights) take(s *segment, f *packedFile) bool {
	if p == nil || p.next == len(p.entries) {
		return false
	}
	e := p.entries[p.next]
	if e.kind != s.kind || e.rows != s.rows || e.cols != s.cols || e.len != s.bytes() {
		p.next = len(p.entries) // another order: none of the rest fits
		return false
	}
	p.next++
	s.scale, s.data = e.scale, p.memory(e)
	s.guard = &guard{sums: p.sums(e), state: make([]atomic.Uint32, s.panels), file: f}
	return true
}

// settle has weights that were found in a file move to memory of huge pages, where the
// system has them: mapped files have small pages, from which generation is about a tenth
// slower. Each step moves a part before it begins, so that a first answer does not wait
// for it and nothing else competes with the workers; Options.Forget is told what is no
// longer needed. Weights stay where they are if copies would leave the computer less than
// as much free memory again.
func (d *device) settle() {
	total := 0
	for _, s := range d.segments {
		total += s.bytes()
	}
	if _, available := Memory(); hugePages && available >= 2*int64(total) {
		d.move = mover{left: slices.Clone(d.segments), share: max(leastMove, total/moveSteps)}
	}
}

// In how many steps weights move, and how much one of them moves at least.
const (
	moveSteps  = 32
	leastMove  = 4 << 20
	movePiece  = 256 << 10 // of a chunk
	moveAtOnce = 8 << 20   // before pages of the file go
)

// mover is a move in progress.
type mover struct {
	left     []*segment
	share    int // bytes a step
	store    reserve
	from, to []byte // of the segment that is being copied
	run      job
}

func (m *mover) piece(_, c int) {
	at := c * movePiece
	copy(m.to[at:min(at+movePiece, len(m.to))], m.from[at:])
}

// moveSome moves what one step does. What has not been used yet is checked as it passes by.
func (d *device) moveSome() {
	m := &d.move
	m.run = m.piece
	for moved := 0; moved < m.share && len(m.left) > 0; m.left = m.left[1:] {
		s := m.left[0]
		moved += s.bytes()
		whole := m.store.take(s.bytes())[:s.bytes()]
		for at := 0; at < len(whole) && !s.damaged(); at += moveAtOnce {
			end := min(at+moveAtOnce, len(whole))
			d.check(s, at, end)
			m.from, m.to = s.data[at:end], whole[at:end]
			d.do((end-at+movePiece-1)/movePiece, &m.run)
			d.forgetAll(m.from)
		}
		if s.damaged() {
			d.repack(s)
			continue
		}
		s.moved, s.guard = whole, nil
	}
	if len(m.left) == 0 {
		d.move = mover{}
	}
}

// writePacked writes repacked weights. It fails if weights that were found in another file are
// damaged there.
func writePacked(w io.Writer, key [32]byte, segments []*segment) error {
	le := binary.LittleEndian
	head := le.AppendUint64([]byte(packedMagic), packedVersion)
	head = le.AppendUint64(append(head, key[:]...), uint64(len(segments)))
	at := pageUp(packedHead + len(segments)*packedEntry + 4)
	for _, s := range segments {
		for _, v := range []uint64{uint64(s.kind), uint64(s.rows), uint64(s.cols), uint64(math.Float32bits(s.scale)), uint64(at), uint64(s.bytes())} {
			head = le.AppendUint64(head, v)
		}
		at = pageUp(at + s.bytes() + 4*s.panels)
	}
	head = le.AppendUint32(head, crc32.Checksum(head, castagnoli))
	if err := writePages(w, head); err != nil {
		return err
	}
	for _, s := range segments {
		sums := s.sums()
		if s.guard != nil && !bytes.Equal(sums, s.guard.sums) {
			return errPacked
		}
		if err := writePages(w, s.data, sums); err != nil {
			return err
		}
	}
	return nil
}

func pageUp(n int) int { return (n + packedPage - 1) &^ (packedPage - 1) }

// writePages writes parts and zeros up to the next page.
func writePages(w io.Writer, parts ...[]byte) error {
	n := 0
	for _, b := range parts {
		if _, err := w.Write(b); err != nil {
			return err
		}
		n += len(b)
	}
	_, err := w.Write(make([]byte, pageUp(n)-n))
	return err
}
