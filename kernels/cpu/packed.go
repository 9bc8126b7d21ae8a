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
	packedVersion = 5 // must be incremented with every change of layout.go
	packedPage    = 4096
	packedHead    = 8 + 8 + sha256.Size + 8 // up to and including the count
	packedEntry   = 6 * 8
	maxPacked     = 1 << 20 // segments
)

// packedWeights is a file of repacked weights, with which the next run need not repack them:
//
//	"soberano" │ version │ key, 32 bytes │ matrices │ CRC-32C of everything before it
//	matrices: count, then for each segment in the order of Load:
//	          kind │ rows │ cols │ scale (float32) │ offset │ length
//	then the memory of each segment, at a multiple of 4 KiB, in the layout of layout.go,
//	followed by the checksum of each of its panels
//
// Numbers have 8 bytes, little-endian. The key identifies the weights (Packed.Model) and the layout (level and options, see
// packedKey). A file that differs in any respect from what is expected is not used.
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

// errPacked is the error of every file that can't be used.
var errPacked = errors.New("cpu: not a file of these repacked weights")

// readPacked parses a file that writePacked wrote with the same key. data, usually a mapped file,
// must remain valid until the device is closed.
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

// parsePacked parses a file that writePacked wrote, and returns its key.
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
		if n == 0 || s.len != n*size || s.offset < 0 || s.offset > len(data)-s.len-sumBytes*n || s.offset%packedPage != 0 {
			return nil, key, errPacked
		}
		p.entries = append(p.entries, s)
	}
	return p, [32]byte(data[16:]), nil
}

// memory returns the panels of a segment.
func (p *packedWeights) memory(e packedSegment) []byte { return p.data[e.offset:][:e.len:e.len] }

// sums returns the checksums of a segment's panels.
func (p *packedWeights) sums(e packedSegment) []byte {
	n, _ := e.panels()
	return p.data[e.offset+e.len:][:sumBytes*n]
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// number reads a number of 8 bytes.
func number(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// packedKey returns a hash of the model's identity and of everything that the layout depends on.
func (d *device) packedKey(model [32]byte) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d %v %v %v %x", packedVersion, d.lv, d.exact, d.floats, model))
}

// take assigns the memory of the next segment in the file to s and reports whether it is the one that s expects.
func (p *packedWeights) take(s *segment, f *packedFile) bool {
	if p == nil || p.next == len(p.entries) {
		return false
	}
	e := p.entries[p.next]
	if e.kind != s.kind || e.rows != s.rows || e.cols != s.cols || e.len != s.bytes() {
		p.next = len(p.entries) // the order differs: no later segment can match
		return false
	}
	p.next++
	s.scale, s.data = e.scale, p.memory(e)
	s.guard = &guard{sums: p.sums(e), state: make([]atomic.Uint32, s.panels), file: f}
	return true
}

// settle prepares the copying of weights that were mapped from a file to memory of huge pages, if the system has them.
// Mapped files have small pages, with which generation is about a tenth slower. Each step copies a share before it
// begins (moveSome), so that the first answer does not wait for all of it and nothing competes with the workers.
// Options.Forget is told which parts of the file are no longer needed. The weights are not copied unless twice their
// size is available, so that at least their size remains free.
func (d *device) settle() {
	total := 0
	for _, s := range d.segments {
		total += s.bytes()
	}
	if _, available := Memory(); hugePages && available >= 2*int64(total) {
		d.move = mover{left: slices.Clone(d.segments), share: max(leastMove, total/moveSteps)}
	}
}

// moveSteps is the number of steps over which the weights are copied, leastMove the fewest bytes that a step copies.
const (
	moveSteps  = 32
	leastMove  = 4 << 20
	movePiece  = 256 << 10 // bytes copied by a chunk
	moveAtOnce = 8 << 20   // bytes copied before the file's pages are given up
)

// mover is the state of the copying that settle prepared.
type mover struct {
	left     []*segment
	share    int // bytes to copy in a step
	store    reserve
	from, to []byte // part that is being copied
	run      job
}

// piece copies chunk c of the part that is being copied.
func (m *mover) piece(_, c int) {
	at := c * movePiece
	copy(m.to[at:min(at+movePiece, len(m.to))], m.from[at:])
}

// moveSome copies the share of one step. Panels that have not been used yet are checked on the way.
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

// writePacked writes a file of repacked weights. It fails if segments that were mapped from another file are damaged
// there.
func writePacked(w io.Writer, lv level, key [32]byte, segments []*segment) error {
	le := binary.LittleEndian
	head := le.AppendUint64([]byte(packedMagic), packedVersion)
	head = le.AppendUint64(append(head, key[:]...), uint64(len(segments)))
	at := pageUp(packedHead + len(segments)*packedEntry + 4)
	for _, s := range segments {
		for _, v := range []uint64{uint64(s.kind), uint64(s.rows), uint64(s.cols), uint64(math.Float32bits(s.scale)), uint64(at), uint64(s.bytes())} {
			head = le.AppendUint64(head, v)
		}
		at = pageUp(at + s.bytes() + sumBytes*s.panels)
	}
	head = le.AppendUint32(head, crc32.Checksum(head, castagnoli))
	if err := writePages(w, head); err != nil {
		return err
	}
	for _, s := range segments {
		sums := s.sums(lv)
		if s.guard != nil && !bytes.Equal(sums, s.guard.sums) {
			return errPacked
		}
		if err := writePages(w, s.data, sums); err != nil {
			return err
		}
	}
	return nil
}

// pageUp rounds n up to a multiple of packedPage.
func pageUp(n int) int { return (n + packedPage - 1) &^ (packedPage - 1) }

// writePages writes parts, followed by zeros up to the next multiple of packedPage.
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
