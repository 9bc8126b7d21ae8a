package registry

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// heldBy returns the error of a library whose lock file at path is locked. The process is the one that /proc/locks names, or,
// if that has ended and left the lock to a child, one that has the file open.
func heldBy(dir, path string) error {
	e := &LockedError{Dir: dir}
	st, err := os.Stat(path)
	if err != nil {
		return e
	}
	named := lockers()
	opened, _ := filepath.Glob("/proc/[0-9]*/fd/*") // a fixed pattern is never malformed
	for _, fd := range opened {
		other, err := os.Stat(fd)
		if err != nil || !os.SameFile(st, other) {
			continue
		}
		pid, _ := strconv.Atoi(strings.Split(fd, "/")[2]) // digits by the pattern
		if pid == os.Getpid() {
			continue
		}
		if e.Process == 0 || named[pid] {
			e.Process = pid
		}
	}
	e.Program, e.Stopped = processOf(e.Process)
	return e
}

// lockers returns the processes that hold locks of the kind that lockFile takes. Source: proc_locks(5).
func lockers() map[int]bool {
	found := map[int]bool{}
	b, err := os.ReadFile("/proc/locks")
	if err != nil {
		return found
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 && f[1] == "FLOCK" {
			if pid, err := strconv.Atoi(f[4]); err == nil {
				found[pid] = true
			}
		}
	}
	return found
}

// processOf returns the name of a process, and whether it has been stopped. Source: proc_pid_stat(5).
func processOf(pid int) (name string, stopped bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	from, to := strings.IndexByte(string(b), '('), strings.LastIndexByte(string(b), ')')
	if from < 0 || to < from {
		return "", false
	}
	rest := strings.Fields(string(b[to+1:]))
	return string(b[from+1 : to]), len(rest) > 0 && strings.ContainsAny(rest[0], "Tt")
}
