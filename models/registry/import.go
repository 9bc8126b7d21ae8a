package registry

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// ImportOptions override what an import reads from the file. The zero value overrides nothing.
type ImportOptions struct {
	Name     string   // name in the library; "": derived from the file's name. A number is appended to a name that exists.
	Title    string   // title that people see; "": from the file
	Licence  string   // used if the file does not state one; "": unknown
	Included bool     // included with the program
	Note     string   // shown where the model is picked
	Sampling Sampling // zero: from the file, or general settings
}

// hashedAtOnce is the size up to which linked files are hashed when they are imported, which takes some 20 ms.
const hashedAtOnce = 32 << 20

// Import adds the model at path to the library. With Copy its files are copied and hashed; with Link they stay where they are, and
// if they are large they are not read but for their headers and samples: Verify and Complete record their hashes later. Take is Copy for files of the caller. progress, which may
// be nil, is called with the number of bytes read so far and their total.
//
// A file that is written during the import is refused: its times of change are compared before and after it was read. If
// the library already has an entry with the same files, or with files of the same content, that entry is returned; where an entry has files of
// the same sizes, both are read. Where another process changes the library,
// Import waits for some seconds, and then returns a *LockedError. The
// import is prepared in a temporary folder, and a single rename makes it an entry. So after a
// kill or a power failure the library is unchanged or has the complete entry, and after an
// error, with a full disk or an ended ctx, nothing is left behind. A signed model is read at once, also if it is linked, and one
// whose signature does not match is refused.
func (l *Library) Import(ctx context.Context, path string, how How, opt ImportOptions, progress func(done, total int64)) (Entry, error) {
	if opt.Name != "" {
		if err := checkName(opt.Name); err != nil {
			return Entry{}, err
		}
	}
	if err := l.prepare(ctx); err != nil {
		return Entry{}, err
	}
	s, err := l.inspected(path)
	if err != nil {
		return Entry{}, err
	}
	files := s.files
	if how == Link {
		if same, ok := l.linked(ctx, files); ok {
			return same, nil
		}
	}
	if s.info.SignedBy != "" {
		if err := s.checkSignature(ctx); err != nil {
			return Entry{}, err
		}
	}
	// For a copy the files are read twice only if an entry of the same size exists, which may be a duplicate.
	m := &meter{ctx: ctx, report: progress, total: s.info.Bytes}
	if l.sameSize(files) || how == Link && (s.info.SignedBy != "" || s.info.Bytes <= hashedAtOnce) { // a signed one has just been read, and a sample would not show each change of it
		if how != Link {
			m.total *= 2
		}
		if err := hashAll(m, files); err != nil {
			return Entry{}, err
		}
		if duplicate, ok := l.duplicate(ctx, files); ok {
			m.finish()
			return duplicate, nil
		}
	} else if how == Link {
		if err := takeSamples(files); err != nil {
			return Entry{}, err
		}
	}
	e := newEntry(s, how, opt)
	e.Files = files
	if l.check != nil {
		e.Checked = program()
	}
	return l.store(ctx, e, m, how)
}

