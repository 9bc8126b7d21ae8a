//go:build unix

package models

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func mapFile(f *os.File, size int) (data []byte, release func() error, mapped bool, err error) {
	b, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if errors.Is(err, syscall.ENODEV) { // the file system can't map files: read the file instead
		b, err = readAll(f, size)
		return b, func() error { return nil }, false, err
	}
	if err != nil {
		return nil, nil, false, NotReadable(f.Name(), err)
	}
	return b, func() error { return syscall.Munmap(b) }, true, nil
}

// forget drops the whole pages within m[at:at+n]; the last one of m counts as whole. It is a hint, so an error is harmless.
func forget(m []byte, at, n int) {
	size := os.Getpagesize()
	from, to := (at+size-1)&^(size-1), (at+n)&^(size-1)
	if at+n == len(m) {
		to = len(m)
	}
	if from < to {
		_ = unix.Madvise(m[from:to], unix.MADV_DONTNEED)
	}
}

// DiskFull reports whether a write failed because no space is left.
func DiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
