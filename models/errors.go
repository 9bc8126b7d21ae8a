package models

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Errors that callers branch on. Readers return them inside a FileError, which names
// the file, the field and the reason.
var (
	// ErrCorrupt: the file breaks its format's rules (cut short, overlapping parts, false counts).
	ErrCorrupt = errors.New("the file is damaged")
	// ErrUnsupported: the file is valid, but this program can't run its version, type or family.
	ErrUnsupported = errors.New("not supported")
	// ErrUnknownFormat: no reader recognises the file's format.
	ErrUnknownFormat = errors.New("not a model file that this program knows")
	// ErrNotFound: there is no such model, tensor or key.
	ErrNotFound = errors.New("not found")
)

// FileError says what is wrong with a file and what the user can do about it:
//
//	qwen3-4b.gguf is cut short: tensor "blk.17.ffn_up.weight" should end at byte 1,911,234,560, but the file has 1,610,612,736 bytes; download it again
//	└── Path ───┘ └── Reason ────────────────────────────────────────────────────────────────────────────────────────────────────┘ └─ Advice ───────┘
//
// It wraps Kind, which is one of the four errors above or an error of the operating system.
type FileError struct {
	Path   string // as given to Open; messages contain only its last element, see Name
	Reason string // a predicate: "is cut short: …"
	Advice string // what the user can do, or ""
	Kind   error
}

// Name returns the last element of the path, made safe for messages by Printable.
func (e *FileError) Name() string { return Printable(filepath.Base(e.Path)) }

// Error returns one sentence without a full stop.
func (e *FileError) Error() string {
	s := e.Name() + " " + e.Reason
	if e.Advice != "" {
		s += "; " + e.Advice
	}
	return s
}

// Unwrap returns Kind.
func (e *FileError) Unwrap() error { return e.Kind }

// Corrupt returns the FileError of a damaged file. Its advice is to download the file again.
func Corrupt(path, format string, args ...any) error {
	return &FileError{Path: path, Reason: fmt.Sprintf(format, args...), Advice: "download it again", Kind: ErrCorrupt}
}

// Lost returns the FileError of a file that is mapped and can't be read any longer.
func Lost(path string) error {
	return &FileError{Path: path, Reason: "can't be read any longer: it was cut short, or its drive was removed",
		Advice: "put the file back, or download it again", Kind: ErrCorrupt}
}

// Unsupported returns the FileError of a valid file that this program can't run.
func Unsupported(path, advice, format string, args ...any) error {
	return &FileError{Path: path, Reason: fmt.Sprintf(format, args...), Advice: advice, Kind: ErrUnsupported}
}

// InFile returns err as an error of the file at path. An error that wraps ErrCorrupt or
// ErrUnsupported becomes a FileError; a FileError stays as it is. Any other error, such as that
// of a device, is prefixed with the path.
func InFile(path string, err error) error {
	if _, ok := errors.AsType[*FileError](err); ok || err == nil {
		return err
	}
	text := func(kind error) string { return strings.TrimSuffix(err.Error(), ": "+kind.Error()) }
	switch {
	case errors.Is(err, ErrCorrupt):
		return Corrupt(path, "is damaged: %s", text(ErrCorrupt))
	case errors.Is(err, ErrUnsupported):
		return Unsupported(path, "", "can't be run by this version: %s", text(ErrUnsupported))
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Grouped formats n with commas between groups of three digits: 1,911,234,560.
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
