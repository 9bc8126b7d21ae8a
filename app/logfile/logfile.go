// Package logfile keeps off the terminal what libraries write to standard error: PortAudio about a microphone that was unplugged,
// Fyne and the drivers of graphics cards about what they do without.
package logfile

import (
	"os"
	"path/filepath"
	"runtime/debug"
)

// Name is the name of the log in the data folder.
const Name = "soberano.log"

// most is the size in bytes from which a log is replaced by an empty one.
const most = 1 << 20

// Redirect lets file descriptor 2 be the log in dir, where also the standard logger writes then; os.Stderr, where the program itself
// writes, stays what it was. A crash of the program is reported in both. Without a log, which the error reports, everything stays on
// standard error. It must be called before other goroutines use os.Stderr; further calls do nothing.
func Redirect(dir string) error {
	if libraries != nil {
		return nil
	}
	to, err := open(filepath.Join(dir, Name))
	if err != nil {
		return err
	}
	defer to.Close()
	own, err := swap(to)
	if err != nil || own == nil {
		return err
	}
	libraries, os.Stderr = os.Stderr, own
	return debug.SetCrashOutput(own, debug.CrashOptions{})
}

// libraries is file descriptor 2 after Redirect.
var libraries *os.File

// Libraries returns where libraries write, for processes that this one starts: the log, or standard error without one.
func Libraries() *os.File {
	if libraries == nil {
		return os.Stderr
	}
	return libraries
}

// open opens a log to append to it.
func open(path string) (*os.File, error) {
	flags := os.O_CREATE | os.O_APPEND | os.O_WRONLY
	if info, err := os.Stat(path); err == nil && info.Size() >= most {
		flags |= os.O_TRUNC
	}
	return os.OpenFile(path, flags, 0o600)
}
