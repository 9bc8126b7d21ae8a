package registry

import (
	"context"
	"fmt"
	"io"
	"os"

	"soberano/models"
)

// stampOf returns the stamp of the file at path.
func stampOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", models.NotReadable(path, err)
	}
	defer f.Close()
	s, err := stamp(f)
	if err != nil {
		return "", models.NotReadable(path, err)
	}
	return s, nil
}

// unwritten returns an error if one of the files of an import was written or replaced since its stamp was taken: what was
// hashed or copied could then be a mixture.
func unwritten(files []Stored) error {
	for _, f := range files {
		s, err := stampOf(f.Path)
		if err != nil {
			return err
		}
		if s != f.Stamp {
			return changing(f.Path, "was changed while it was imported")
		}
	}
	return nil
}

// changing returns the error of a file that another program writes.
func changing(path, format string, args ...any) error {
	return &models.FileError{Path: path, Reason: fmt.Sprintf(format, args...), Advice: "wait until it is written completely, and try again", Kind: models.ErrCorrupt}
}

// Unchanged returns an error if the files are not those that were imported. It reads no more than it must:
//
//	of every file    the size, as Check
//	of a linked one  when it was changed, by modification time and, where the system has one, change time.
//	                 Where that differs, the file is read and compared with the hash of the import; if it is the same,
//	                 the new time is recorded.
//
// So a linked file that was overwritten, or replaced by one of equal size, is found before it is used. Damage of the disk that
// changes no time is found by Verify.
func (e *Entry) Unchanged(ctx context.Context, progress func(done, total int64)) error {
	if err := e.Check(); err != nil || !e.Linked || !e.Saved() {
		return err
	}
	m := &meter{ctx: ctx, report: progress}
	var again []int
	for i, f := range e.Files {
		s, err := stampOf(f.Path)
		if err != nil {
			return err
		}
		if s != f.Stamp {
			again = append(again, i)
			m.total += f.Bytes
		}
	}
	if len(again) == 0 {
		return nil
	}
	for _, i := range again {
		s, err := e.matches(m, e.Files[i])
		if err != nil {
			return err
		}
		e.Files[i].Stamp = s
	}
	m.finish()
	e.save()
	return nil
}

// matches compares a file with its recorded hash, and returns its stamp.
func (e *Entry) matches(m *meter, f Stored) (string, error) {
	path := e.FilePath(f)
	hash, s, err := hashTo(m, path, f.Bytes, io.Discard)
	if err == nil && hash != f.SHA256 {
		err = &models.FileError{Path: path, Reason: fmt.Sprintf("has changed since it was imported (its sha256 is %s, it was %s)", hash, f.SHA256),
			Advice: "remove the model and import it again", Kind: models.ErrCorrupt}
	}
	return s, err
}
