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

// meter counts bytes for a progress bar, and ends the work when ctx does.
type meter struct {
	ctx         context.Context
	tell        func(done, total int64)
	done, total int64
}

func (m *meter) add(n int) error {
	m.done += int64(n)
	if m.tell != nil {
		m.tell(min(m.done, m.total), m.total)
	}
	return m.ctx.Err()
}

func (m *meter) finish() {
	if m.tell != nil && m.done < m.total {
		m.tell(m.total, m.total)
	}
}

// filesOf lists files with their sizes, not yet hashed.
func filesOf(paths []string) ([]Stored, error) {
	var out []Stored
	for _, path := range paths {
		st, err := os.Stat(path)
		if err != nil {
			return nil, models.NotReadable(path, err)
		}
		out = append(out, Stored{Path: path, Bytes: st.Size()})
	}
	return out, nil
}

// hashAll fills in the hashes of files.
func hashAll(m *meter, files []Stored) (err error) {
	for i := range files {
		if files[i].SHA256, err = hashTo(m, files[i].Path, files[i].Bytes, io.Discard); err != nil {
			return err
		}
	}
	return nil
}

// copyAll copies files into the folder, hashes them on the way, and makes their paths
// relative to it.
func (t *temporary) copyAll(m *meter, files []Stored) error {
	dir := filepath.Join(t.dir, "files")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return inWords(dir, err)
	}
	for i := range files {
		f := &files[i]
		name := filepath.Base(f.Path)
		hash, err := copyFile(m, filepath.Join(dir, name), *f)
		if err != nil {
			return err
		}
		if f.SHA256 != "" && f.SHA256 != hash {
			return models.Corrupt(f.Path, "changed while it was imported")
		}
		f.SHA256, f.Path = hash, filepath.Join("files", name)
	}
	return syncDir(dir)
}

// copyFile copies one file and syncs the copy.
func copyFile(m *meter, to string, from Stored) (hash string, err error) {
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", inWords(filepath.Dir(to), err)
	}
	if hash, err = hashTo(m, from.Path, from.Bytes, f); err == nil {
		err = f.Sync()
	}
	return hash, inWords(filepath.Dir(to), errors.Join(err, f.Close()))
}

// hashTo reads a file, which must have the given size, and writes it to w; it returns
// the sha256 in hexadecimal.
func hashTo(m *meter, path string, size int64, w io.Writer) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", models.NotReadable(path, err)
	}
	defer f.Close()
	h, buf, read := sha256.New(), make([]byte, 1<<20), int64(0)
	for {
		n, err := f.Read(buf)
		h.Write(buf[:n])
		read += int64(n)
		if _, werr := w.Write(buf[:n]); werr != nil {
			return "", werr
		}
		if cancelled := m.add(n); cancelled != nil {
			return "", cancelled
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", models.NotReadable(path, err)
		}
		if read > size {
			break // it grows under our hands
		}
	}
	if read != size {
		return "", models.Corrupt(path, "changed while it was read: it had %s bytes at first, and %s in the end", models.Grouped(size), models.Grouped(read))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// inWords says what a failed write means for a person.
func inWords(dir string, err error) error {
	if err != nil && diskFull(err) {
		return fmt.Errorf("the disk that holds %s is full; nothing was imported: free some space, or link the file instead of copying it (%w)", models.Printable(dir), err)
	}
	return err
}

// Verify reads all files of a model and compares them with the hashes of its import.
// The error says in words which file is missing or has changed.
func (l *Library) Verify(ctx context.Context, name string, progress func(done, total int64)) error {
	e, err := l.Find(name)
	if err != nil {
		return err
	}
	return e.verify(ctx, progress)
}

// VerifyPath is Verify for the model that the file or folder at path belongs to. Of one that is
// not in the library nothing is recorded: its structure is checked, its files are read to their
// end, and known is false. files are those of the model, with their hashes.
func (l *Library) VerifyPath(ctx context.Context, path string, progress func(done, total int64)) (files []Stored, known bool, err error) {
	s, err := study(path)
	if err != nil {
		return nil, false, err
	}
	if e, ok := l.holding(s.paths); ok {
		return e.Files, true, e.verify(ctx, progress)
	}
	if files, err = filesOf(s.paths); err != nil {
		return nil, false, err
	}
	m := &meter{ctx: ctx, tell: progress, total: s.info.Bytes}
	return files, false, hashAll(m, files)
}

// holding finds the entry whose files are those at paths.
func (l *Library) holding(paths []string) (Entry, bool) {
	entries, _ := l.List() // a broken entry holds nothing
	for _, e := range entries {
		if slices.ContainsFunc(e.Files, func(f Stored) bool { return slices.Contains(paths, e.abs(f)) }) {
			return e, true
		}
	}
	return Entry{}, false
}

// verify compares the files with their hashes.
func (e *Entry) verify(ctx context.Context, progress func(done, total int64)) error {
	if err := e.Check(); err != nil {
		return err
	}
	m := &meter{ctx: ctx, tell: progress}
	for _, f := range e.Files {
		m.total += f.Bytes
	}
	for _, f := range e.Files {
		path := e.abs(f)
		hash, err := hashTo(m, path, f.Bytes, io.Discard)
		if err != nil {
			return err
		}
		if hash != f.SHA256 {
			return &models.FileError{Path: path, Reason: fmt.Sprintf("has changed since it was imported (its sha256 is %s, it was %s)", hash, f.SHA256),
				Advice: "remove the model and import it again", Kind: models.ErrCorrupt}
		}
	}
	m.finish()
	return nil
}
