package dictation

import (
	"errors"
	"fmt"
	"io"

	"soberano/app/instance"
)

// The lines of the protocol between `soberano dictate --toggle` and a running program: one line is sent, one is answered.
//
//	data folder/dictate.sock        → "toggle"      ← "recording", or "finishing" if a dictation was running
//	                                → "finish"      ← "finishing", or any other line: none was running
const (
	Toggle    = "toggle"    // starts a dictation, or ends the one that is running
	Finish    = "finish"    // ends the dictation that is running, if there is one
	Finishing = "finishing" // the answer to both, if a dictation was running
)

const socketName = "dictate"

// ErrNobody reports that no program listens on the socket.
var ErrNobody = instance.ErrNobody

// ErrTaken reports that another program listens on the socket already.
var ErrTaken = instance.ErrTaken

// Serve answers each line with the result of handle, until Close. handle is called from any goroutine.
func Serve(dir string, handle func(line string) string) (io.Closer, error) {
	l, err := instance.Listen(dir, socketName, handle)
	if err != nil && !errors.Is(err, ErrTaken) {
		err = fmt.Errorf("listening for `soberano dictate --toggle`: %w", err)
	}
	return l, err
}

// Send sends a line to the running program and returns its answer, or ErrNobody.
func Send(dir, line string) (string, error) { return instance.Send(dir, socketName, line) }
