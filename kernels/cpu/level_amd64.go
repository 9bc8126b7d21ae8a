package cpu

import "github.com/klauspost/cpuid/v2"

// supports reports whether CPU and operating system (which must save the wide
// registers) run level l.
func supports(l level) bool {
	switch l {
	case generic:
		return true
	case avx2:
		return cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3, cpuid.F16C)
	}
	return supports(avx2) && cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW,
		cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX512VNNI)
}
