package cpu

import "github.com/klauspost/cpuid/v2"

// needs lists the CPU features that a level requires in addition to those of the level it is based on. The operating
// system must save the wide registers; cpuid checks this, except for the tile registers of AMX.
var needs = map[level]struct {
	base     level
	features []cpuid.FeatureID
}{
	avx2:       {generic, []cpuid.FeatureID{cpuid.AVX2, cpuid.FMA3, cpuid.F16C}},
	avxvnni:    {avx2, []cpuid.FeatureID{cpuid.AVXVNNI}},
	avx512:     {avx2, []cpuid.FeatureID{cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL, cpuid.AVX512VNNI}},
	avx512bf16: {avx512, []cpuid.FeatureID{cpuid.AVX512BF16}},
	amx:        {avx512bf16, []cpuid.FeatureID{cpuid.AMXTILE, cpuid.AMXINT8, cpuid.AMXBF16}},
}

// supports reports whether the CPU and the operating system support level l.
func supports(l level) bool {
	if l == generic {
		return true
	}
	n, ok := needs[l]
	return ok && supports(n.base) && cpuid.CPU.Supports(n.features...) && (l != amx || tilesGranted())
}
