//go:build !unix

package remote

import (
	"io"
	"os"
)

// Standard returns the standard input and output of this process as the connection to the process that started it. What this process
// writes to os.Stdout from then on goes to standard error.
func Standard() (io.ReadWriter, error) {
	c := connection{os.Stdin, os.Stdout}
	os.Stdout = os.Stderr
	return c, nil
}
