//go:build (linux || windows) && cgo

package gl

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// binaries keeps the driver's form of compiled programs in files. The name of a file is the hash of what the program depends on: the
// driver's vendor, renderer and version, and the source. Its content:
//
//	magic [8] │ hash of the rest [32] │ format of the binary [4] │ binary
//
// A file that is damaged, or that the driver refuses, is replaced by a new one. An error of reading or writing a file is not reported, since
// it only means that the program is compiled.
//
// The time of a file tells the day of its last use. When a program is compiled, because the driver or the source is another, the files are removed that
// were not used for keptUnused: those of older drivers and sources.
type binaries struct {
	dir    string // "": programs are not kept
	driver string
	read   int  // programs that were not compiled
	swept  bool // the folder was searched for files to remove
}

// keptUnused is how long a program is kept that is not used.
const keptUnused = 90 * 24 * time.Hour

const binaryMagic = "sobGLp01"

// open returns the program of a source.
func (b *binaries) open(c context, source string) (uint32, error) {
	if b.dir == "" {
		return c.compile(source)
	}
	path := b.path(source)
	if format, data := readBinary(path); data != nil {
		if id := c.program(format, data); id != 0 {
			b.read++
			used(path)
			return id, nil
		}
	}
	id, err := c.compile(source)
	if err != nil {
		return 0, err
	}
	if format, data := c.binary(id); len(data) > 0 {
		_ = writeBinary(path, format, data) // see binaries
		b.sweep()
	}
	return id, nil
}

// used sets the time of a file to now, once a day.
func used(path string) {
	st, err := os.Stat(path)
	if now := time.Now(); err == nil && now.Sub(st.ModTime()) > 24*time.Hour {
		_ = os.Chtimes(path, now, now) // see binaries
	}
}

// sweep removes what was not used for long: programs, and files that a process has left unfinished.
func (b *binaries) sweep() {
	if b.swept {
		return
	}
	b.swept = true
	files, err := os.ReadDir(b.dir)
	if err != nil {
		return
	}
	for _, f := range files {
		program := strings.HasSuffix(f.Name(), ".program") || strings.HasPrefix(f.Name(), "part-")
		if st, err := f.Info(); err == nil && program && time.Since(st.ModTime()) > keptUnused {
			_ = os.Remove(filepath.Join(b.dir, f.Name())) // see binaries
		}
	}
}

// path returns the file of a source.
func (b *binaries) path(source string) string {
	sum := sha256.Sum256([]byte(b.driver + "\x00" + source))
	return filepath.Join(b.dir, hex.EncodeToString(sum[:16])+".program")
}

// readBinary returns the binary of a file and its format; nil if there is none that is intact.
func readBinary(path string) (format uint32, data []byte) {
	all, err := os.ReadFile(path)
	const head = len(binaryMagic) + sha256.Size
	if err != nil || len(all) <= head+4 || string(all[:len(binaryMagic)]) != binaryMagic {
		return 0, nil
	}
	if sum := sha256.Sum256(all[head:]); !bytes.Equal(sum[:], all[len(binaryMagic):head]) {
		return 0, nil
	}
	return binary.LittleEndian.Uint32(all[head:]), all[head+4:]
}

// writeBinary writes a binary to a file, which is either complete or not there.
func writeBinary(path string, format uint32, data []byte) error {
	rest := append(binary.LittleEndian.AppendUint32(nil, format), data...)
	sum := sha256.Sum256(rest)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "part-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(append([]byte(binaryMagic), sum[:]...), rest...))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
