package cpu

import "unsafe"

// hugeFrom is the size from which memory asks for huge pages (of 2 MiB).
const hugeFrom = 4 << 20

// alignedF32 allocates n values aligned to a cache line.
func alignedF32(n int) []float32 {
	b := alignedBytes(4 * n)
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// alignedBytes allocates n bytes aligned to a cache line, 64.
//
// Memory of weights, states and steps is garbage-collected like any other, but aligned to
// cache lines and, from hugeFrom on, in huge pages where the system has them. A token
// reads every weight once, in one long stream, and with pages of 4 KiB the hardware
// prefetcher stops at each: on a Zen 4 huge pages made generation 1.2 to 1.3 times as
// fast at one thread (253 instead of 191 to 223 tokens a second, SmolLM2 Q4_1).
func alignedBytes(n int) []byte {
	b := make([]byte, n+64)
	if n >= hugeFrom {
		adviseHuge(b)
	}
	o := int(-uintptr(unsafe.Pointer(&b[0])) & 63)
	return b[o : o+n : o+n]
}

// Sizes of the pieces that a reserve asks for: small for small models, but in the end
// large, since a matrix alone is often smaller than a huge page.
const (
	minReserve = 256 << 10
	maxReserve = 64 << 20
)

// reserve hands out the memory of a device's matrices, one behind the other.
type reserve struct {
	left []byte
	sum  int // handed out so far
}

// take returns n zero bytes aligned to a cache line.
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
