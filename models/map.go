package models

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"unsafe"
)

// Map maps a regular file into memory, read-only, and returns its bytes. The system loads a
// page when it is first touched and may drop it again, so a model larger than free memory
// can be opened, and two programs with the same model share its memory. release ends the
// mapping; the bytes must not be touched after it.
//
// The bytes change with the file. On Windows a mapped file can't be shortened or deleted.
// On Linux and macOS it can be shortened; touching a page that no longer exists then raises
// SIGBUS, which ends the program, except in goroutines that turn it into a panic
// (debug.SetPanicOnFault) and recognise it with Mapped: loading and the operations of
// kernels/cpu do. A check by the reader can't prevent that, since the file may shrink after any
// check. The registry writes a copied file once, under a temporary name, and never changes it
// in place; removing it only unlinks it, so mappings of it stay valid; and before each opening
// of a linked file its size is compared with the recorded size. What remains is a linked file
// that is overwritten, or whose drive is removed, while the model is running. Replacing it by
// a rename, as download programs do, is safe.
func Map(path string) (data []byte, release func() error, err error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() // the mapping stays after the file is closed
	if size == 0 {
		return nil, func() error { return nil }, nil
	}
	if int64(int(size)) != size {
		return nil, nil, Unsupported(path, "use a 64-bit computer", "has %s bytes, more than this computer can address", Grouped(size))
	}
	data, unmap, mapped, err := mapFile(f, int(size))
	if err != nil || !mapped {
		return data, unmap, err
	}
	maps.Lock()
	maps.of[&data[0]], maps.paths[&data[0]] = data, path
	maps.Unlock()
	return data, func() error {
		maps.Lock()
		delete(maps.of, &data[0])
		delete(maps.paths, &data[0])
		maps.Unlock()
		return unmap()
	}, nil
}

// maps holds the current mappings and the paths of their files, by the address of their first byte.
var maps = struct {
	sync.Mutex
	of    map[*byte][]byte
	paths map[*byte]string
}{of: map[*byte][]byte{}, paths: map[*byte]string{}}

// Locate returns the file of which b is a part of what Map returned, the file's size, and the offset of b. ok is false if b lies in no mapping.
func Locate(b []byte) (path string, size, offset int64, ok bool) {
	if len(b) == 0 {
		return "", 0, 0, false
	}
	maps.Lock()
	defer maps.Unlock()
	for first, m := range maps.of {
		if at := uintptr(unsafe.Pointer(&b[0])) - uintptr(unsafe.Pointer(&m[0])); at < uintptr(len(m)) && len(b) <= len(m)-int(at) {
			return maps.paths[first], int64(len(m)), int64(at), true
		}
	}
	return "", 0, 0, false
}

// Forget tells the system that b, a part of what Map returned, is probably not needed soon.
// Its pages then no longer count as this program's memory; touching them loads them again.
// Memory that is not a mapping is left alone.
func Forget(b []byte) {
	if len(b) == 0 {
		return
	}
	maps.Lock()
	defer maps.Unlock()
	for _, m := range maps.of {
		if at := uintptr(unsafe.Pointer(&b[0])) - uintptr(unsafe.Pointer(&m[0])); at < uintptr(len(m)) && len(b) <= len(m)-int(at) {
			forget(m, int(at), len(b))
		}
	}
}

// Forget is Forget for all that the file has mapped. Some parts are read only once, when the model is opened: metadata,
// vocabularies, biases.
func (f *File) Forget() {
	maps.Lock()
	defer maps.Unlock()
	for _, m := range maps.of {
		for _, t := range f.Tensors {
			if len(t.Data) > 0 && uintptr(unsafe.Pointer(&t.Data[0]))-uintptr(unsafe.Pointer(&m[0])) < uintptr(len(m)) {
				forget(m, 0, len(m))
				break
			}
		}
	}
}

// Mapped reports whether a file that Map mapped is at address addr.
func Mapped(addr uintptr) bool {
	maps.Lock()
	defer maps.Unlock()
	for _, m := range maps.of {
		if addr-uintptr(unsafe.Pointer(&m[0])) < uintptr(len(m)) {
			return true
		}
	}
	return false
}

// ReadSmall reads a whole file of at most limit bytes.
func ReadSmall(path string, limit int64) ([]byte, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, Corrupt(path, "has %s bytes, more than the %s that such a file may have", Grouped(size), Grouped(limit))
	}
	return readAll(f, int(size))
}

// openRegular opens a file for reading. It refuses pipes and devices, since reading them
// could block forever.
func openRegular(path string) (*os.File, int64, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, 0, NotReadable(path, err)
	}
	if !st.Mode().IsRegular() {
		return nil, 0, &FileError{Path: path, Reason: "is not a file with content: it is a pipe, a socket or a device", Kind: ErrUnknownFormat}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, NotReadable(path, err)
	}
	if st, err = f.Stat(); err != nil {
		_ = f.Close()
		return nil, 0, NotReadable(path, err)
	}
	return f, st.Size(), nil
}

func readAll(f *os.File, size int) ([]byte, error) {
	b := make([]byte, size)
	for n := 0; n < size; {
		k, err := f.ReadAt(b[n:], int64(n))
		if n += k; err != nil && n < size {
			return nil, NotReadable(f.Name(), err)
		}
	}
	return b, nil
}

// NotReadable returns the FileError of a file that the system could not open or read.
func NotReadable(path string, err error) error {
	e := &FileError{Path: path, Reason: fmt.Sprintf("could not be read: %v", reason(err)), Kind: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Reason, e.Kind = "is not there", errors.Join(ErrNotFound, err)
	case errors.Is(err, fs.ErrPermission):
		e.Reason, e.Advice = "may not be read by this user", "change its permissions"
	}
	return e
}

// reason removes the path from a system error, because the FileError contains it already.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
