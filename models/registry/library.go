package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"soberano/models"
)

const (
	tmpPrefix = ".tmp-"
	entryFile = "entry.json"
	lockName  = ".lock"
	downloads = ".downloads"
	maxEntry  = 1 << 20 // bytes of entry.json
)

// Library is the user's library of models. Its methods may be called from several
// goroutines, and several processes may use the same library. A nil *Library can be read; it is empty.
type Library struct {
	root   string // the data folder
	dir    string // the folder that holds the entries
	check  Check
	checks checks
	last   last
}

// Open opens the library in root/models; root is usually DataDir(). The folder need not exist; a change of the library creates
// it. Reading needs no lock and writes nothing that it must: a library that can't be written, or that another process has
// locked, can be read all the same. If it can be written at once, what interrupted imports have left there is removed;
// otherwise the next change does that. check is used by Import; see Inspect.
func Open(root string, check Check) (*Library, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	p, moved, err := placeOf(root)
	if err != nil {
		return nil, err
	}
	l := &Library{root: root, dir: string(p.Folder), check: check}
	if !l.remains() && !(moved && p.From != "") {
		return l, nil
	}
	if f, err := tryLock(filepath.Join(l.dir, lockName)); err == nil {
		defer f.Close()
		_ = errors.Join(l.sweep(), l.finishMove()) // prepare reports what can't be removed
	}
	return l, nil
}

// Downloads returns the folder for files that are being fetched for the library. It is on the library's disk, and need not exist.
func (l *Library) Downloads() string { return filepath.Join(l.dir, downloads) }

// last keeps what Library.Inspect found last, so that the import of a file that was just shown does not parse it again.
type last struct {
	mu   sync.Mutex
	path string
	inspection
}

// Inspect describes a model as the function Inspect does, with the library's check. An import of the same path that follows uses the result, if the files have not changed.
func (l *Library) Inspect(path string) (Info, error) {
	s, err := inspect(path, l.check)
	if err == nil {
		l.last.mu.Lock()
		defer l.last.mu.Unlock()
		l.last.path, l.last.inspection = path, s
	}
	return s.info, err
}

// inspected returns the inspection of a path, once; it is that of the last Inspect if the files are the same.
func (l *Library) inspected(path string) (inspection, error) {
	l.last.mu.Lock()
	s, known := l.last.inspection, l.last.path == path
	l.last.path = ""
	l.last.mu.Unlock()
	if known && unwritten(s.files) == nil {
		s.files = slices.Clone(s.files)
		return s, nil
	}
	return inspect(path, l.check)
}

// remains reports whether the library's folder holds a temporary folder.
func (l *Library) remains() bool {
	dirs, err := os.ReadDir(l.dir)
	return err == nil && slices.ContainsFunc(dirs, func(d fs.DirEntry) bool { return strings.HasPrefix(d.Name(), tmpPrefix) })
}

// prepare makes the library ready for a change: it waits until no other process changes it, and removes what interrupted imports
// have left.
func (l *Library) prepare(ctx context.Context) error {
	unlock, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := errors.Join(l.sweep(), l.finishMove()); err != nil {
		return fmt.Errorf("the remains of an interrupted import can't be removed: %w", err)
	}
	return nil
}

// sweep removes the temporary folders of processes that have ended. The lock of such a
// folder is free. A folder without a lock file is removed as well: creating and locking a
// folder, and removing the lock file before the final rename, happen under the library's
// lock, which the caller holds. Where the file system has no locks, nothing is removed.
func (l *Library) sweep() error {
	dirs, err := os.ReadDir(l.dir)
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if strings.HasPrefix(d.Name(), tmpPrefix) {
			err = errors.Join(err, removeDead(filepath.Join(l.dir, d.Name())))
		}
	}
	return err
}

func removeDead(dir string) error {
	f, err := tryLock(filepath.Join(dir, "lock"))
	switch {
	case errors.Is(err, errLocked):
		return nil
	case errors.Is(err, errNoLocks):
		return f.Close()
	case err == nil:
		_ = f.Close()
	}
	return removeFolder(dir)
}

