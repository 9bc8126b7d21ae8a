package cpu

import (
	"testing"

	"golang.org/x/sys/unix"
)

// guarded returns n bytes between two pages that can't be accessed. The last byte
// (or, with atStart, the first) is next to one of them.
func guarded(t testing.TB, n int, atStart bool) []byte {
	page := unix.Getpagesize()
	inner := (n + page - 1) / page * page
	m, err := unix.Mmap(-1, 0, inner+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(m) })
	for _, g := range [][]byte{m[:page], m[page+inner:]} {
		if err := unix.Mprotect(g, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	if atStart {
		return m[page:][:n:n]
	}
	return m[page+inner-n:][:n:n]
}
