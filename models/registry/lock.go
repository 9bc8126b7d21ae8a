package registry

import (
	"context"
	"errors"
	"os"
	"time"
)

// errLocked means that another process, or another part of this one, holds the lock.
var errLocked = errors.New("locked")

// tryLock locks the file at path and creates it if needed. It returns errLocked if the lock
// is held. The system releases the lock when f is closed or the process ends.
func tryLock(path string) (f *os.File, err error) {
	f, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// lock waits for the lock. It polls, since the lock is only held for short times.
func lock(ctx context.Context, path string) (*os.File, error) {
	for {
		f, err := tryLock(path)
		if !errors.Is(err, errLocked) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
