package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"soberano/models"
)

var (
	// errLocked means that another process, or another part of this one, holds the lock.
	errLocked = errors.New("locked")
	// errNoLocks means that the file system has no locks.
	errNoLocks = errors.New("the file system has no locks")
)

// lockWait is how long lock waits for another process. Locks are held for short times only.
var lockWait = 5 * time.Second

// LockedError means that a process has kept the library locked for the time that a change waits. It is usually another
// Soberano; the lock of a process that was stopped (SIGSTOP, Ctrl+Z) stays held.
type LockedError struct {
	Dir     string // the library's folder
	Process int    // of the process that holds the lock; 0: unknown
	Program string // its name; "": unknown
	Stopped bool   // the process has been stopped
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("the library %s is locked by %s", models.Printable(e.Dir), strings.TrimSuffix(e.Holder(), ","))
}

// Holder describes the process that holds the lock: "soberano (process 123), which is stopped,".
func (e *LockedError) Holder() string {
	switch {
	case e.Process == 0:
		return "another program"
	case e.Stopped:
		return fmt.Sprintf("%s (process %d), which is stopped,", models.Printable(cmp.Or(e.Program, "a program")), e.Process)
	}
	return fmt.Sprintf("%s (process %d)", models.Printable(cmp.Or(e.Program, "a program")), e.Process)
}

// tryLock locks the file at path and creates it if needed. It returns errLocked if the lock
// is held, and f with errNoLocks if the file system has no locks. The system releases the lock
// when f is closed or the process ends.
func tryLock(path string) (f *os.File, err error) {
	f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	switch err := lockFile(f); {
	case errors.Is(err, errNoLocks):
		return f, err
	case err != nil:
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// lock waits for the lock, at most for wait, usually lockWait; the error is then errLocked. It polls, since the lock is only held for short
// times. Where the file system has no locks, it returns f without one: an import is made in a folder of its own and becomes an
// entry by a rename, so that two at the same time don't damage each other.
func lock(ctx context.Context, path string, wait time.Duration) (f *os.File, err error) {
	for late := time.Now().Add(wait); ; {
		f, err := tryLock(path)
		switch {
		case errors.Is(err, errNoLocks):
			return f, nil
		case !errors.Is(err, errLocked) || time.Now().After(late):
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
