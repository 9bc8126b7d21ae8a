package logfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// swap makes file descriptor 2 another name of a file, and returns what it was.
func swap(to *os.File) (*os.File, error) {
	was, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	if err := unix.Dup3(int(to.Fd()), 2, 0); err != nil {
		return nil, os.NewSyscallError("dup3", err)
	}
	return os.NewFile(uintptr(was), os.Stderr.Name()), nil
}
