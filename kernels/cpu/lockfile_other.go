//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package cpu

import "os"

// lockFile does nothing: on Windows a file that is open can't be removed.
func lockFile(*os.File) error { return nil }
