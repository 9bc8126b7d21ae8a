package cpu

import (
	"fmt"
	"runtime"
	"sort"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// Cores returns the number of physical cores that this process may use. Two hardware threads
// of one core count once; affinity masks and container limits are respected.
func Cores() int {
	logical := min(runtime.NumCPU(), runtime.GOMAXPROCS(0))
	return max(1, min(logical, physical()))
}

// perThreads estimates the number of physical cores from CPUID, if the system does not report it.
func perThreads(logical int) int {
	if t := cpuid.CPU.ThreadsPerCore; t > 1 {
		return (logical + t - 1) / t
	}
	return logical
}

// defaultThreads returns the number of cores, less one if there are at least four. That core is left to the user interface,
// the microphone and other programs.
func defaultThreads() int {
	n := Cores()
	if n >= 4 {
		n--
	}
	return n
}

// Info describes the processor for people.
type Info struct {
	CPU      string   // as reported by the CPU: "AMD EPYC 9R14"
	Level    string   // the level in use
	Levels   []string // the levels available
	Features []string // instruction sets beyond the baseline
	Cores    int      // physical cores this process may use
	Threads  int      // logical processors it may use
	Workers  int      // default number of workers of a device
}

// Describe returns what the command doctor prints. The error is that of New for an invalid SOBERANO_CPU.
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

// String returns name, level and cores in one line.
func (i Info) String() string {
	return fmt.Sprintf("%s, level %s (of %s), %d cores", i.CPU, i.Level, strings.Join(i.Levels, ", "), i.Cores)
}

// features lists the instruction sets of this CPU that matter to arithmetic.
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
