package registry

import (
	"context"
	"errors"
	"os"
	"time"
)

// errLocked: another process, or another part of this one, holds the lock.
var errLocked = errors.New("locked")

// tryLock locks the file at path, which is created if need be, and returns errLocked if
// someone else holds it. The system unlocks when f is closed or the process dies.
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

// lock waits for the lock. It is held for moments only, so asking again is cheap.
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
