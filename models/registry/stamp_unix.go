//go:build unix

package registry

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// stamp returns the times of the last change of an open file's content and of its last change at all. The system sets the
// second one, which no program can choose, also when a file takes the place of another.
func stamp(f *os.File) (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return "", &os.PathError{Op: "fstat", Path: f.Name(), Err: err}
	}
	return fmt.Sprintf("%d.%09d %d.%09d", st.Mtim.Sec, st.Mtim.Nsec, st.Ctim.Sec, st.Ctim.Nsec), nil
}
