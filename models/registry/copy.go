package registry

import (
	"context"
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
		if files[i].BLAKE3, _, err = hashFile(m, files[i].Path, files[i].Bytes); err != nil {
			return err
		}
	}
	return nil
}

// copyAll copies files into the temporary folder, computes their hashes while copying, and
// makes their paths relative to the folder. Files in a folder below that of the others keep it.
// Instead of copying a file, a hard link to one of the files in shared is made, if it has the same content, or with take one to the file itself.
func (t *temporary) copyAll(m *meter, files []Stored, shared map[string]Stored, take bool) error {
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
		h, err := copyOrLink(m, filepath.Join(dir, name), *f, shared, take)
		if err != nil {
			return err
		}
		if f.BLAKE3 != "" && f.BLAKE3 != h.blake3 {
			return changing(f.Path, "was changed while it was imported")
		}
		f.BLAKE3, f.SHA256, f.Path = h.blake3, h.sha256, filepath.Join("files", name)
	}
	for _, folder := range folders {
		if err := syncDir(folder); err != nil {
			return err
		}
	}
	return nil
}

// copyOrLink copies one file, or makes a hard link to one of shared, which are files of the library by their paths, that has the same content, or with take to
// the file itself.
func copyOrLink(m *meter, to string, from Stored, shared map[string]Stored, take bool) (hashes, error) {
	for path, same := range shared {
		if same.Bytes != from.Bytes || same.BLAKE3 == "" {
			continue
		}
		hash := from.BLAKE3
		if hash == "" {
			var err error
			if hash, _, err = hashFile(m, from.Path, from.Bytes); err != nil {
				return hashes{}, err
			}
			from.BLAKE3 = hash
		}
		if hash != same.BLAKE3 {
			continue
		}
		if stored, _, err := hashFile(m, path, same.Bytes); err != nil || stored != hash {
			continue // it is damaged: Verify says so
		}
		if link(path, to) == nil { // not every file system can
			return hashes{same.BLAKE3, same.SHA256}, nil
		}
	}
	if take && link(from.Path, to) == nil {
		h, _, err := hashTo(m, to, from.Bytes, io.Discard)
		return h, err
	}
	return copyFile(m, to, from)
}

// copies returns the files in the library's folder by their paths.
func (l *Library) copies() map[string]Stored {
	files := map[string]Stored{}
	entries, _ := l.List() // broken entries are not relied on
	for _, e := range entries {
		if e.Projector != nil {
			e.Files = append(e.Files, *e.Projector)
		}
		for _, f := range e.Files {
			if !filepath.IsAbs(f.Path) {
				files[e.FilePath(f)] = f
			}
		}
	}
	return files
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
func copyFile(m *meter, to string, from Stored) (h hashes, err error) {
	f, err := createFile(to)
	if err != nil {
		return h, explainWriteError(filepath.Dir(to), err)
	}
	if h, _, err = hashTo(m, from.Path, from.Bytes, writer{f}); err == nil {
		err = writer{f}.Sync()
	}
	return h, explainWriteError(filepath.Dir(to), errors.Join(err, f.Close()))
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

// verify compares the files with their recorded sizes and hashes, and records the hashes that are not known yet.
func (e *Entry) verify(m *meter) error {
	if err := e.Check(); err != nil {
		return err
	}
	recorded := slices.Clone(e.Files)
	for i := range e.Files {
		f := &e.Files[i]
		var err error
		if f.hashed() {
			_, err = e.matches(m, f)
		} else {
			err = e.first(m, f)
		}
		if err != nil {
			return err
		}
	}
	if err := e.verifyProjector(m); err != nil {
		return err
	}
	if !slices.Equal(recorded, e.Files) {
		e.save(lockWait)
	}
	return nil
}
