// Which instructions are used. The level is chosen once, when a device is made, and
// handed to every kernel, which branches on it:
//
//	generic   plain Go, everywhere; the twin that every other level is tested against
//	avx2      AVX2, FMA and F16C: x86-64 from about 2013 on
//	avx512    AVX-512 F, BW, DQ, VL and VNNI: 2019 on
//
// SOBERANO_CPU forces one by name.
package cpu

import (
	"fmt"
	"os"
	"strings"
)

type level int

const (
	generic level = iota
	avx2
	avx512
)

var levelNames = [...]string{"generic", "avx2", "avx512"}
var levelTitles = [...]string{"plain Go", "AVX2", "AVX-512"}

// String is the name that SOBERANO_CPU takes.
func (l level) String() string { return levelNames[l] }

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
	have := available()
	if name == "" {
		return have[len(have)-1], nil
	}
	names := make([]string, len(have))
	for i, l := range have {
		if l.String() == name {
			return l, nil
		}
		names[i] = l.String()
	}
	return generic, fmt.Errorf("cpu: SOBERANO_CPU=%q: this computer has %s; set one of these, or leave it unset for the best",
		name, strings.Join(names, ", "))
}

// Level names the instructions in use: generic, avx2 or avx512. A SOBERANO_CPU that
// New would refuse gives generic.
func Level() string {
	l, _ := chosen() // New reports the error
	return l.String()
}
