//go:build unix

package remote

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Standard returns the standard input and output of this process as the connection to the process that started it. What is written to
// standard output from then on, by a driver for example, goes to standard error.
func Standard() (io.ReadWriter, error) {
	fd, err := unix.Dup(1)
	if err == nil {
		unix.CloseOnExec(fd)
		err = unix.Dup2(2, 1)
	}
	if err != nil {
		return nil, fmt.Errorf("remote: standard output: %w", err)
	}
	return connection{os.Stdin, os.NewFile(uintptr(fd), "the answers")}, nil
}
