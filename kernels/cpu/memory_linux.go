package cpu

import (
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
