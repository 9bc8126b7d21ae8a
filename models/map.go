package models

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"unsafe"
)

// Map returns the bytes of a regular file, read-only, without reading them: the system
// loads a page when it is first touched and may drop it again, so a model larger than
// free memory still opens, and two programs with the same model share it. release ends
// the mapping; the bytes must not be touched after it.
//
// The bytes follow the file. On Windows a mapped file can't be shortened or deleted. On
// Linux and macOS it can, and touching a page that is no longer there raises SIGBUS,
// which ends the program: no reader can check that away, since the file may shrink
// after any check, and catching the fault (debug.SetPanicOnFault) would have to be
// done in every goroutine that computes. So: what the registry copies into the
// library is written once under a temporary name and never changed in place; removing
// it unlinks the file, which keeps a mapping whole; the size of a linked file is
// compared with the recorded one each time before it is opened. What remains is someone
// overwriting a linked file, or pulling out its drive, while the model is running.
// Replacing it by a rename, as downloaders do, is safe.
func Map(path string) (data []byte, release func() error, err error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() // a mapping outlives its descriptor
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
	maps.of[&data[0]] = data
	maps.Unlock()
	return data, func() error {
		maps.Lock()
		delete(maps.of, &data[0])
		maps.Unlock()
		return unmap()
	}, nil
}

// maps are the mappings that there are, by their first byte.
var maps = struct {
	sync.Mutex
	of map[*byte][]byte
}{of: map[*byte][]byte{}}

// Forget says that b, a part of what Map returned, will hardly be needed soon: its pages
// no longer count as this program's memory. Touching them brings them back. Other memory
// is left alone.
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

// openRegular opens a file for reading; a pipe or a device could hang, and is refused.
func openRegular(path string) (*os.File, int64, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, 0, NotReadable(path, err)
	}
	if !st.Mode().IsRegular() {
		return nil, 0, &FileError{Path: path, Reason: "is not a regular file", Kind: ErrUnknownFormat}
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

// NotReadable makes the FileError of a file that the system would not open or read.
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

// reason drops the path from a system error; the FileError names it already.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
