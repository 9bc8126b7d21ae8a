package registry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestMain is also the main function of the process that TestKill kills, and of one that keeps a lock.
func TestMain(m *testing.M) {
	if path := os.Getenv("REGISTRY_TEST_LOCK"); path != "" {
		_, err := tryLock(path)
		fmt.Println("locked:", err)
		time.Sleep(time.Minute)
		os.Exit(0)
	}
	if path := os.Getenv("REGISTRY_TEST_IMPORT"); path != "" {
		l, err := Open(os.Getenv("REGISTRY_TEST_ROOT"), nil)
		if err == nil {
			_, err = l.Import(context.Background(), path, Copy, ImportOptions{Name: "m"}, nil)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestKill kills a process at random moments of an import and checks that the library has the
// complete model or nothing of it, and that the next Open removes what is temporary.
func TestKill(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root, path := t.TempDir(), save(t, t.TempDir(), "large.gguf", chatModel(t, 7, 48<<20, nil))
	start := func() *exec.Cmd {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), "REGISTRY_TEST_IMPORT="+path, "REGISTRY_TEST_ROOT="+root)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	began := time.Now()
	if err := start().Wait(); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(began)
	without, with := 0, 0
	for round := range 20 {
		l, err := Open(root, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Find("m"); err == nil {
			if err := l.Remove("m"); err != nil {
				t.Fatal(err)
			}
		}
		cmd := start()
		if round%2 == 0 { // while copying; in the other rounds at any moment
			waitForCopy(t, l)
		}
		time.Sleep(time.Duration(rand.Float64() * 1.3 * float64(whole)))
		if err := cmd.Process.Kill(); err != nil && err != os.ErrProcessDone {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the process was killed, or had ended before
		if l, err = Open(root, nil); err != nil {
			t.Fatal(err)
		}
		entries, broken := l.List()
		switch {
		case len(broken) > 0:
			t.Fatal(broken)
		case len(entries) == 0:
			without++
			mustHold(t, l)
		default:
			with++
			mustHold(t, l, "m")
			mustVerify(t, l, "m")
		}
	}
	t.Logf("killed 20 times: %d without the model, %d with it", without, with)
}

// waitForCopy waits until a temporary folder holds files or the import has ended.
func waitForCopy(t *testing.T, l *Library) {
	for !exists(filepath.Join(l.dir, "m")) {
		files, err := filepath.Glob(filepath.Join(l.dir, tmpPrefix+"*", "files", "*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) > 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
