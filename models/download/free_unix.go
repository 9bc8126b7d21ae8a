//go:build unix

package download

import "golang.org/x/sys/unix"

// freeSpace returns the bytes that the user may write to the disk of a folder.
func freeSpace(folder string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(folder, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
