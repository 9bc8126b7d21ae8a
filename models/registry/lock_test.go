//go:build linux

package registry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"soberano/models"
)

// locked starts a process that keeps a library locked, and stops it (SIGSTOP).
func locked(t *testing.T, l *Library) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "REGISTRY_TEST_LOCK="+filepath.Join(l.dir, lockName))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "locked: <nil>\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// TestLockedLibrary checks that a library can be read while a stopped process holds its lock, and that a change ends with an
// error which names the process.
func TestLockedLibrary(t *testing.T) {
	defer func(wait time.Duration) { lockWait = wait }(lockWait)
	lockWait = 100 * time.Millisecond
	root, dir := t.TempDir(), t.TempDir()
	l, err := Open(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	mustImport(t, l, save(t, dir, "a.gguf", chatModel(t, 1, 4096, nil)), Copy, ImportOptions{})
	holder := locked(t, l)
	if err := os.Mkdir(filepath.Join(l.dir, ".tmp-1"), 0o755); err != nil { // it can't be removed at present
		t.Fatal(err)
	}
	l, err = Open(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	if entries, broken := l.List(); len(entries) != 1 || len(broken) > 0 {
		t.Errorf("%v, %v", entries, broken)
	}
	mustVerify(t, l, "a")
	other := save(t, dir, "b.gguf", chatModel(t, 2, 4096, nil))
	_, err = l.Import(context.Background(), other, Copy, ImportOptions{}, nil)
	for _, err := range []error{err, l.Remove("a")} {
		e, ok := errors.AsType[*LockedError](err)
		if !ok || e.Process != holder.Process.Pid || !strings.HasPrefix(e.Program, "registry.test"[:10]) || !e.Stopped {
			t.Errorf("%v", err)
		} else if want := fmt.Sprintf("(process %d), which is stopped", holder.Process.Pid); !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	lockWait = 5 * time.Second
	mustImport(t, l, other, Copy, ImportOptions{})
	mustHold(t, l, "a", "b")
}

// TestInheritedLock checks that the process is found that has inherited the lock from one that has ended.
func TestInheritedLock(t *testing.T) {
	flock, err := exec.LookPath("flock")
	if err != nil {
		t.Skip("NOT TESTED: there is no program flock")
	}
	defer func(wait time.Duration) { lockWait = wait }(lockWait)
	lockWait = 50 * time.Millisecond
	l := library(t)
	mustImport(t, l, save(t, t.TempDir(), "a.gguf", chatModel(t, 1, 4096, nil)), Copy, ImportOptions{})
	cmd := exec.Command("sh", "-c", `exec 9>"$1" && "$2" 9 && echo locked && read x`, "sh", filepath.Join(l.dir, lockName), flock)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		_ = cmd.Wait()
	}()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	e, ok := errors.AsType[*LockedError](l.Remove("a"))
	if !ok || e.Process != cmd.Process.Pid || e.Stopped {
		t.Errorf("%+v, expected process %d", e, cmd.Process.Pid)
	}
}

// TestNoLocks checks that a library on a file system without locks can be read and changed.
func TestNoLocks(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOLCK, syscall.ENOSYS, syscall.EOPNOTSUPP} {
		defer func(f func(int, int) error) { flock = f }(flock)
		flock = func(int, int) error { return errno }
		l := library(t)
		e := mustImport(t, l, save(t, t.TempDir(), "a.gguf", chatModel(t, 1, 4096, nil)), Copy, ImportOptions{})
		mustVerify(t, l, e.Name)
		if err := l.Remove(e.Name); err != nil {
			t.Error(err)
		}
		mustHold(t, l)
	}
}

// TestReadOnly checks that a library on a read-only disk can be read, and that a change says what is wrong.
func TestReadOnly(t *testing.T) {
	root := t.TempDir()
	l, err := Open(root, func(*models.File) (Verdict, error) { return Verdict{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	path := save(t, t.TempDir(), "a.gguf", chatModel(t, 1, 4096, nil))
	e := mustImport(t, l, path, Link, ImportOptions{})
	e.Checked = "an earlier version"
	e.save(lockWait)
	touch(t, path)
	if err := os.Mkdir(filepath.Join(l.dir, ".tmp-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(root, root, "", syscall.MS_BIND, ""); err != nil {
		t.Skipf("NOT TESTED: a disk can't be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(root, 0); err != nil {
			t.Error(err)
		}
	}()
	if err := syscall.Mount("", root, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("NOT TESTED: a disk can't be made read-only here: %v", err)
	}
	if l, err = Open(root, func(*models.File) (Verdict, error) { return Verdict{}, models.ErrUnsupported }); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		e, err := l.Find("a")
		if err != nil || e.Runs {
			t.Errorf("%+v, %v", e, err)
		}
		if err := e.Unchanged(context.Background(), nil); err != nil {
			t.Error(err)
		}
	}
	if err := l.Remove("a"); !errors.Is(err, syscall.EROFS) {
		t.Error(err)
	}
	if _, err := l.Import(context.Background(), path, Copy, ImportOptions{}, nil); !errors.Is(err, syscall.EROFS) {
		t.Error(err)
	}
}
