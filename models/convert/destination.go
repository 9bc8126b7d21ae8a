package convert

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"soberano/models"
)

// destination is where a model is written: a temporary folder beside the final place, from which the complete files are renamed.
type destination struct {
	dir, name string // of the file or folder that appears in the end
	temporary string
	replace   bool
	names     []string // of the files that have been written
	folder    bool     // the files stay together in a folder called name
}

// ExistsError is the error of a file that exists and is not to be replaced.
type ExistsError struct{ Path string }

func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s exists already", models.Printable(filepath.Base(e.Path)))
}

// FullError is the error of a disk without enough space. It wraps that of the system.
type FullError struct {
	Dir string
	Err error
}

func (e *FullError) Error() string {
	return fmt.Sprintf("the disk that holds %s is full; nothing was written: free some space, or write to another disk", models.Printable(e.Dir))
}

func (e *FullError) Unwrap() error { return e.Err }

// create prepares to write out. The folder in which it lies must exist.
func create(out string, replace bool) (*destination, error) {
	d := &destination{dir: filepath.Dir(filepath.Clean(out)), name: filepath.Base(out), replace: replace}
	if err := d.free(d.name); err != nil {
		return nil, err
	}
	removeLeftovers(d.dir)
	var err error
	if d.temporary, err = os.MkdirTemp(d.dir, temporary); err != nil {
		return nil, d.explain(err)
	}
	return d, nil
}

// temporary is how the names of temporary folders begin.
const temporary = ".converting-"

// abandoned is the time without a write after which a temporary folder counts as that of a process that was killed.
const abandoned = time.Hour

// removeLeftovers removes the temporary folders in dir of processes that were killed. What can't be removed stays.
func removeLeftovers(dir string) {
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() && strings.HasPrefix(e.Name(), temporary) && time.Since(lastWrite(path)) > abandoned {
			_ = os.RemoveAll(path)
		}
	}
}

// lastWrite returns when something in a folder was written last.
func lastWrite(dir string) (last time.Time) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			last = time.Now() // unknown
			return nil
		}
		if info, err := e.Info(); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
		return nil
	})
	return last
}

// free returns an error if a file exists that is not to be replaced.
func (d *destination) free(name string) error {
	path := filepath.Join(d.dir, name)
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !d.replace || st.IsDir():
		return &ExistsError{path}
	}
	return nil
}

// file writes a file called name.
func (d *destination) file(name string, write func(io.Writer) error) error {
	if !d.folder {
		if err := d.free(name); err != nil {
			return err
		}
	}
	path := filepath.Join(d.temporary, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if err = write(w); err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	d.names = append(d.names, name)
	return errors.Join(err, f.Close())
}

// commit gives the files their place, or the folder its name.
func (d *destination) commit() error {
	if d.folder {
		if err := os.Chmod(d.temporary, 0o755); err != nil {
			return err
		}
		return os.Rename(d.temporary, filepath.Join(d.dir, d.name))
	}
	for _, name := range d.names {
		if err := os.Rename(filepath.Join(d.temporary, name), filepath.Join(d.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// discard removes what has not got a final name.
func (d *destination) discard() { _ = os.RemoveAll(d.temporary) } // what is left has no name that a person chose

// explain returns err, as a FullError if the disk is full.
func (d *destination) explain(err error) error {
	if err != nil && models.DiskFull(err) {
		return &FullError{d.dir, err}
	}
	return err
}
