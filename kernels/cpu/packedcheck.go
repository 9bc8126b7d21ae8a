package cpu

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// PackedState describes a file of repacked weights: Whole reports whether its content is what was written.
type PackedState struct {
	Path  string
	Bytes int64
	Whole bool
}

// CheckPacked reads all files of repacked weights in p.Dir, or only those of p.Model if it is not
// zero, with p.Map. Files of other versions of the program, which are never used, are not reported.
// The error is that of a file or folder that can't be read; a missing folder is no error.
func CheckPacked(p Packed) (states []PackedState, err error) {
	if _, err := os.Stat(p.Dir); err != nil {
		if p.Dir == "" || errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	for _, path := range filesIn(p.Dir, packedExt) {
		if p.Model != ([32]byte{}) && !strings.HasPrefix(filepath.Base(path), packedPrefix(p.Model)) {
			continue
		}
		s, known, err := checkPacked(path, p.Map)
		if err != nil {
			return states, err
		}
		if known {
			states = append(states, s)
		}
	}
	return states, nil
}

// checkPacked checks one file with its checksums. known is false for a file of another version.
func checkPacked(path string, mapFile func(string) ([]byte, func() error, error)) (s PackedState, known bool, err error) {
	data, release, err := mapFile(path)
	if err != nil {
		return s, false, err
	}
	defer func() { err = errors.Join(err, release()) }()
	s = PackedState{Path: path, Bytes: int64(len(data))}
	if len(data) >= 16 && string(data[:8]) == packedMagic && number(data[8:]) != packedVersion {
		return s, false, nil
	}
	w, _, damage := parsePacked(data)
	if damage != nil {
		return s, true, nil
	}
	lv, _ := chosen() // New reports the error
	for _, e := range w.entries {
		n, size := e.panels()
		one := segment{panels: n, size: size, data: w.memory(e)}
		if !bytes.Equal(one.sums(lv), w.sums(e)) {
			return s, true, nil
		}
	}
	s.Whole = true
	return s, true, nil
}
