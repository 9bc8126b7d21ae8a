package window

import (
	"bytes"
	"io"
)

// toolkitLog is the writer of the standard logger, through which Fyne reports errors in three messages:
//
//	Fyne error:  Getting favorite locations
//	  Cause: this computer does not define a VIDEOS folder
//	  At: /home/builder/go/pkg/mod/fyne.io/fyne/v2@v2.7.1/dialog/file.go:396
//
// It leaves out the report of a folder that the desktop does not define, since the file dialog does without it, and from places the
// folder in which the program was built. The logger calls Write for one message at a time.
type toolkitLog struct {
	to     io.Writer
	held   []byte // a first message whose cause is not known yet
	hidden bool   // the place of an error that is left out follows
}

var (
	favourites = []byte("Getting favorite locations")
	undefined  = []byte("this computer does not define a ")
	place      = []byte("  At: ")
	module     = []byte("fyne.io/")
)

// Write implements io.Writer.
func (l *toolkitLog) Write(p []byte) (int, error) {
	held, hidden := l.held, l.hidden
	l.held, l.hidden = nil, false
	switch {
	case held != nil && bytes.Contains(p, undefined):
		l.hidden = true
		return len(p), nil
	case hidden && bytes.Contains(p, place):
		return len(p), nil
	case held == nil && bytes.Contains(p, favourites):
		l.held = bytes.Clone(p)
		return len(p), nil
	}
	if _, err := l.to.Write(append(held, unplaced(p)...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// unplaced returns a message without the folder in which the program was built.
func unplaced(p []byte) []byte {
	at, from := bytes.Index(p, place), bytes.Index(p, module)
	if at < 0 || from < at {
		return p
	}
	return append(bytes.Clone(p[:at+len(place)]), p[from:]...)
}