// lock creates the library's folder, if needed, and acquires its lock, which changes of the library need. It waits for a process that holds it; see LockedError.
func (l *Library) lock(ctx context.Context) (unlock func(), err error) {
	if err := l.at(); err != nil {
		return nil, err
	}
	if err := makeFolder(l.dir); err != nil {
		return nil, notMade(l.dir, err)
	}
	path := filepath.Join(l.dir, lockName)
	f, err := lock(ctx, path, lockWait)
	switch {
	case errors.Is(err, errLocked):
		return nil, heldBy(l.dir, path)
	case err != nil:
		return nil, fmt.Errorf("the folder for models can't be changed: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

// notMade returns the error of the library's folder that can't be made. That of a place without folders does not wrap fs.ErrNotExist, which would look like a model that is gone.
func notMade(dir string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the folder for models, %s, can't be made there; SOBERANO_HOME chooses another folder for the data", models.Printable(dir))
	}
	return fmt.Errorf("the folder for models can't be made: %w", err)
}

// List returns the entries by name, and an error for each folder that does not hold a
// readable entry.
func (l *Library) List() ([]Entry, []error) {
	if l == nil {
		return nil, nil
	}
	dirs, err := os.ReadDir(l.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := l.at(); err != nil {
			return nil, []error{err}
		}
		return nil, nil
	case err != nil:
		return nil, []error{fmt.Errorf("the library can't be read: %w", err)}
	}
	var entries []Entry
	var broken []error
	x := openIndex(l.root)
	defer x.update()
	for _, d := range dirs {
		if !d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			continue
		}
		e, err := l.loadWith(d.Name(), x)
		switch {
		case err == nil:
			entries = append(entries, e)
		case !errors.Is(err, models.ErrNotFound) || exists(filepath.Join(l.dir, d.Name())): // otherwise it has just been removed
			broken = append(broken, err)
		}
	}
	return entries, broken
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// unknownName is the text of an error that wraps models.ErrNotFound.
type unknownName string

func (e unknownName) Error() string { return string(e) }
func (unknownName) Unwrap() error   { return models.ErrNotFound }

// Find returns the entry with the given name. The error wraps models.ErrNotFound if there is none.
func (l *Library) Find(name string) (Entry, error) {
	if !l.Has(name) {
		return Entry{}, unknownName("the library has no model named " + models.Quote(name))
	}
	return l.load(name)
}

// load reads an entry.
func (l *Library) load(name string) (Entry, error) { return l.loadWith(name, nil) }

// loadWith reads an entry, by the index if it knows it, and checks it, since entry.json may be damaged or edited by hand.
func (l *Library) loadWith(name string, x *index) (Entry, error) {
	var e Entry
	dir := filepath.Join(l.dir, name)
	bad := func(kind error, format string, args ...any) (Entry, error) {
		return Entry{}, &models.FileError{Path: dir, Reason: "is a broken entry of the library: " + fmt.Sprintf(format, args...),
			Advice: "remove it and import the model again", Kind: kind}
	}
	b, err := x.read(filepath.Join(dir, entryFile))
	if err != nil {
		return bad(err, "%v", err)
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return bad(models.ErrCorrupt, "%s can't be read: %v", entryFile, err)
	}
	if recorded := e.Name; !e.settle(name) {
		return bad(models.ErrCorrupt, "%s belongs to a model named %s", entryFile, models.Quote(recorded))
	}
	if len(e.Files) == 0 {
		return bad(models.ErrCorrupt, "%s names no files", entryFile)
	}
	for _, f := range e.Files {
		if filepath.IsAbs(f.Path) != e.Linked || !e.Linked && !filepath.IsLocal(f.Path) {
			return bad(models.ErrCorrupt, "%s names an impossible file %s", entryFile, models.Quote(f.Path))
		}
	}
	if f := e.Projector; f != nil && !f.possible() {
		return bad(models.ErrCorrupt, "%s names an impossible file %s", entryFile, models.Quote(f.Path))
	}
	e.dir = dir
	e.complete()
	l.recheck(&e)
	return e, nil
}

// Path returns the path to open: the file, or the directory for a format of several files.
func (e *Entry) Path() string {
	if len(e.Files) == 0 {
		return ""
	}
	path := e.FilePath(e.Files[0])
	if formatNamed(e.Format).directory {
		return filepath.Dir(path)
	}
	return path
}

// FilePath returns the absolute path of one of the entry's files.
func (e *Entry) FilePath(f Stored) string {
	if filepath.IsAbs(f.Path) {
		return f.Path
	}
	return filepath.Join(e.dir, f.Path)
}

// Saved reports whether e is in a library. Resolve also returns entries that are not.
func (e *Entry) Saved() bool { return e.dir != "" }

// Check compares the sizes of the files with the recorded sizes, without reading the files.
// This finds linked files that were moved or changed.
func (e *Entry) Check() error {
	for _, f := range e.Files {
		if err := e.present(f); err != nil {
			return err
		}
	}
	return nil
}

// Away reports whether a linked file of the entry is not where it was, as on a drive that is not plugged in.
func (e *Entry) Away() bool { return e.AwayFrom() != "" }

// AwayFrom returns the path at which a linked file of the entry was and is not; "": all are there.
func (e *Entry) AwayFrom() string {
	wrong, ok := errors.AsType[*models.FileError](e.Check())
	if !ok || !errors.Is(wrong, models.ErrNotFound) {
		return ""
	}
	return wrong.Path
}

// present returns an error if a file of the entry is not there or has another size.
func (e *Entry) present(f Stored) error {
	path := e.FilePath(f)
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && filepath.IsAbs(f.Path):
		return &models.FileError{Path: path, Reason: fmt.Sprintf("is no longer at %s", models.Printable(filepath.Dir(path))),
			Advice: "put it back, or remove the model and import it from its new place; if it is on another drive, plug that in", Kind: models.ErrNotFound}
	case err != nil:
		return models.NotReadable(path, err)
	case st.Size() != f.Bytes:
		return models.Corrupt(path, "has %s bytes, but had %s when it was imported", models.Grouped(st.Size()), models.Grouped(f.Bytes))
	}
	return nil
}

// Remove removes a model from the library. Copied files are deleted; linked files are not. Like Import it waits for another
// process that changes the library.
func (l *Library) Remove(name string) error {
	if !l.Has(name) {
		return unknownName("the library has no model named " + models.Quote(name))
	}
	if err := l.prepare(context.Background()); err != nil {
		return err
	}
	unlock, err := l.lock(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	// A single rename removes the entry. If the process is killed while it deletes the files,
	// sweep removes the rest. The rename needs no new folder, for which a full disk may have no space.
	trash := filepath.Join(l.dir, fmt.Sprintf("%sremoved-%d", tmpPrefix, time.Now().UnixNano()))
	if err := rename(filepath.Join(l.dir, name), trash); err != nil {
		return fmt.Errorf("%s can't be removed; is it in use? %w", name, err)
	}
	if err := syncDir(l.dir); err != nil {
		return err
	}
	if err := removeFolder(trash); err != nil {
		return fmt.Errorf("%s is removed, but its files could not all be deleted: %w", name, err)
	}
	return nil
}

// Has reports whether there is a model with the given name.
func (l *Library) Has(name string) bool {
	return l != nil && checkName(name) == nil && exists(filepath.Join(l.dir, name))
}

// Resolve finds the model to which a reference belongs in lib, see Library.Lookup. Where it is no model's name or alias, and there is a file or directory with that path, it
// describes this one, in an entry that is not saved anywhere. check
// is used for such a file, see Inspect; a caller that opens the model can leave it nil.
func Resolve(lib *Library, nameOrPath string, check Check) (Entry, error) {
	if lib.Has(nameOrPath) {
		return lib.load(nameOrPath)
	}
	var entries []Entry
	if checkAlias(plain(nameOrPath)) == nil {
		entries, _ = lib.List() // broken entries are found by their names only
	}
	if e, ok := named(entries, plain(nameOrPath)); ok {
		return e, nil
	}
	if !exists(nameOrPath) {
		e, err := lookup(entries, plain(nameOrPath))
		if errors.Is(err, models.ErrNotFound) {
			err = lib.absent(unknownName("there is no model and no file named " + models.Quote(nameOrPath)))
		}
		return e, err
	}
	s, err := inspect(nameOrPath, check)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Name: nameFor(s.path, s.info), Info: s.info, Linked: true, Sampling: s.sampling, Files: s.files}
	for i := range e.Files {
		e.Files[i].Stamp = "" // the file is only described
	}
	return e, nil
}

// Hashed reports whether the hashes of all files are known. Those of a linked model are not until Verify or Complete has read it.
func (e *Entry) Hashed() bool {
	return !slices.ContainsFunc(e.Files, func(f Stored) bool { return !f.hashed() })
}

// same reports whether two lists of files have the same contents, whose hashes are known, in any order.
func same(a, b []Stored) bool {
	hashes := func(files []Stored) []string {
		var out []string
		for _, f := range files {
			out = append(out, f.BLAKE3)
		}
		slices.Sort(out)
		return out
	}
	have := hashes(a)
	return slices.Equal(have, hashes(b)) && !slices.Contains(have, "")
}
