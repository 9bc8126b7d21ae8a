package models

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

func mapFile(f *os.File, size int) (data []byte, release func() error, mapped bool, err error) {
	h, err := windows.CreateFileMapping(windows.Handle(f.Fd()), nil, windows.PAGE_READONLY, 0, 0, nil)
	if err != nil {
		return nil, nil, false, NotReadable(f.Name(), err)
	}
	addr, err := windows.MapViewOfFile(h, windows.FILE_MAP_READ, 0, 0, uintptr(size))
	if err != nil {
		return nil, nil, false, NotReadable(f.Name(), errors.Join(err, windows.CloseHandle(h)))
	}
	// The address comes from the system, not from Go. Reading it through a pointer to the
	// variable avoids vet's warning about uintptr, which is meant for Go's own memory.
	b := unsafe.Slice(*(**byte)(unsafe.Pointer(&addr)), size)
	release = func() error {
		return errors.Join(windows.UnmapViewOfFile(addr), windows.CloseHandle(h))
	}
	return b, release, true, nil
}

// forget removes m[at:at+n] from the working set. VirtualUnlock of memory that is not locked
// does that.
func forget(m []byte, at, n int) {
	_ = windows.VirtualUnlock(uintptr(unsafe.Pointer(&m[at])), uintptr(n)) // its error is expected: the memory was not locked
}

// DiskFull reports whether a write failed because no space is left.
func DiskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}
