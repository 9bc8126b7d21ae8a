package cpu

import "golang.org/x/sys/unix"

// anonymous returns n bytes of memory of their own, in huge pages where Linux gives
// them, and a function that gives them back.
func anonymous(n int) ([]byte, func(), error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, err
	}
	unix.Madvise(b, unix.MADV_HUGEPAGE) // without them reading is a little slower
	return b, func() { unix.Munmap(b) }, nil
}
