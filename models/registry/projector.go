package registry

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"soberano/models"
)

// projectorFile is the name of a copied vision encoder in the folder of its model's files.
const projectorFile = "mmproj.gguf"

// NamedProjector reports whether a file is named as a vision encoder with its projector, as programs that make such files name them.
func NamedProjector(path string) bool {
	name := strings.ToLower(filepath.Base(path))
	return strings.Contains(name, "mmproj") && filepath.Ext(name) == ".gguf"
}

// Attach makes the file at path the vision encoder of a model of the library, in the place of an earlier one. The caller has checked
// that it fits. With Link the file stays where it is. progress is as in Import. After an error the entry is unchanged.
func (l *Library) Attach(ctx context.Context, name, path string, how How, progress func(done, total int64)) (Entry, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Entry{}, err
	}
	e, err := l.Find(name)
	if err != nil {
		return Entry{}, err
	}
	files, err := filesOf([]string{path})
	if err != nil {
		return Entry{}, err
	}
	m := &meter{ctx: ctx, report: progress, total: files[0].Bytes}
	copied := ""
	if how == Link {
		err = hashAll(m, files)
	} else {
		copied, err = e.copyProjector(m, files, l.copies())
	}
	if copied != "" {
		defer func() { _ = removeFile(copied) }() // it is there only after an error
	}
	if err == nil {
		err = unwritten(files)
	}
	if err != nil {
		return Entry{}, err
	}
	if e, err = l.setProjector(ctx, name, files[0], copied); err == nil {
		m.finish()
	}
	return e, err
}

// copyProjector copies a file into the folder of the entry's files, under a temporary name, which it returns, and sets its hash.
func (e *Entry) copyProjector(m *meter, files []Stored, shared map[string]Stored) (to string, err error) {
	dir := filepath.Join(e.dir, "files")
	if err := makeFolder(dir); err != nil {
		return "", explainWriteError(dir, err)
	}
	to = filepath.Join(dir, tmpPrefix+projectorFile)
	if err := removeFile(to); err != nil && !os.IsNotExist(err) { // of a process that was killed
		return "", err
	}
	h, err := copyOrLink(m, to, files[0], shared, false)
	files[0].BLAKE3, files[0].SHA256 = h.blake3, h.sha256
	return to, err
}

// setProjector records the vision encoder of an entry. copied is where a copy of it lies; "": it is linked.
func (l *Library) setProjector(ctx context.Context, name string, f Stored, copied string) (Entry, error) {
	unlock, err := l.lock(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer unlock()
	e, err := l.Find(name)
	if err != nil {
		return Entry{}, err
	}
	if copied != "" {
		f.Path, f.Stamp = filepath.Join("files", projectorFile), ""
		if err := rename(copied, e.FilePath(f)); err != nil {
			return Entry{}, explainWriteError(e.dir, err)
		}
		if err := syncDir(filepath.Dir(copied)); err != nil {
			return Entry{}, err
		}
	}
	e.Projector = &f
	if err := e.write(); err != nil {
		return Entry{}, explainWriteError(e.dir, err)
	}
	return e, syncDir(e.dir)
}

// Current returns the entry with what its record says at this time of what a person sets: the vision encoder, which may have been attached since it was read, and e.Own.
func (e Entry) Current() Entry {
	if !e.Saved() {
		return e
	}
	var now Entry
	b, err := models.ReadSmall(filepath.Join(e.dir, entryFile), maxEntry)
	if err != nil || json.Unmarshal(b, &now) != nil || now.Projector != nil && !now.Projector.possible() || !now.settle(filepath.Base(e.dir)) {
		return e // the library reports broken entries
	}
	e.Projector, e.Own = now.Projector, now.Own
	return e
}

// possible reports whether the path is absolute, or one in the entry's folder.
func (f *Stored) possible() bool { return filepath.IsAbs(f.Path) || filepath.IsLocal(f.Path) }

// OpenProjector opens the vision encoder of the entry, which must have one. The error says if its file is not the one that was
// attached, as Unchanged does.
func (e *Entry) OpenProjector(ctx context.Context) (*models.File, error) {
	f := *e.Projector
	if err := e.present(f); err != nil {
		return nil, err
	}
	path := e.FilePath(f)
	if f.Stamp != "" {
		s, err := stampOf(path)
		if err != nil {
			return nil, err
		}
		if s != f.Stamp {
			if _, err := e.matches(&meter{ctx: ctx, total: f.Bytes}, &f); err != nil {
				return nil, err
			}
		}
	}
	return Read(path)
}

// verifyProjector compares the file of the vision encoder with its hash.
func (e *Entry) verifyProjector(m *meter) error {
	if e.Projector == nil {
		return nil
	}
	if err := e.present(*e.Projector); err != nil {
		return err
	}
	_, err := e.matches(m, e.Projector)
	return err
}
