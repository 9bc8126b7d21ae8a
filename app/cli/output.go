package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// output is the standard output of a command. It keeps the error of the first write that failed, because commands print with
// package fmt and go on: Main then ends them, and the exit code is 1 even if the command itself succeeded.
type output struct {
	w      io.Writer
	failed error
	stop   func() // called once, when a write has failed
}

// newOutput returns the standard output of a command that stop ends.
func newOutput(f *os.File, stop func()) *output {
	if isTerminal(f) {
		return &output{w: &shown{w: f}, stop: stop}
	}
	return &output{w: f, stop: stop}
}

// Write implements io.Writer. After a failed write nothing more is written.
func (o *output) Write(b []byte) (int, error) {
	if o.failed != nil {
		return 0, o.failed
	}
	n, err := o.w.Write(b)
	if err != nil {
		o.failed = writeError{err}
		o.stop()
		return n, o.failed
	}
	return n, nil
}

// finish writes what is left and returns the error of the first write that failed.
func (o *output) finish() error {
	if s, ok := o.w.(*shown); ok && o.failed == nil {
		if err := s.Flush(); err != nil {
			o.failed = writeError{err}
		}
	}
	return o.failed
}

// writeError is the error of a write to the standard output.
type writeError struct{ error }

func (e writeError) Error() string {
	return fmt.Sprintf("the output can't be written: %v", cause(e.error))
}
func (e writeError) Unwrap() error { return e.error }
func (writeError) inWords()        {}

// closedPipe reports whether the program that read the output has ended, as `head` does. This is no fault, so nothing is said.
func closedPipe(err error) bool { return errors.Is(err, syscall.EPIPE) }
