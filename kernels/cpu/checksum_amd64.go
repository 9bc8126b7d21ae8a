package cpu

import "github.com/klauspost/cpuid/v2"

// hasAES reports whether the processor has the instructions of checksumAES. All that have AVX2 do, but a virtual machine may hide
// them.
var hasAES = cpuid.CPU.Supports(cpuid.AESNI)
