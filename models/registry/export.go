package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"soberano/models"
)

// ExistsError is the error of an export to a file or folder that exists.
type ExistsError struct{ Path string }

func (e *ExistsError) Error() string {
	return models.Printable(filepath.Base(e.Path)) + " exists already"
}

// exporting is how the names of the temporary folders of exports begin.
const exporting = ".exporting-"

// Export copies the files of a model to the path to: its file, or, of a model with several files, a folder with them. If a folder of that name exists, a single file is put into
// it. What is copied is compared with the recorded hashes. The copy appears at once when it is complete; with replace it takes the place of a file. It returns the path of the copy.
func (l *Library) Export(ctx context.Context, name, to string, replace bool, progress func(done, total int64)) (string, error) {
	e, err := l.Find(name)
	if err != nil {
		return "", err
	}
	if err := e.Unchanged(ctx, nil); err != nil {
		return "", err
	}
	if to, err = filepath.Abs(to); err != nil {
		return "", err
	}
	single := len(e.Files) == 1
	if st, err := os.Stat(to); err == nil && st.IsDir() && single {
		to = filepath.Join(to, filepath.Base(e.FilePath(e.Files[0])))
	}
	if st, err := os.Lstat(to); err == nil && (!replace || !st.Mode().IsRegular() || !single) {
		return "", &ExistsError{to}
	}
	dir, err := makeTemporary(filepath.Dir(to), exporting)
	if err != nil {
		return "", explainWriteError(filepath.Dir(to), err)
	}
	t := &temporary{l: l, dir: dir}
	defer func() { _ = removeFolder(dir) }()
	if err := e.copyTo(ctx, t, progress); err != nil {
		return "", exportError(filepath.Dir(to), err)
	}
	from := filepath.Join(dir, "files")
	if single {
		from = filepath.Join(from, filepath.Base(e.FilePath(e.Files[0])))
	}
	if err := rename(from, to); err != nil {
		return "", err
	}
	return to, syncDir(filepath.Dir(to))
}

// copyTo copies the files of e into a temporary folder and compares them with their hashes.
func (e *Entry) copyTo(ctx context.Context, t *temporary, progress func(done, total int64)) error {
	m := &meter{ctx: ctx, report: progress}
	files := slices.Clone(e.Files)
	for i := range files {
		files[i].Path, files[i].BLAKE3 = e.FilePath(files[i]), ""
		m.total += files[i].Bytes
	}
	if err := t.copyAll(m, files, nil, false); err != nil {
		return err
	}
	for i, f := range e.Files {
		if !f.is(hashes{files[i].BLAKE3, files[i].SHA256}) {
			return changed(e.FilePath(f), "since it was imported (its sha256 is %s)", files[i].SHA256)
		}
	}
	m.finish()
	return nil
}

// exportError says that nothing was written if the disk is full.
func exportError(dir string, err error) error {
	if models.DiskFull(err) {
		return fmt.Errorf("the disk that holds %s is full; nothing was written: free some space, or name another disk (%w)", models.Printable(dir), errors.Unwrap(err))
	}
	return err
}
