package registry

import "os"

// ErrLocked reports that another process, or another part of this one, holds a lock.
var ErrLocked = errLocked

// TryLock locks the file at path, for other purposes than the library's, and creates it if needed. It returns ErrLocked if the lock
// is held. The system releases the lock when the file is closed or the process ends.
func TryLock(path string) (*os.File, error) { return tryLock(path) }
