//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package registry

import "os"

// lockFile does nothing on systems without file locks. There, two processes must not import at
// the same time.
func lockFile(*os.File) error { return nil }

func syncDir(string) error { return nil }
