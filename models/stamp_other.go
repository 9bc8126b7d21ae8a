//go:build !unix

package models

import (
	"fmt"
	"os"
	"time"
)

// Stamp returns what changes with the file at path, and when it was last changed. It does not open the file.
func Stamp(path string) (stamp string, changed time.Time, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", time.Time{}, err
	}
	return fmt.Sprint(st.Size(), st.ModTime().UnixNano()), st.ModTime(), nil
}
