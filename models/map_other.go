//go:build !unix && !windows

package models

import "os"

func mapFile(f *os.File, size int) (data []byte, release func() error, mapped bool, err error) {
	b, err := readAll(f, size)
	return b, func() error { return nil }, false, err
}

func forget([]byte, int, int) {}

// DiskFull reports whether a write failed because no space is left.
func DiskFull(error) bool { return false }
