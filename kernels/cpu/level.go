package cpu

import (
	"fmt"
	"os"
	"strings"
)

// level is a set of instructions.
//
// It is chosen once, when a device or a pool is made, and handed to every kernel, which
// branches on it:
//
//	generic      plain Go, everywhere; the twin that every other level is tested against
//	avx2         AVX2, FMA and F16C: x86-64 from about 2013 on
//	avxvnni      and VPDPBUSD in its VEX encoding: Intel's cores without AVX-512, Zen 5
//	avx512       AVX-512 F, BW, DQ, VL and VNNI: 2019 on
//	avx512bf16   and products of bfloat16: Cooper Lake, Sapphire Rapids, Zen 4
//	amx          and tiles of 8-bit and bfloat16 products: Sapphire Rapids
//	neon         arm64, everywhere
//	dotprod      and SDOT, UDOT: ARMv8.4, most cores from 2018 on
//	i8mm         and SMMLA, USMMLA: ARMv8.6
//
// SOBERANO_CPU forces one by name. That is the only way to amx: it is tested under
// emulation (Bochs, "sapphire_rapids", on Linux) and has never run on a CPU, so its speed
// is not known. Whether the system grants it is only asked where it is named, or all
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

// String is the name that SOBERANO_CPU takes.
func (l level) String() string { return levelNames[l] }

// zmm reports whether l has registers of 512 bits; of the x86 levels, the others but
// generic have 256.
func (l level) zmm() bool { return l >= avx512 && l <= amx }

// x86 reports whether l has vectors of x86.
func (l level) x86() bool { return l >= avx2 && l <= amx }

// bf16 reports whether l multiplies bfloat16.
func (l level) bf16() bool { return l == avx512bf16 || l == amx }

// asked reports whether l is used only when it is asked for by name.
func (l level) asked() bool { return l == amx }

// available lists the levels that this machine runs, the best last.
func available() []level {
	out := make([]level, 0, len(levelNames))
	for l := range levelNames {
		if supports(level(l)) {
			out = append(out, level(l))
		}
	}
	return out
}

// chosen returns the level in force: SOBERANO_CPU, or the best there is.
func chosen() (level, error) {
	return choose(os.Getenv("SOBERANO_CPU"))
}

// choose finds a level by name; no name means the best.
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

// best is the level of those who ask for none.
func best() level {
	best := generic
	for l := range levelNames {
		if l := level(l); !l.asked() && supports(l) {
			best = l
		}
	}
	return best
}

// Level names the instructions in use: generic, avx2, …. A SOBERANO_CPU that
// New would refuse gives generic.
func Level() string {
	l, _ := chosen() // New reports the error
	return l.String()
}
