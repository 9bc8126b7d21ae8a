package convert

import (
	"io"
	"os"
	"path/filepath"

	"soberano/models"
	"soberano/models/gguf"
)

// EditKeys writes the GGUF file at path with changed keys to the file out, which may be the same: then the new file takes its place, in one step, when it is complete, and keeps
// its permissions. A link is followed. replace allows to overwrite another file. check, if not nil, is called with the path of the complete file before it gets its name;
// its error is returned, and nothing changes. Other errors are those of gguf.Rewrite and Convert.
func EditKeys(path, out string, e gguf.Edit, replace bool, check func(path string) error) ([]gguf.Change, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, models.NotReadable(path, err)
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, models.NotReadable(path, err)
	}
	mode := os.FileMode(0o644)
	if target, err := os.Stat(out); err == nil && os.SameFile(st, target) {
		out, replace, mode = path, true, st.Mode().Perm()
	}
	dst, err := create(out, replace)
	if err != nil {
		return nil, err
	}
	defer dst.discard()
	var changes []gguf.Change
	err = dst.file(dst.name, func(w io.Writer) (err error) {
		changes, err = gguf.Rewrite(w, path, e)
		return err
	})
	if err != nil {
		return nil, dst.explain(err)
	}
	written := filepath.Join(dst.files(), dst.name)
	if err := os.Chmod(written, mode); err != nil {
		return nil, err
	}
	if check != nil {
		if err := check(written); err != nil {
			return nil, err
		}
	}
	return changes, dst.explain(dst.commit())
}
