package host

import (
	"errors"
	"fmt"
	"strings"

	"soberano/models"
)

// Errors that callers branch on.
var (
	// ErrRemoved: the model was removed from the library.
	ErrRemoved = errors.New("the model was removed from the library")
	// ErrClosed: the program is closing.
	ErrClosed = errors.New("the program is closing")
)

// MemoryError: a model does not fit in the memory that is left when all idle models are
// closed.
type MemoryError struct {
	Title  string   // of the model
	Needed int64    // bytes, estimated
	Free   int64    // bytes that the model may take
	Budget int64    // bytes, where the limit is a chosen one; 0: it is the system's memory
	InUse  []string // titles of the models that are in use meanwhile
}

func (e *MemoryError) Error() string {
	s := fmt.Sprintf("%s needs about %s bytes of memory, %s are free", e.Title, models.Grouped(e.Needed), models.Grouped(e.Free))
	if len(e.InUse) > 0 {
		s += " while " + strings.Join(e.InUse, ", ") + " is in use"
	}
	return s
}

// InUseError: a model can't be removed, because it is still in use. Err is the context's
// error that ended the wait.
type InUseError struct {
	Title string
	Err   error
}

func (e *InUseError) Error() string { return e.Title + " is still in use" }

// Unwrap returns the context's error.
func (e *InUseError) Unwrap() error { return e.Err }
