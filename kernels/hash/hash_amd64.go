package hash

import (
	"unsafe"

	"github.com/klauspost/cpuid/v2"
)

// best is the best level that the CPU and the operating system support.
var best = func() level {
	switch {
	case cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512VL):
		return avx512
	case cpuid.CPU.Supports(cpuid.AVX2):
		return avx2
	}
	return generic
}()

// compress compresses as many nodes as l has lanes: node i consists of len(flags) blocks of 64 bytes from rows+i·stride on, and has the counter
// high·2³²+counters[i]. Their chaining values are written from out on, which may be memory that was read, if there is one block.
func (l level) compress(out *Value, rows unsafe.Pointer, stride int, flags []uint32, counters *[16]uint32, high uint32) {
	if l == avx512 {
		compressAVX512(out, rows, stride, unsafe.SliceData(flags), len(flags), counters, high)
	} else {
		compressAVX2(out, rows, stride, unsafe.SliceData(flags), len(flags), counters, high)
	}
}

//go:noescape
func compressAVX512(out *Value, rows unsafe.Pointer, stride int, flags *uint32, blocks int, counters *[16]uint32, high uint32)

//go:noescape
func compressAVX2(out *Value, rows unsafe.Pointer, stride int, flags *uint32, blocks int, counters *[16]uint32, high uint32)