func newEntry(s inspection, how How, opt ImportOptions) Entry {
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

// store copies e's files, unless they are linked, and commits e.
func (l *Library) store(ctx context.Context, e Entry, m *meter, how How) (_ Entry, err error) {
	t, err := l.begin(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer func() { err = errors.Join(err, t.discard()) }()
	sources, from := slices.Clone(e.Files), e.Path()
	if !e.Linked {
		if err := t.copyAll(m, e.Files, l.copies(), how == Take); err != nil {
			return Entry{}, err
		}
	}
	if err := t.copyCard(e, from); err != nil {
		return Entry{}, err
	}
	if how != Take { // a second link changes the time of change
		if err := unwritten(sources); err != nil {
			return Entry{}, err
		}
	}
	e, err = l.commit(ctx, t, e)
	if err == nil {
		m.finish()
	}
	return e, err
}

// temporary is a folder in which an entry is prepared.
type temporary struct {
	l    *Library
	dir  string
	lock *os.File // held as long as this process uses the folder
}

func (l *Library) begin(ctx context.Context) (*temporary, error) {
	unlock, err := l.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	dir, err := makeTemporary(l.dir, tmpPrefix)
	if err != nil {
		return nil, explainWriteError(l.dir, err)
	}
	f, err := tryLock(filepath.Join(dir, "lock"))
	if err != nil && !errors.Is(err, errNoLocks) {
		return nil, errors.Join(explainWriteError(l.dir, err), removeFolder(dir))
	}
	return &temporary{l, dir, f}, nil
}

// unlock closes and removes the lock file: Windows can't rename a folder with an open file.
func (t *temporary) unlock() error {
	if t.lock == nil {
		return nil
	}
	err := errors.Join(t.lock.Close(), removeFile(t.lock.Name()))
	t.lock = nil
	return err
}

// discard removes the folder unless it has become an entry. It holds the library's lock while it removes the folder's own: a
// sweep could otherwise remove the folder at the same time. If another process keeps the lock, the folder is removed all the
// same; of two that remove it, each finds less.
func (t *temporary) discard() error {
	if t.dir == "" {
		return nil
	}
	emptied := removeFolder(filepath.Join(t.dir, "files"))
	unlock, err := t.l.lock(context.Background())
	if err == nil {
		defer unlock()
	}
	return errors.Join(emptied, t.unlock(), removeFolder(t.dir))
}

// commit makes e an entry: it writes entry.json, syncs and renames the folder.
func (l *Library) commit(ctx context.Context, t *temporary, e Entry) (Entry, error) {
	unlock, err := l.lock(ctx)
	if err != nil {
		return Entry{}, err
	}
	defer unlock()
	if duplicate, ok := l.meanwhile(ctx, e); ok {
		return duplicate, nil
	}
	if !e.Linked {
		for i := range e.Files {
			e.Files[i].Stamp = ""
		}
	}
	entries, _ := l.List()
	e.Name = unusedName(e.Name, func(name string) bool {
		_, taken := named(entries, name)
		return taken || exists(filepath.Join(l.dir, name))
	})
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return Entry{}, err
	}
	if err := writeSynced(filepath.Join(t.dir, entryFile), append(b, '\n')); err != nil {
		return Entry{}, explainWriteError(l.dir, err)
	}
	dir := filepath.Join(l.dir, e.Name)
	err = errors.Join(t.unlock(), syncDir(t.dir))
	if err == nil {
		err = rename(t.dir, dir)
	}
	if err != nil {
		return Entry{}, explainWriteError(l.dir, err)
	}
	t.dir, e.dir = "", dir
	return e, syncDir(l.dir)
}

// meanwhile returns an entry with the files of e that another process has made since the import began. It reads no files, since the caller holds the
// library's lock.
func (l *Library) meanwhile(ctx context.Context, e Entry) (Entry, bool) {
	if e.Linked {
		if same, ok := l.linked(ctx, e.Files); ok {
			return same, true
		}
	}
	entries, _ := l.List() // a broken entry is not a duplicate
	for _, other := range entries {
		if same(other.Files, e.Files) && other.Unchanged(ctx, nil) == nil {
			return other, true
		}
	}
	return Entry{}, false
}

// sameSize reports whether an entry has the same number of files with the same sizes.
func (l *Library) sameSize(files []Stored) bool {
	entries, _ := l.List() // a broken entry is not a duplicate
	return slices.ContainsFunc(entries, func(e Entry) bool { return sameSizes(e.Files, files) })
}

// duplicate returns an entry with the same content, whose files are still those that were imported. Entries with files of the same sizes are read if
// their hashes are not known.
func (l *Library) duplicate(ctx context.Context, files []Stored) (Entry, bool) {
	entries, _ := l.List() // a broken entry is not a duplicate
	for _, e := range entries {
		if unidentified := func(f Stored) bool { return f.BLAKE3 == "" }; slices.ContainsFunc(e.Files, unidentified) && sameSizes(e.Files, files) {
			_ = e.verify(e.meter(ctx, nil)) // an entry that can't be read is not a duplicate
		}
		if same(e.Files, files) && e.Unchanged(ctx, nil) == nil {
			return e, true
		}
	}
	return Entry{}, false
}

// linked returns an entry that is linked to these files, at these paths or through other links, and whose files are still those that were imported.
func (l *Library) linked(ctx context.Context, files []Stored) (Entry, bool) {
	entries, _ := l.List() // a broken entry is none
	for _, e := range entries {
		if e.Linked && sameFiles(e.Files, files) && e.Unchanged(ctx, nil) == nil {
			return e, true
		}
	}
	return Entry{}, false
}

// sameFiles reports whether two lists have the same files on the disk.
func sameFiles(a, b []Stored) bool {
	return slices.EqualFunc(a, b, func(x, y Stored) bool {
		if x.Path == y.Path {
			return true
		}
		s, err := os.Stat(x.Path)
		t, failed := os.Stat(y.Path)
		return err == nil && failed == nil && os.SameFile(s, t)
	})
}

// sameSizes reports whether two lists have as many files of the same sizes.
func sameSizes(a, b []Stored) bool {
	return slices.EqualFunc(a, b, func(x, y Stored) bool { return x.Bytes == y.Bytes })
}
