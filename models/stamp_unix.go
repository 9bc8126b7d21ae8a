//go:build unix

package models

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Stamp returns what changes with the file at path, another file in its place included, and when it was last changed. It does not open the file.
func Stamp(path string) (stamp string, changed time.Time, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", time.Time{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return fmt.Sprint(st.Ino, st.Size, st.Mtim, st.Ctim), time.Unix(st.Ctim.Unix()), nil
}
