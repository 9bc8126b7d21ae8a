package download

import (
	"fmt"

	"soberano/models"
)

// Kind is what went wrong with a download.
type Kind string

const (
	Unreachable Kind = "unreachable" // there is no connection to the server
	Interrupted Kind = "interrupted" // the connection ended again and again, or nothing came for a long time
	Missing     Kind = "missing"     // the server does not have the file
	Refused     Kind = "refused"     // the server does not give it, or the address is one without encryption
	Redirected  Kind = "redirected"  // to too many addresses, or to one without encryption
	Different   Kind = "different"   // what the server has is not the file: its length, or in the end its SHA-256, is another one
	WebPage     Kind = "web-page"    // the answer is a page, such as one that asks for a sign-in to a network
	NoSpace     Kind = "no-space"    // on the disk
	Busy        Kind = "busy"        // another process is fetching the same file
)

// Error says why a file was not fetched. What has arrived is kept, unless it can't be a part of the file.
type Error struct {
	Kind       Kind
	Host       string // that was asked
	Status     int    // of the server's answer; 0: none
	Folder     string // NoSpace
	Need, Free int64  // NoSpace: bytes that are still needed, and bytes that are free
	Err        error  // may be nil
}

func (e *Error) Error() string {
	text := fmt.Sprintf("download: %s: %s", e.Host, e.Kind)
	if e.Status != 0 {
		text += fmt.Sprintf(" (HTTP status %d)", e.Status)
	}
	if e.Kind == NoSpace {
		text = fmt.Sprintf("download: %s needs %s and has %s free", models.Printable(e.Folder), models.Size(e.Need), models.Size(e.Free))
	}
	if e.Err != nil {
		text += ": " + models.Printable(e.Err.Error())
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// temporary is a failure after which another attempt may succeed.
type temporary struct{ err *Error }

func (t temporary) Error() string { return t.err.Error() }
func (t temporary) Unwrap() error { return t.err }
