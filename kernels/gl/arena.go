//go:build (linux || windows) && cgo

package gl

import "fmt"

// arena is the memory of the tensors of a step: blocks that the next step uses again.
type arena struct {
	blocks []*buffer
	block  int // index of the block that is being filled
	used   int // words of it
}

// firstBlock is the size of the first block in words. Each further one is as large as all before.
const firstBlock = 1 << 20

func (a *arena) reset() { a.block, a.used = 0, 0 }

// take returns n words. Their beginning is a multiple of 64 words.
func (s *step) take(n int) (b *buffer, at int) {
	a := &s.d.arena
	n = (max(1, n) + 63) &^ 63
	if s.err != nil {
		return nothing, 0
	}
	total := firstBlock
	for ; a.block < len(a.blocks); a.block, a.used = a.block+1, 0 {
		b := a.blocks[a.block]
		if at := a.used; (at+n)*4 <= b.bytes {
			a.used += n
			return b, at
		}
		total += b.bytes / 4
	}
	if n > s.d.gpu.most {
		s.fail(fmt.Errorf("%w: a tensor of %d values; the driver has blocks of %d", ErrUnsupported, n, s.d.gpu.most))
		return nothing, 0
	}
	b, err := s.d.allocate(4 * max(n, min(total, s.d.gpu.most)))
	if err != nil {
		s.fail(err)
		return nothing, 0
	}
	a.blocks, a.used = append(a.blocks, b), n
	return b, 0
}
