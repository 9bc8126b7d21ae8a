//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package cpu

import (
	"os"
	"syscall"
)

// lockFile locks f until it is closed or the process ends. It fails if f is locked.
func lockFile(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
