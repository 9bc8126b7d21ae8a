//go:build !unix && !windows

package models

import "os"

func mapFile(f *os.File, size int) ([]byte, func() error, error) {
	b, err := readAll(f, size)
	return b, func() error { return nil }, err
}
