package registry

import (
	"os"
	"path/filepath"
)

// interrupted, if not nil, is asked before each change of the disk, with the name of the operation and its path. Its error takes the place of the change, of which a part may
// then have been made, as by a disk that is full or a process that is killed. Only tests set it.
var interrupted func(op, path string) error

// change changes the disk by do. partly makes a part of the change for tests; nil: the change can't be made in part.
func change(op, path string, do func() error, partly func()) error {
	if interrupted != nil {
		if err := interrupted(op, path); err != nil {
			if partly != nil {
				partly()
			}
			return &os.PathError{Op: op, Path: path, Err: err}
		}
	}
	return do()
}

func makeFolder(path string) error {
	return change("mkdir", path, func() error { return os.MkdirAll(path, 0o755) }, nil)
}

func makeTemporary(dir, pattern string) (path string, err error) {
	err = change("mkdir", dir, func() (err error) {
		path, err = os.MkdirTemp(dir, pattern)
		return err
	}, nil)
	return path, err
}

// createFile creates a file that must not exist.
func createFile(path string) (f *os.File, err error) {
	err = change("create", path, func() (err error) {
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		return err
	}, nil)
	return f, err
}

// createTemporary creates a file with a name that is not taken.
func createTemporary(dir, pattern string) (f *os.File, err error) {
	err = change("create", dir, func() (err error) {
		f, err = os.CreateTemp(dir, pattern)
		return err
	}, nil)
	return f, err
}

// writer writes to a file.
type writer struct{ *os.File }

func (w writer) Write(b []byte) (n int, err error) {
	err = change("write", w.Name(), func() (err error) {
		n, err = w.File.Write(b)
		return err
	}, func() { n, _ = w.File.Write(b[:len(b)/2]) })
	return n, err
}

// Sync makes what was written durable.
func (w writer) Sync() error {
	return change("sync", w.Name(), func() error { return syncFile(w.File) }, nil)
}

// syncFile makes the changes of a file or folder durable. Tests of interruptions, which the system survives, do without.
var syncFile = (*os.File).Sync

func rename(from, to string) error {
	return change("rename", to, func() error { return os.Rename(from, to) }, nil)
}

// link makes to another name of the file from.
func link(from, to string) error {
	return change("link", to, func() error { return os.Link(from, to) }, nil)
}

func removeFile(path string) error {
	return change("remove", path, func() error { return os.Remove(path) }, nil)
}

// removeFolder removes a folder with all that is in it.
func removeFolder(path string) error {
	return change("remove", path, func() error { return os.RemoveAll(path) }, func() {
		if names, _ := filepath.Glob(filepath.Join(path, "*")); len(names) > 0 {
			_ = os.RemoveAll(names[0])
		}
	})
}
