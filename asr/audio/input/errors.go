package input

import (
	"errors"
	"fmt"
	"io"

	"soberano/models"
)

// Kind says in which way a file can't be read as sound.
type Kind string

// The kinds of an Error.
const (
	Empty      Kind = "empty"      // it has no bytes
	TooShort   Kind = "too-short"  // it ends before any header could
	Text       Kind = "text"       // it is readable text
	Picture    Kind = "picture"    // it is a picture
	Foreign    Kind = "foreign"    // it is perhaps sound, in a form that is not read here but perhaps by ffmpeg
	Unread     Kind = "unread"     // it is sound in a form that neither this package nor ffmpeg reads
	NoDecoder  Kind = "no-decoder" // as Foreign, and the program ffmpeg, which might read it, is missing
	Refused    Kind = "refused"    // ffmpeg can't read it either
	NoSound    Kind = "no-sound"   // ffmpeg reads it, and there is no sound in it
	Stalled    Kind = "stalled"    // ffmpeg stopped giving anything
	CutOff     Kind = "cut-off"    // it ends too early
	Damaged    Kind = "damaged"    // it breaks the rules of its format
	Unreadable Kind = "unreadable" // the system could not read it
)

// Error says why a file can't be read as sound, or no further. errors.Is finds Err: ErrFormat,
// io.ErrUnexpectedEOF or what the system says.
type Error struct {
	Path   string
	At     int64 // the byte at which it was noticed; -1: no place of the file
	Kind   Kind
	Reason string // a clause with the details; what it quotes of the file is printable
	Err    error
}

// Error is a line with everything: "audio: talk.wav: byte 44: the file is cut off: unexpected EOF".
func (e *Error) Error() string {
	s := "audio: " + models.Printable(e.Path) + ": "
	if e.At >= 0 {
		s += fmt.Sprintf("byte %d: ", e.At)
	}
	s += e.Reason + ": " + e.Err.Error()
	if e.Kind == NoDecoder {
		s += "; install ffmpeg, or convert the file to WAV, FLAC, MP3 or Opus"
	}
	return s
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// kindOf is the kind of an error that has cause and nothing more exact.
func kindOf(cause error) Kind {
	switch {
	case errors.Is(cause, io.ErrUnexpectedEOF):
		return CutOff
	case errors.Is(cause, ErrFormat):
		return Damaged
	}
	return Unreadable
}

// Wrong returns an *Error at the present position that wraps cause; format says the reason.
func (in *Reader) Wrong(cause error, format string, args ...any) error {
	return in.Refuse(kindOf(cause), cause, format, args...)
}

// Refuse is Wrong with a kind that says more than cause does.
func (in *Reader) Refuse(kind Kind, cause error, format string, args ...any) error {
	return &Error{Path: in.Path, At: in.Pos, Kind: kind, Reason: fmt.Sprintf(format, args...), Err: cause}
}
