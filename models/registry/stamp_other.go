//go:build !unix

package registry

import (
	"fmt"
	"os"
)

// stamp returns the time of the last change of an open file's content.
func stamp(f *os.File) (string, error) {
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	return fmt.Sprint(st.ModTime().UnixNano()), nil
}
