package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"soberano/models"
)

const (
	placeFile  = "library.json" // in the data folder, once the library has been moved
	movingFile = ".moving"      // in a folder to which a library is being moved: the data folder of that library
	maxPlace   = 1 << 20        // bytes
)

// place says where a library is that has been moved.
type place struct {
	Folder models.Path `json:"folder"`
	// From is where it was, and Left the names of the entries of which there may be copies still.
	From models.Path `json:"from,omitempty"`
	Left []string    `json:"left,omitempty"`
}

// placeOf returns where the library of a data folder is; the second result is false if it is where it always was.
func placeOf(root string) (place, bool, error) {
	usual := place{Folder: models.Path(filepath.Join(root, "models"))}
	path := filepath.Join(root, placeFile)
	b, err := models.ReadSmall(path, maxPlace)
	if errors.Is(err, models.ErrNotFound) {
		return usual, false, nil
	}
	var p place
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err == nil && (!filepath.IsAbs(string(p.Folder)) || p.From != "" && !filepath.IsAbs(string(p.From)) || p.From == p.Folder) {
		err = errors.New("it names an impossible folder")
	}
	if err != nil {
		return usual, false, &models.FileError{Path: path, Reason: fmt.Sprintf("says where the models are, and can't be read: %v", err),
			Advice: "write the path of their folder into it, as {\"folder\": \"…\"}, or delete it if they were never moved", Kind: models.ErrCorrupt}
	}
	return p, true, nil
}

// write records p in a data folder.
func (p place) write(root string) error {
	b, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(root, placeFile), append(b, '\n')); err != nil {
		return err
	}
	return syncDir(root)
}

// PlaceError says why a library can't be moved to a folder.
type PlaceError struct{ Folder, Reason string }

func (e *PlaceError) Error() string {
	return fmt.Sprintf("the library can't be moved to %s: %s", models.Printable(e.Folder), e.Reason)
}

// Move moves the library to a folder, which must be empty or absent, on this disk or another: it copies all entries, reads the copies and compares them, records the new place,
// which is the moment of the change, and deletes what was copied. If it is interrupted before, the library is unchanged, and another Move to
// the same folder begins anew; afterwards the next change deletes the rest. Models that are linked stay where they are. The library is locked meanwhile, and no window
// may have its data folder. l is to be opened again afterwards.
func (l *Library) Move(ctx context.Context, folder string, progress func(done, total int64)) error {
	to, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	window, err := TryLock(filepath.Join(l.root, "window.lock"))
	switch {
	case errors.Is(err, ErrLocked):
		return &PlaceError{to, "the window of Soberano is open; close it first"}
	case err == nil:
		defer window.Close()
	}
	if err := l.prepare(ctx); err != nil {
		return err
	}
	unlock, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	entries, broken := l.List()
	if len(broken) > 0 {
		return errors.Join(append(broken, &PlaceError{to, "remove the broken entries first"})...)
	}
	if err := l.movable(entries, to); err != nil {
		return err
	}
	if err := l.receive(to); err != nil {
		return explainMove(to, err)
	}
	m := &meter{ctx: ctx, report: progress}
	p := place{Folder: models.Path(to), From: models.Path(l.dir)}
	for _, e := range entries {
		p.Left = append(p.Left, e.Name)
		m.total += 2 * size(filesBelow(e.dir))
	}
	moved := map[string]string{}
	for _, e := range entries {
		if err := e.moveTo(m, filepath.Join(to, filepath.Base(e.dir)), moved); err != nil {
			return explainMove(to, err)
		}
	}
	if err := syncDir(to); err != nil {
		return err
	}
	if err := p.write(l.root); err != nil {
		return err
	}
	m.finish()
	return (&Library{root: l.root, dir: to}).finishMove()
}

// movable returns an error if the library can't be moved to a folder.
func (l *Library) movable(entries []Entry, to string) error {
	inside := func(path, dir string) bool {
		rel, err := filepath.Rel(dir, path)
		return err == nil && filepath.IsLocal(rel)
	}
	if inside(to, l.dir) || inside(l.dir, to) {
		return &PlaceError{to, "it is there, or one of the folders is in the other"}
	}
	for _, e := range entries {
		files := e.Files
		if e.Projector != nil {
			files = append(files[:len(files):len(files)], *e.Projector)
		}
		for _, f := range files {
			if filepath.IsAbs(f.Path) && inside(f.Path, l.dir) {
				return &PlaceError{to, models.Printable(e.Name) + " is linked to a file in the library's own folder"}
			}
		}
	}
	return nil
}

