package gguf

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"soberano/models"
)

const maxParts = 1024

var partName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// partPaths returns the paths of all count files of the split model to which path belongs,
// and the index of path among them, from 0.
func partPaths(path string, count int) ([]string, int, error) {
	rename := fmt.Sprintf("give its %d files their names back, as in name-00001-of-%05d.gguf, in one folder", count, count)
	m := partName.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return nil, 0, &models.FileError{Path: path, Reason: fmt.Sprintf("is one of %d files of a model, but its name does not say which", count), Advice: rename, Kind: models.ErrCorrupt}
	}
	no, _ := strconv.Atoi(m[2]) // the pattern allows only five digits
	if of, _ := strconv.Atoi(m[3]); of != count || no < 1 || no > count {
		return nil, 0, &models.FileError{Path: path, Reason: fmt.Sprintf("says inside that the model has %d files, its name says something else", count), Advice: rename, Kind: models.ErrCorrupt}
	}
	paths := make([]string, count)
	for i := range paths {
		paths[i] = filepath.Join(filepath.Dir(path), fmt.Sprintf("%s-%05d-of-%05d.gguf", m[1], i+1, count))
	}
	return paths, no - 1, nil
}

// openSplit opens the other files of a split model, of which first is open already.
func openSplit(f *models.File, first *part, count int) error {
	if count > maxParts {
		return models.Corrupt(first.path, "is damaged: key \"split.count\" is %s, more than the %s allowed", models.Grouped(count), models.Grouped(maxParts))
	}
	paths, here, err := partPaths(first.path, count)
	if err != nil {
		return err
	}
	f.Paths = paths
	seen := make(map[string]string)
	for i, path := range paths {
		p := first
		if i != here {
			if p, err = openPart(f, path); errors.Is(err, models.ErrNotFound) {
				return missing(paths, i)
			} else if err != nil {
				return err
			}
		}
		if err := join(f, p, i, count, seen); err != nil {
			return err
		}
	}
	return complete(f)
}

// missing returns the error of a split model that lacks the file paths[first], the first of those that are not there.
func missing(paths []string, first int) error {
	others := 0
	for _, path := range paths[first+1:] {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			others++
		}
	}
	reason := fmt.Sprintf("is not there: it is file %d of the %d of this model", first+1, len(paths))
	if others > 0 {
		reason += fmt.Sprintf(", of which %d are missing", others+1)
	}
	return &models.FileError{Path: paths[first], Reason: reason, Advice: "put all of them in one folder", Kind: models.ErrNotFound}
}

// join adds the tensors of file number i to f.
func join(f *models.File, p *part, i, count int, seen map[string]string) error {
	no, err := p.meta.Int("split.no", -1)
	if err != nil {
		return inFile(p.path, err)
	}
	of, err := p.meta.Int("split.count", 0)
	if err != nil {
		return inFile(p.path, err)
	}
	if no != i || of != count {
		return models.Corrupt(p.path, "says inside that it is file %d of %d, its name says %d of %d", no+1, of, i+1, count)
	}
	if i == 0 {
		f.Meta = maps.Clone(p.meta)
		f.Share(p.derived)
	}
	for _, t := range p.tensors {
		if other, twice := seen[t.Name]; twice {
			return models.Corrupt(p.path, "has tensor %s, which is also in %s", models.Quote(t.Name), models.Printable(filepath.Base(other)))
		}
		seen[t.Name] = p.path
	}
	f.Tensors = append(f.Tensors, p.tensors...)
	return nil
}

// complete compares the number of tensors with the count in the first file.
func complete(f *models.File) error {
	want, err := f.Meta.Int("split.tensors.count", len(f.Tensors))
	if err != nil {
		return inFile(f.Paths[0], err)
	}
	if want != len(f.Tensors) {
		return models.Corrupt(f.Paths[0], "promises %s tensors in its %d files, but they hold %s", models.Grouped(want), len(f.Paths), models.Grouped(len(f.Tensors)))
	}
	return nil
}
