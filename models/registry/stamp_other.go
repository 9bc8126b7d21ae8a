//go:build !unix

package registry

import (
	"fmt"
	"os"
	"time"
)

// stamp returns the time of the last change of an open file's content.
func stamp(f *os.File) (string, error) {
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	return fmt.Sprint(st.ModTime().UnixNano()), nil
}

// stampAt returns what changes with the file at path, and when it was last changed. It does not open the file.
func stampAt(path string) (stamp string, changed time.Time, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", time.Time{}, err
	}
	return fmt.Sprint(st.Size(), st.ModTime().UnixNano()), st.ModTime(), nil
}