// receive makes the folder ready to receive the library: it creates it, or empties it of what an interrupted Move of this library has left.
func (l *Library) receive(to string) error {
	if err := makeFolder(to); err != nil {
		return err
	}
	list, err := os.ReadDir(to)
	if err != nil {
		return err
	}
	marker := filepath.Join(to, movingFile)
	if b, err := models.ReadSmall(marker, maxPlace); err == nil && string(b) == l.root {
		for _, d := range list {
			if d.Name() != movingFile {
				if err := removeFolder(filepath.Join(to, d.Name())); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, d := range list {
		if d.Name() != lockName && d.Name() != movingFile {
			return &PlaceError{to, "the folder is not empty"}
		}
	}
	return replaceFile(marker, []byte(l.root))
}

// moveTo copies the folder of e and compares the copies with what is recorded and with what was read. moved has the copies of the library's files by their BLAKE3
// hashes: files that were one file are one again, where the file system can have that.
func (e *Entry) moveTo(m *meter, to string, moved map[string]string) error {
	recorded := map[string]Stored{}
	for _, f := range e.Files {
		recorded[e.FilePath(f)] = f
	}
	if e.Projector != nil {
		recorded[e.FilePath(*e.Projector)] = *e.Projector
	}
	for _, f := range filesBelow(e.dir) {
		rel, err := filepath.Rel(e.dir, f.path)
		if err != nil {
			return err
		}
		at := filepath.Join(to, rel)
		if err := makeFolder(filepath.Dir(at)); err != nil {
			return err
		}
		hash := recorded[f.path].BLAKE3
		if other := moved[hash]; other == "" || link(other, at) != nil {
			if err := moveFile(m, f, at, recorded[f.path]); err != nil {
				return err
			}
		}
		if hash != "" {
			moved[hash] = at
		}
		if err := syncDir(filepath.Dir(at)); err != nil {
			return err
		}
	}
	return nil
}

// moveFile copies a file and compares the copy with what is recorded and with what was read.
func moveFile(m *meter, f found, to string, recorded Stored) error {
	read, err := copyFile(m, to, Stored{Path: f.path, Bytes: f.info.Size()})
	if err != nil {
		return err
	}
	if !recorded.is(read) {
		return changed(f.path, "since it was imported (its blake3 hash is %s)", read.blake3)
	}
	written, _, err := hashFile(m, to, f.info.Size())
	if err == nil && written != read.blake3 {
		err = models.Corrupt(to, "is not what was written: the disk may be failing")
	}
	if err == nil {
		// The repacked weights of a model are known by the time of its files. Where it can't be set, they are made anew.
		_ = os.Chtimes(to, time.Time{}, f.info.ModTime())
	}
	return err
}

// finishMove deletes what a Move has left at the place from which the library was moved. The entries are at l.dir.
func (l *Library) finishMove() error {
	p, moved, err := placeOf(l.root)
	if err != nil || !moved {
		return err
	}
	if marker := filepath.Join(l.dir, movingFile); exists(marker) {
		if err := removeFile(marker); err != nil {
			return err
		}
	}
	if p.From == "" {
		return nil
	}
	for _, name := range p.Left {
		if checkName(name) != nil {
			continue
		}
		if err := removeFolder(filepath.Join(string(p.From), name)); err != nil {
			return err
		}
	}
	if err := removeFolder(filepath.Join(string(p.From), downloads)); err != nil { // an unfinished download begins anew
		return err
	}
	p.From, p.Left = "", nil
	return p.write(l.root)
}

// explainMove says that nothing has changed if the disk is full.
func explainMove(to string, err error) error {
	if models.DiskFull(err) {
		return &PlaceError{to, "its disk is full; the library is where it was. What was copied stays there for another try; delete it if there is none"}
	}
	return err
}

// absent returns err, that a model is unknown, or why none is known: the library's folder is not there, as on a drive that is not plugged in.
func (l *Library) absent(err error) error {
	if l == nil || !errors.Is(err, models.ErrNotFound) {
		return err
	}
	if at := l.at(); at != nil {
		return at
	}
	return err
}

// at returns an error if the library's folder is not there, or the library has been moved since it was opened.
func (l *Library) at() error {
	p, moved, err := placeOf(l.root)
	switch {
	case err != nil:
		return err
	case string(p.Folder) != l.dir:
		return fmt.Errorf("the library has been moved to %s; start the program again", models.Printable(string(p.Folder)))
	case moved && !exists(l.dir):
		return &models.FileError{Path: l.dir, Reason: "is the folder of the library, and is no longer in " + models.Printable(filepath.Dir(l.dir)), Advice: "if it is on another drive, plug that in", Kind: models.ErrNotFound}
	}
	return nil
}
