package models

import (
	"errors"
	"fmt"
	"path/filepath"
)

// Errors that callers branch on. Readers return them inside a FileError, which names
// the file, the field and the reason.
var (
	// ErrCorrupt: the file breaks its format's rules (cut short, overlapping, lying counts).
	ErrCorrupt = errors.New("the file is damaged")
	// ErrUnsupported: a valid file of a version, type or family that this program can't run.
	ErrUnsupported = errors.New("not supported")
	// ErrUnknownFormat: no reader recognises the file.
	ErrUnknownFormat = errors.New("not a model file that this program knows")
	// ErrNotFound: no such model, tensor or key.
	ErrNotFound = errors.New("not found")
)

// FileError says what is wrong with a file, in words a person can act on:
//
//	qwen3-4b.gguf is cut short: tensor "blk.17.ffn_up.weight" should end at byte 1,911,234,560, but the file has 1,610,612,736 bytes; download it again
//	└── Path ───┘ └── Reason ────────────────────────────────────────────────────────────────────────────────────────────────────┘ └─ Advice ───────┘
//
// errors.Is finds Kind, which is one of the four errors above, or an operating system's.
type FileError struct {
	Path   string // as it was opened; only its last element is printed, see Name
	Reason string // a predicate: "is cut short: …"
	Advice string // what to do, or ""
	Kind   error
}

// Name is the last element of the path, fit for a message.
func (e *FileError) Name() string { return Printable(filepath.Base(e.Path)) }

// Error is one sentence without a full stop.
func (e *FileError) Error() string {
	s := e.Name() + " " + e.Reason
	if e.Advice != "" {
		s += "; " + e.Advice
	}
	return s
}

// Unwrap returns the kind.
func (e *FileError) Unwrap() error { return e.Kind }

// Corrupt makes the FileError of a damaged file. Downloading again is the usual cure.
func Corrupt(path, format string, args ...any) error {
	return &FileError{Path: path, Reason: fmt.Sprintf(format, args...), Advice: "download it again", Kind: ErrCorrupt}
}

// Unsupported makes the FileError of a sound file that this program can't run.
func Unsupported(path, advice, format string, args ...any) error {
	return &FileError{Path: path, Reason: fmt.Sprintf(format, args...), Advice: advice, Kind: ErrUnsupported}
}

// Grouped writes n with a comma between thousands: 1,911,234,560.
func Grouped[T int | int64 | uint64](n T) string {
	s := fmt.Sprint(n)
	start := 0
	if s[0] == '-' {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
