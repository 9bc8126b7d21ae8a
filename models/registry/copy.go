package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"soberano/models"
)

// meter counts bytes, reports them to a progress function and stops the work when ctx ends.
type meter struct {
	ctx         context.Context
	report      func(done, total int64)
	done, total int64
}

func (m *meter) add(n int) error {
	m.done += int64(n)
	if m.report != nil {
		m.report(min(m.done, m.total), m.total)
	}
	return m.ctx.Err()
}

func (m *meter) finish() {
	if m.report != nil && m.done < m.total {
		m.report(m.total, m.total)
	}
}

// filesOf lists files with their sizes and stamps, without hashes.
func filesOf(paths []string) ([]Stored, error) {
	var out []Stored
	for _, path := range paths {
		st, err := os.Stat(path)
		if err != nil {
			return nil, models.NotReadable(path, err)
		}
		s, err := stampOf(path)
		if err != nil {
			return nil, err
		}
		out = append(out, Stored{Path: path, Bytes: st.Size(), Stamp: s})
	}
	return out, nil
}

// hashAll fills in the hashes of files.
func hashAll(m *meter, files []Stored) (err error) {
	for i := range files {
		if files[i].SHA256, _, err = hashTo(m, files[i].Path, files[i].Bytes, io.Discard); err != nil {
			return err
		}
	}
	return nil
}

// copyAll copies files into the temporary folder, computes their hashes while copying, and
// makes their paths relative to the folder. Files in a folder below that of the others keep it.
// With take they get a second link instead where that is possible.
func (t *temporary) copyAll(m *meter, files []Stored, take bool) error {
	dir := filepath.Join(t.dir, "files")
	if err := makeFolder(dir); err != nil {
		return explainWriteError(dir, err)
	}
	root, folders := rootOf(files), []string{dir}
	for i := range files {
		f := &files[i]
		name, err := filepath.Rel(root, f.Path)
		if err != nil || !filepath.IsLocal(name) {
			name = filepath.Base(f.Path)
		}
		if folder := filepath.Dir(filepath.Join(dir, name)); !slices.Contains(folders, folder) {
			if err := makeFolder(folder); err != nil {
				return explainWriteError(folder, err)
			}
			folders = append([]string{folder}, folders...)
		}
		put := copyFile
		if take {
			put = takeFile
		}
		hash, err := put(m, filepath.Join(dir, name), *f)
		if err != nil {
			return err
		}
		if f.SHA256 != "" && f.SHA256 != hash {
			return changing(f.Path, "was changed while it was imported")
		}
		f.SHA256, f.Path = hash, filepath.Join("files", name)
	}
	for _, folder := range folders {
		if err := syncDir(folder); err != nil {
			return err
		}
	}
	return nil
}

// rootOf returns the folder of the files, the shortest of their folders.
func rootOf(files []Stored) string {
	root := ""
	for _, f := range files {
		if dir := filepath.Dir(f.Path); root == "" || len(dir) < len(root) {
			root = dir
		}
	}
	return root
}

// copyFile copies one file and syncs the copy.
func copyFile(m *meter, to string, from Stored) (hash string, err error) {
	f, err := createFile(to)
	if err != nil {
		return "", explainWriteError(filepath.Dir(to), err)
	}
	if hash, _, err = hashTo(m, from.Path, from.Bytes, writer{f}); err == nil {
		err = writer{f}.Sync()
	}
	return hash, explainWriteError(filepath.Dir(to), errors.Join(err, f.Close()))
}

// takeFile makes a second link to a file, or copies it where there can be none, as on another disk.
func takeFile(m *meter, to string, from Stored) (hash string, err error) {
	if link(from.Path, to) != nil {
		return copyFile(m, to, from)
	}
	hash, _, err = hashTo(m, to, from.Bytes, io.Discard)
	return hash, err
}

// hashTo reads a file, which must have the given size and must not be written meanwhile, writes it to w, and returns its
// sha256 in hexadecimal and its stamp.
func hashTo(m *meter, path string, size int64, w io.Writer) (hash, stamped string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", models.NotReadable(path, err)
	}
	defer f.Close()
	before, err := stamp(f)
	if err != nil {
		return "", "", models.NotReadable(path, err)
	}
	h, buf, read := sha256.New(), make([]byte, 1<<20), int64(0)
	for {
		n, err := f.Read(buf)
		h.Write(buf[:n])
		read += int64(n)
		if _, werr := w.Write(buf[:n]); werr != nil {
			return "", "", werr
		}
		if cancelled := m.add(n); cancelled != nil {
			return "", "", cancelled
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", "", models.NotReadable(path, err)
		}
		if read > size {
			break // the file is growing
		}
	}
	if read != size {
		return "", "", changing(path, "was changed while it was read: it had %s bytes at first, and %s in the end", models.Grouped(size), models.Grouped(read))
	}
	after, err := stamp(f)
	if err != nil {
		return "", "", models.NotReadable(path, err)
	}
	if after != before {
		return "", "", changing(path, "was changed while it was read")
	}
	return hex.EncodeToString(h.Sum(nil)), after, nil
}

func writeSynced(path string, b []byte) error {
	f, err := createFile(path)
	if err != nil {
		return err
	}
	_, err = writer{f}.Write(b)
	if err == nil {
		err = writer{f}.Sync()
	}
	return errors.Join(err, f.Close())
}

// explainWriteError adds what the user can do to the error of a write to a full disk.
func explainWriteError(dir string, err error) error {
	if err != nil && models.DiskFull(err) {
		return fmt.Errorf("the disk that holds %s is full; nothing was imported: free some space, or link the file instead of copying it (%w)", models.Printable(dir), err)
	}
	return err
}

// holding returns the entry that contains a file at one of paths.
func (l *Library) holding(paths []string) (Entry, bool) {
	entries, _ := l.List() // a broken entry has no usable list of files
	for _, e := range entries {
		if slices.ContainsFunc(e.Files, func(f Stored) bool { return slices.Contains(paths, e.FilePath(f)) }) {
			return e, true
		}
	}
	return Entry{}, false
}

// Holding returns the entry of the model at path, a file or a folder: one whose files are the same, by whatever paths and links.
func Holding(entries []Entry, path string) (Entry, bool) {
	if _, at, err := locate(path); err == nil {
		path = at
	}
	st, err := os.Stat(path)
	if err != nil {
		return Entry{}, false
	}
	for _, e := range entries {
		for _, at := range []string{e.Path(), e.FilePath(e.Files[0])} {
			if other, err := os.Stat(at); err == nil && os.SameFile(st, other) {
				return e, true
			}
		}
	}
	return Entry{}, false
}

// meter returns a meter for reading all files of e once.
func (e *Entry) meter(ctx context.Context, progress func(done, total int64)) *meter {
	m := &meter{ctx: ctx, report: progress}
	for _, f := range e.Files {
		m.total += f.Bytes
	}
	if e.Projector != nil {
		m.total += e.Projector.Bytes
	}
	return m
}

// verify compares the files with their recorded sizes and hashes.
func (e *Entry) verify(m *meter) error {
	if err := e.Check(); err != nil {
		return err
	}
	known := e.Hashed()
	for i := range e.Files {
		f := &e.Files[i]
		if f.SHA256 == "" {
			if err := e.first(m, f); err != nil {
				return err
			}
		} else if _, err := e.matches(m, *f); err != nil {
			return err
		}
	}
	if err := e.verifyProjector(m); err != nil {
		return err
	}
	if !known {
		e.save(lockWait)
	}
	return nil
}
