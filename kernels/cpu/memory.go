package cpu

import "unsafe"

// hugeFrom is the size in bytes from which on memory is allocated in huge pages (of 2 MiB).
const hugeFrom = 4 << 20

// alignedF32 allocates n values aligned to a cache line.
func alignedF32(n int) []float32 {
	b := alignedBytes(4 * n)
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// alignedBytes allocates n bytes aligned to a cache line of 64 bytes.
//
// The memory of weights, states and steps is garbage-collected, but it is aligned to
// cache lines and, from hugeFrom bytes on, in huge pages if the system has them. A token
// reads every weight once, in one long stream, and the hardware prefetcher stops at the end of each page:
// on a Zen 4, huge pages instead of pages of 4 KiB made generation 1.2 to 1.3 times as
// fast with one thread (253 instead of 191 to 223 tokens a second, SmolLM2 Q4_1).
func alignedBytes(n int) []byte {
	b := make([]byte, n+64)
	if n >= hugeFrom {
		adviseHuge(b)
	}
	o := int(-uintptr(unsafe.Pointer(&b[0])) & 63)
	return b[o : o+n : o+n]
}

// minReserve and maxReserve bound the blocks that a reserve allocates. The first blocks are small, for small models. Later
// ones are large, since a single matrix is often smaller than a huge page.
const (
	minReserve = 256 << 10
	maxReserve = 64 << 20
)

// reserve allocates the memory of a device's matrices, one after the other, from larger blocks.
type reserve struct {
	left []byte
	sum  int // bytes allocated so far
}

// take returns n zero bytes, aligned to a cache line.
func (r *reserve) take(n int) []byte {
	n = (n + 63) &^ 63
	if n > len(r.left) {
		if n >= maxReserve {
			return alignedBytes(n)
		}
		r.left = alignedBytes(max(n, min(max(r.sum, minReserve), maxReserve)))
	}
	r.sum += n
	out := r.left[:n:n]
	r.left = r.left[n:]
	return out
}
