package convert

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"soberano/models"
	"soberano/models/apr"
)

// destination is where a model is written: a temporary folder beside the final place, from which the complete files are renamed.
type destination struct {
	dir, name string // of the file or folder that appears in the end
	temporary string
	replace   bool
	names     []string // of the files that have been written
	folder    bool     // the files stay together in a folder called name
	out       outFile  // the file that is being written

	// of a conversion that can be resumed:
	lock    *os.File
	journal *os.File
	known   map[string]record // what an earlier call has written, by file and tensor
	keep    bool              // discard leaves the files for the next call
}

// outFile is a file that is being written.
type outFile struct {
	name string
	f    *os.File
	w    *bufio.Writer
	at   int64 // bytes that have been written to w
}

// Write implements io.Writer.
func (o *outFile) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	o.at += int64(n)
	return n, err
}

// files is the folder with the files that have no final name yet.
func (d *destination) files() string { return filepath.Join(d.temporary, "files") }

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
	d, err := newDestination(out, replace)
	if err != nil {
		return nil, err
	}
	if d.temporary, err = os.MkdirTemp(d.dir, temporary); err != nil {
		return nil, d.explain(err)
	}
	return d, nil
}

// newDestination returns a destination without a temporary folder, and removes those of processes that were killed.
func newDestination(out string, replace bool) (*destination, error) {
	d := &destination{dir: filepath.Dir(filepath.Clean(out)), name: filepath.Base(out), replace: replace}
	if err := d.free(d.name); err != nil {
		return nil, err
	}
	removeLeftovers(d.dir)
	return d, nil
}

// temporary is how the names of temporary folders begin.
const temporary = ".converting-"

// abandoned is the time without a write after which a temporary folder counts as that of a process that was killed, and resumable that after which
// a conversion that could be resumed is given up.
const (
	abandoned = time.Hour
	resumable = 7 * 24 * time.Hour
)

// removeLeftovers removes the temporary folders in dir of processes that were killed. What can't be removed stays.
func removeLeftovers(dir string) {
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		path := filepath.Join(dir, e.Name())
		if !e.IsDir() || !strings.HasPrefix(e.Name(), temporary) {
			continue
		}
		after := abandoned
		if _, err := os.Stat(filepath.Join(path, "journal")); err == nil {
			after = resumable
		}
		if time.Since(lastWrite(path)) > after {
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
	if slices.Contains(d.names, name) {
		return fmt.Errorf("convert: the file %s would be written twice", models.Quote(name))
	}
	path := filepath.Join(d.files(), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644) // an earlier call may have written a part
	if err != nil {
		return err
	}
	d.out = outFile{name: name, f: f, w: bufio.NewWriterSize(f, 1<<20)}
	if err = write(&d.out); err == nil {
		err = d.out.w.Flush()
	}
	if err == nil {
		err = f.Truncate(d.out.at)
	}
	if err == nil {
		err = f.Sync()
	}
	d.names = append(d.names, name)
	return errors.Join(err, f.Close())
}

// bytes writes a file called name with the content b.
func (d *destination) bytes(name string, b []byte) error {
	return d.file(name, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// commit gives the files their place, or the folder its name.
func (d *destination) commit() error {
	if d.folder {
		return os.Rename(d.files(), filepath.Join(d.dir, d.name))
	}
	for _, name := range d.names {
		if err := os.Rename(filepath.Join(d.files(), name), filepath.Join(d.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// written returns the paths of the committed files with weights, or that of the folder.
func (d *destination) written() (paths []string) {
	if d.folder {
		return []string{filepath.Join(d.dir, d.name)}
	}
	for _, name := range d.names {
		if !strings.HasSuffix(name, apr.ManifestSuffix) {
			paths = append(paths, filepath.Join(d.dir, name))
		}
	}
	return paths
}

// discard removes what has not got a final name, unless it is to be kept.
func (d *destination) discard() {
	if d.journal != nil {
		_ = d.journal.Close() // each line was written at once
	}
	if !d.keep {
		_ = os.RemoveAll(d.temporary) // what is left has no name that a person chose
	}
	if d.lock != nil {
		_ = d.lock.Close()
	}
}

// explain returns err, as a FullError if the disk is full.
func (d *destination) explain(err error) error {
	if err != nil && models.DiskFull(err) {
		return &FullError{d.dir, err}
	}
	return err
}
