package cpu

import (
	"fmt"
	"os"
	"strings"
)

// level is an instruction set, or a combination of several, for which kernels are written.
//
// It is chosen once, when a device or a pool is created, and passed to every kernel, which
// selects its implementation accordingly:
//
//	generic      plain Go, on every machine; the reference that all other levels are tested against
//	avx2         AVX2, FMA and F16C: x86-64 from about 2013 on
//	avxvnni      avx2 and VPDPBUSD in its VEX encoding: Intel's cores without AVX-512, Zen 5
//	avx512       AVX-512 F, BW, DQ, VL and VNNI: 2019 on
//	avx512bf16   avx512 and products of bfloat16: Cooper Lake, Sapphire Rapids, Zen 4
//	amx          avx512bf16 and tile products of 8-bit integers and bfloat16: Sapphire Rapids
//	neon         NEON: every arm64 machine
//	dotprod      neon and SDOT, UDOT: ARMv8.4, most cores from 2018 on
//	i8mm         dotprod and SMMLA, USMMLA: ARMv8.6
//
// The environment variable SOBERANO_CPU selects one by name. amx is only used if it is selected that way: it is tested under
// emulation (Bochs, "sapphire_rapids", on Linux) but has never run on a real CPU, so its speed
// is not known. The operating system is asked for permission to use AMX only if amx is selected, or if all
// levels are listed, as doctor does.
type level int

const (
	generic level = iota
	avx2
	avxvnni
	avx512
	avx512bf16
	amx
	neon
	dotprod
	i8mm
)

var levelNames = [...]string{"generic", "avx2", "avxvnni", "avx512", "avx512bf16", "amx", "neon", "dotprod", "i8mm"}
var levelTitles = [...]string{"plain Go", "AVX2", "AVX-VNNI", "AVX-512", "AVX-512 BF16", "AMX", "NEON", "NEON with dot products", "NEON with I8MM"}

// String returns the name by which SOBERANO_CPU selects the level.
func (l level) String() string { return levelNames[l] }

// zmm reports whether l uses 512-bit registers. The other levels of x86, except generic, use 256-bit registers.
func (l level) zmm() bool { return l >= avx512 && l <= amx }

// x86 reports whether l uses vector instructions of x86.
func (l level) x86() bool { return l >= avx2 && l <= amx }

// alike reports whether l is tested to compute up to kernels.Few rows of a span with the bits of single rows. amx is not among these levels since it multiplies
// from amxLeast rows on by tiles.
func (l level) alike() bool { return l == generic || l.x86() && l != amx }

// bf16 reports whether l has instructions that multiply bfloat16.
func (l level) bf16() bool { return l == avx512bf16 || l == amx }

// asked reports whether l is used only if SOBERANO_CPU names it.
func (l level) asked() bool { return l == amx }

// available lists the levels that this machine supports, the best last.
func available() []level {
	out := make([]level, 0, len(levelNames))
	for l := range levelNames {
		if supports(level(l)) {
			out = append(out, level(l))
		}
	}
	return out
}

// chosen returns the level that SOBERANO_CPU names or, if it is unset, the best one.
func chosen() (level, error) {
	return choose(os.Getenv("SOBERANO_CPU"))
}

// choose returns the level with a name; the empty name means the best one.
func choose(name string) (level, error) {
	if name == "" {
		return best(), nil
	}
	for l := range levelNames {
		if levelNames[l] == name && supports(level(l)) {
			return level(l), nil
		}
	}
	have := available()
	names := make([]string, len(have))
	for i, l := range have {
		names[i] = l.String()
	}
	return generic, fmt.Errorf("cpu: SOBERANO_CPU=%q: this computer has %s; set one of these, or leave it unset for the best",
		name, strings.Join(names, ", "))
}

// best returns the best level that need not be named by SOBERANO_CPU.
func best() level {
	best := generic
	for l := range levelNames {
		if l := level(l); !l.asked() && supports(l) {
			best = l
		}
	}
	return best
}

// Level returns the name of the level in use: generic, avx2, …. If SOBERANO_CPU has a value that
// New would refuse, it returns generic.
func Level() string {
	l, _ := chosen() // New reports the error
	return l.String()
}
