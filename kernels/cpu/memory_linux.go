package cpu

import (
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// adviseHuge requests huge pages for the whole pages in b. A system without them
// returns an error, which does no harm.
func adviseHuge(b []byte) {
	from := int(-uintptr(unsafe.Pointer(&b[0])) & 4095)
	to := (len(b)-from)&^4095 + from
	_ = unix.Madvise(b[from:to], unix.MADV_HUGEPAGE)
}

// hugePage is the size of a huge page.
const hugePage = 2 << 20

// releaseMemory gives the memory of the whole huge pages in b back to the system; they are zero if they are used again.
func releaseMemory(b []byte) {
	from := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (hugePage - 1))
	if to := (len(b)-from)&^(hugePage-1) + from; to > from {
		_ = unix.Madvise(b[from:to], unix.MADV_DONTNEED) // if it fails, the memory stays in use
	}
}

// hugePages reports whether adviseHuge has an effect.
var hugePages = hasHugePages()

func hasHugePages() bool {
	b, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	return err == nil && !strings.Contains(string(b), "[never]")
}

// Memory returns the computer's memory and how much of it is available, in bytes. Both are 0 if the system
// does not report it.
func Memory() (total, available int64) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[2] != "kB" {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64) // 0 where it is not a number
		switch f[0] {
		case "MemTotal:":
			total = n << 10
		case "MemAvailable:":
			available = n << 10
		}
	}
	return total, available
}
