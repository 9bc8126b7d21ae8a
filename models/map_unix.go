//go:build unix

package models

import (
	"errors"
	"os"
	"syscall"
)

func mapFile(f *os.File, size int) ([]byte, func() error, error) {
	b, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if errors.Is(err, syscall.ENODEV) { // a file system that can't map: read it instead
		b, err = readAll(f, size)
		return b, func() error { return nil }, err
	}
	if err != nil {
		return nil, nil, NotReadable(f.Name(), err)
	}
	return b, func() error { return syscall.Munmap(b) }, nil
}
