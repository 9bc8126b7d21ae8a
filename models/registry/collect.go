package registry

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Unreferenced is a file or folder in the library's folder that belongs to no model.
type Unreferenced struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// abandoned is the time without a write after which a file that an import could still be writing counts as that of a process that was killed.
const abandoned = time.Hour

// givenUp is the time without a write after which an unfinished download counts as given up.
const givenUp = 7 * 24 * time.Hour

// Collect removes what belongs to no model: folders of imports that were interrupted, files in the folders of entries that no record
// names, and what downloads have left that were given up. The folders of broken entries stay as they are, and so does each file to which an entry is linked. With dry nothing is removed. It returns what
// was, or would be, removed.
func (l *Library) Collect(ctx context.Context, dry bool) (list []Unreferenced, err error) {
	if !exists(l.dir) {
		return nil, nil
	}
	unlock, err := l.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	entries, _ := l.List() // broken ones are left alone
	kept := map[string]bool{}
	for _, e := range entries {
		for _, f := range e.Files {
			keep(kept, e.FilePath(f))
		}
		if e.Projector != nil {
			keep(kept, e.FilePath(*e.Projector))
		}
		keep(kept, filepath.Join(e.dir, entryFile))
		keep(kept, filepath.Join(e.dir, cardFile))
	}
	list = append(l.dead(kept), l.unfinished(kept)...)
	for _, e := range entries {
		list = append(list, unreferenced(e.dir, kept)...)
	}
	if dry {
		return list, nil
	}
	for _, u := range list {
		err = errors.Join(err, removeFolder(u.Path))
	}
	return list, err
}

// keep adds a file, by its own path and by that to which links lead.
func keep(kept map[string]bool, path string) {
	kept[path] = true
	if real, err := filepath.EvalSymlinks(path); err == nil {
		kept[real] = true
	}
}

// dead returns the temporary folders of processes that have ended. The caller holds the library's lock.
func (l *Library) dead(kept map[string]bool) (list []Unreferenced) {
	dirs, _ := os.ReadDir(l.dir) // what can't be read is not removed
	for _, d := range dirs {
		path := filepath.Join(l.dir, d.Name())
		below := filesBelow(path)
		if !strings.HasPrefix(d.Name(), tmpPrefix) || slices.ContainsFunc(below, func(f found) bool { return kept[f.path] }) {
			continue
		}
		if f, err := tryLock(filepath.Join(path, "lock")); err == nil {
			_ = f.Close()
			list = append(list, Unreferenced{path, size(below)})
		}
	}
	return list
}

// unfinished returns the files of downloads of which none has been written for a long time: a part, and beside it the server's entity tag.
func (l *Library) unfinished(kept map[string]bool) (list []Unreferenced) {
	files := filesBelow(l.Downloads())
	for _, f := range files {
		recent := slices.ContainsFunc(files, func(other found) bool {
			return stem(other.path) == stem(f.path) && time.Since(other.info.ModTime()) < givenUp
		})
		if recent || kept[f.path] {
			continue
		}
		if lock, err := tryLock(f.path); err == nil { // otherwise it is being written
			_ = lock.Close()
			list = append(list, Unreferenced{f.path, f.info.Size()})
		}
	}
	return list
}

// found is a file below a folder.
type found struct {
	path string
	info fs.FileInfo
}

// filesBelow returns the regular files below a folder that can be read.
func filesBelow(dir string) (list []found) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				list = append(list, found{path, info})
			}
		}
		return nil
	})
	return list
}

func size(list []found) (sum int64) {
	for _, f := range list {
		sum += f.info.Size()
	}
	return sum
}

// unreferenced returns the files below a folder that are not kept, but for those that a process may be writing.
func unreferenced(dir string, kept map[string]bool) (list []Unreferenced) {
	for _, f := range filesBelow(dir) {
		writing := strings.HasPrefix(filepath.Base(f.path), tmpPrefix) && time.Since(f.info.ModTime()) < abandoned
		if real, err := filepath.EvalSymlinks(f.path); err == nil && !kept[f.path] && !kept[real] && !writing {
			list = append(list, Unreferenced{f.path, f.info.Size()})
		}
	}
	return list
}
