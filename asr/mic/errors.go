package mic

import (
	"errors"
	"fmt"
	"strings"

	"soberano/models"
)

// Kind says in which way a device failed.
type Kind int

// The kinds of an Error.
const (
	Missing Kind = iota // no microphone has that name
	Busy                // it could not be opened
	Stopped             // it was open and gives nothing more
	Muted               // it gives samples without any sound, not even noise
)

// Error says why a microphone or a loudspeaker can't be used.
type Error struct {
	Kind   Kind
	Device string   // its name
	Others []string // with Missing: the names that there are
	Err    error    // what the system says; nil: nothing
}

// errSilent: the device is open and sends not a single sample.
var errSilent = errors.New("it sends nothing any more")

// Error is a line with everything.
func (e *Error) Error() string {
	if e.Kind == Muted {
		return fmt.Sprintf("mic: no sound comes from %s; it may be muted", models.Quote(e.Device))
	}
	what := map[Kind]string{Missing: "is not there; there are", Busy: "could not be opened:", Stopped: "stopped:"}[e.Kind]
	return fmt.Sprintf("mic: %s %s %s", models.Quote(e.Device), what, e.Detail())
}

// Detail is what the system says, or the names of the devices that there are.
func (e *Error) Detail() string {
	if e.Kind != Missing {
		return told(e.Err).Error()
	}
	var names []string
	for _, name := range e.Others {
		names = append(names, models.Quote(name))
	}
	return strings.Join(names, ", ")
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// told gives words to an error of the driver that has none.
func told(err error) error {
	if err == nil || err.Error() == "" {
		return errors.New("the sound driver reports an error without saying which")
	}
	return err
}
