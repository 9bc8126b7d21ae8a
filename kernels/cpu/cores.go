package cpu

import (
	"fmt"
	"runtime"
	"sort"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// Cores returns how many physical cores this process may use: two hardware threads
// of one core count once, affinity masks and container limits are respected.
func Cores() int {
	logical := min(runtime.NumCPU(), runtime.GOMAXPROCS(0))
	return max(1, min(logical, physical()))
}

// perThreads guesses physical cores from CPUID where the system does not tell.
func perThreads(logical int) int {
	if t := cpuid.CPU.ThreadsPerCore; t > 1 {
		return (logical + t - 1) / t
	}
	return logical
}

// defaultThreads is all cores, from four up all but one, which is left to the window, the
// microphone and other programs.
func defaultThreads() int {
	n := Cores()
	if n >= 4 {
		n--
	}
	return n
}

// Info describes the processor for people.
type Info struct {
	CPU      string   // its own name: "AMD EPYC 9R14"
	Level    string   // the level in use
	Levels   []string // the levels available
	Features []string // instruction sets beyond the baseline
	Cores    int      // physical cores this process may use
	Threads  int      // logical processors it may use
	Workers  int      // threads of a device that is not told how many
}

// Describe returns what doctor prints; the error is New's for a bad SOBERANO_CPU.
func Describe() (Info, error) {
	l, err := chosen()
	i := Info{
		CPU: strings.TrimSpace(cpuid.CPU.BrandName), Level: l.String(),
		Features: features(), Cores: Cores(), Threads: runtime.NumCPU(), Workers: defaultThreads(),
	}
	if i.CPU == "" {
		i.CPU = runtime.GOARCH + " processor"
	}
	for _, l := range available() {
		i.Levels = append(i.Levels, l.String())
	}
	return i, err
}

// String is one line: name, level, cores.
func (i Info) String() string {
	return fmt.Sprintf("%s, level %s (of %s), %d cores", i.CPU, i.Level, strings.Join(i.Levels, ", "), i.Cores)
}

// features lists the instruction sets that matter to arithmetic.
func features() []string {
	var out []string
	for _, f := range []cpuid.FeatureID{
		cpuid.AVX2, cpuid.FMA3, cpuid.F16C, cpuid.AVXVNNI, cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512DQ, cpuid.AVX512VL,
		cpuid.AVX512VNNI, cpuid.AVX512BF16, cpuid.AVX512FP16, cpuid.AMXTILE, cpuid.AMXINT8, cpuid.AMXBF16,
		cpuid.ASIMD, cpuid.ASIMDDP, cpuid.ASIMDHP, cpuid.I8MM, cpuid.SVE,
	} {
		if cpuid.CPU.Supports(f) {
			out = append(out, f.String())
		}
	}
	sort.Strings(out)
	return out
}
