//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package registry

import (
	"errors"
	"os"
	"syscall"
)

// flock is replaced by a test, to stand for a file system without locks.
var flock = syscall.Flock

func lockFile(f *os.File) error {
	for {
		err := flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errLocked
		case errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.ENOSYS), errors.Is(err, errors.ErrUnsupported):
			return errNoLocks
		}
		return err
	}
}

// syncDir makes the entries of a folder durable, so that they survive a power failure.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := (writer{d}).Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // EINVAL: the file system can't sync folders
		return err
	}
	return nil
}
