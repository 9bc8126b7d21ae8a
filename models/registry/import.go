package registry

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// ImportOptions are what an import may be told. The zero value takes all from the file.
type ImportOptions struct {
	Name     string   // in the library; "": from the file's name. A taken one gets a number.
	Title    string   // for people; "": from the file
	Licence  string   // where the file does not say; "": unknown
	Included bool     // came with the program
	Note     string   // said where the model is picked
	Sampling Sampling // zero: the file's own, or a general one
}

// Import brings the model at path into the library: copied, or linked so that it stays
// where it is. Either way its files are read once and hashed; progress, which may be
// nil, is told the bytes done so far and their total.
//
// If the library has the same content already, that entry is returned. Until the last
// moment everything stands in a temporary folder; one rename makes the entry. So a kill
// or a loss of power leaves the library as it was or with the complete entry, and an
// error, a full disk or the end of ctx leaves nothing behind.
func (l *Library) Import(ctx context.Context, path string, how How, opt ImportOptions, progress func(done, total int64)) (Entry, error) {
	if opt.Name != "" {
		if err := checkName(opt.Name); err != nil {
			return Entry{}, err
		}
	}
	s, err := study(path)
	if err != nil {
		return Entry{}, err
	}
	files, err := filesOf(s.paths)
	if err != nil {
		return Entry{}, err
	}
	// A copy reads a second time only if an entry of the same size may be its twin.
	m := &meter{ctx: ctx, tell: progress, total: s.info.Bytes}
	if how == Link || l.sameSize(files) {
		if how == Copy {
			m.total *= 2
		}
		if err := hashAll(m, files); err != nil {
			return Entry{}, err
		}
		if twin, ok := l.twin(files); ok {
			m.finish()
			return twin, nil
		}
	}
	e := newEntry(s, how, opt)
	e.Files = files
	return l.bringIn(ctx, e, m)
}

func newEntry(s studied, how How, opt ImportOptions) Entry {
	e := Entry{Name: opt.Name, Info: s.info, Linked: how == Link, Included: opt.Included, Note: opt.Note, Sampling: opt.Sampling, Added: time.Now().UTC().Truncate(time.Second)}
	if e.Licence == "" {
		e.Licence = opt.Licence
	}
	if e.Name == "" {
		e.Name = nameFor(s.path, s.info)
	}
	if opt.Title != "" {
		e.Title = opt.Title
	}
	if e.Sampling == (Sampling{}) {
		e.Sampling = s.sampling
	}
	return e
}

// bringIn copies e's files, if it is to be a copy, and commits it.
func (l *Library) bringIn(ctx context.Context, e Entry, m *meter) (_ Entry, err error) {
	t, err := l.begin(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer func() { err = errors.Join(err, t.discard()) }()
	if !e.Linked {
		if err := t.copyAll(m, e.Files); err != nil {
			return Entry{}, err
		}
	}
	e, err = l.commit(ctx, t, e)
	if err == nil {
		m.finish()
	}
	return e, err
}

// temporary is a folder in which an entry grows.
type temporary struct {
	l    *Library
	dir  string
	lock *os.File // held while this process works on it
}

func (l *Library) begin(ctx context.Context) (*temporary, error) {
	unlock, err := l.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	dir, err := os.MkdirTemp(l.dir, tmpPrefix)
	if err != nil {
		return nil, inWords(l.dir, err)
	}
	f, err := tryLock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, errors.Join(inWords(l.dir, err), os.RemoveAll(dir))
	}
	return &temporary{l, dir, f}, nil
}

// unlock lets go of the lock file, which Windows would not let be renamed.
func (t *temporary) unlock() error {
	if t.lock == nil {
		return nil
	}
	err := errors.Join(t.lock.Close(), os.Remove(t.lock.Name()))
	t.lock = nil
	return err
}

// discard removes the folder, if it has not become an entry; under the library's lock,
// since a sweep would remove it at the same time once its own lock is gone.
func (t *temporary) discard() error {
	if t.dir == "" {
		return nil
	}
	unlock, err := t.l.lock(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	return errors.Join(t.unlock(), os.RemoveAll(t.dir))
}

// commit makes e an entry: writes entry.json, syncs, renames.
func (l *Library) commit(ctx context.Context, t *temporary, e Entry) (Entry, error) {
	unlock, err := l.lock(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer unlock()
	if twin, ok := l.twin(e.Files); ok { // imported by another process meanwhile
		return twin, nil
	}
	e.Name = free(e.Name, func(name string) bool { return exists(filepath.Join(l.dir, name)) })
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return Entry{}, err
	}
	if err := writeSynced(filepath.Join(t.dir, entryFile), append(b, '\n')); err != nil {
		return Entry{}, inWords(l.dir, err)
	}
	dir := filepath.Join(l.dir, e.Name)
	err = errors.Join(t.unlock(), syncDir(t.dir))
	if err == nil {
		err = os.Rename(t.dir, dir)
	}
	if err != nil {
		return Entry{}, inWords(l.dir, err)
	}
	t.dir, e.dir = "", dir
	return e, syncDir(l.dir)
}

// sameSize reports whether an entry has as many files of the same sizes.
func (l *Library) sameSize(files []Stored) bool {
	entries, _ := l.List() // a broken entry is no twin
	for _, e := range entries {
		equal := len(e.Files) == len(files)
		for i := 0; equal && i < len(files); i++ {
			equal = e.Files[i].Bytes == files[i].Bytes
		}
		if equal {
			return true
		}
	}
	return false
}

// twin finds a whole entry with the same contents.
func (l *Library) twin(files []Stored) (Entry, bool) {
	entries, _ := l.List() // a broken entry is no twin
	for _, e := range entries {
		if same(e.Files, files) && e.Check() == nil {
			return e, true
		}
	}
	return Entry{}, false
}
