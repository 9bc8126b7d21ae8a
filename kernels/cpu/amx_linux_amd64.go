package cpu

import "golang.org/x/sys/unix"

// askForTiles asks Linux (5.16 on) for the tile registers, for all threads of this
// process. It refuses where it does not save them, and where a thread has so small a
// stack for signals that tiles would not fit on it; Go's threads have 32 KiB, of which a
// signal with tiles takes 11. What a thread that uses none costs does not change.
func askForTiles() bool {
	const reqPermission, tileData = 0x1023, 18
	_, _, errno := unix.RawSyscall(unix.SYS_ARCH_PRCTL, reqPermission, tileData, 0)
	return errno == 0
}
