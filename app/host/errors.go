package host

import (
	"errors"
	"fmt"
	"strings"

	"soberano/models"
)

// Errors that callers branch on.
var (
	// ErrRemoved is returned when the model was removed from the library.
	ErrRemoved = errors.New("the model was removed from the library")
	// ErrClosed is returned when the program is closing.
	ErrClosed = errors.New("the program is closing")
)

// MemoryError reports that a model does not fit into the memory that would be free if all idle models were closed.
type MemoryError struct {
	Title  string   // of the model
	Needed int64    // in bytes, estimated
	Free   int64    // in bytes, what the model may use
	Budget int64    // in bytes, if a limit was chosen; 0: the limit is the system's memory
	InUse  []string // titles of the models that are in use
}

func (e *MemoryError) Error() string {
	s := fmt.Sprintf("%s needs about %s bytes of memory, %s are free", e.Title, models.Grouped(e.Needed), models.Grouped(e.Free))
	if len(e.InUse) > 0 {
		s += " while " + strings.Join(e.InUse, ", ") + " is in use"
	}
	return s
}

// InUseError reports that a model can't be removed because it is still in use. Err is the context's error that ended the wait.
type InUseError struct {
	Title string
	Err   error
}

func (e *InUseError) Error() string { return e.Title + " is still in use" }

// Unwrap returns the context's error.
func (e *InUseError) Unwrap() error { return e.Err }
