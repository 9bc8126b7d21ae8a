package cpu

import (
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// adviseHuge asks for huge pages, as far as b covers whole pages. A system without them
// answers with an error, and nothing is lost.
func adviseHuge(b []byte) {
	from := int(-uintptr(unsafe.Pointer(&b[0])) & 4095)
	to := (len(b)-from)&^4095 + from
	_ = unix.Madvise(b[from:to], unix.MADV_HUGEPAGE)
}

// hugePages says whether adviseHuge does anything.
var hugePages = hasHugePages()

func hasHugePages() bool {
	b, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	return err == nil && !strings.Contains(string(b), "[never]")
}

// free is the memory that the system could hand out, in bytes; 0 if it does not say.
func free() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemAvailable:" && f[2] == "kB" {
			n, _ := strconv.ParseInt(f[1], 10, 64) // 0 where it is not a number
			return n << 10
		}
	}
	return 0
}

// dropPages gives back the pages of b, part of a mapped file; a touch brings them back.
func dropPages(b []byte) {
	if len(b) > 0 && uintptr(unsafe.Pointer(&b[0]))&4095 == 0 {
		_ = unix.Madvise(b, unix.MADV_DONTNEED)
	}
}
