//go:build linux

package logfile

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The test program runs itself, since a redirection lasts as long as the process.
func TestMain(m *testing.M) {
	dir := os.Getenv("LOGFILE_TEST")
	if dir == "" {
		os.Exit(m.Run())
	}
	for range 2 {
		if err := Redirect(dir); err != nil {
			fmt.Println("failed:", err)
		}
	}
	if _, err := syscall.Write(2, []byte("a library\n")); err != nil {
		fmt.Println(err)
	}
	log.Print("the toolkit")
	fmt.Fprintln(Libraries(), "a helper")
	fmt.Fprintln(os.Stderr, "the program")
	panic("a crash")
}

// run runs this program with a data folder, and returns its standard output and standard error.
func run(t *testing.T, dir string) (out, errs string) {
	t.Helper()
	var stdout, stderr strings.Builder
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "LOGFILE_TEST="+dir)
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err == nil || c.ProcessState.ExitCode() != 2 {
		t.Errorf("the crash ended with %v", err)
	}
	return stdout.String(), stderr.String()
}

func has(t *testing.T, what, text string, want map[string]bool) {
	t.Helper()
	for part, yes := range want {
		if strings.Contains(text, part) != yes {
			t.Errorf("%s contains %q: %v\n%s", what, part, !yes, text)
		}
	}
}

// What libraries write is in the log, what the program writes on standard error, a crash in both.
func TestRedirect(t *testing.T) {
	dir := t.TempDir()
	out, errs := run(t, dir)
	has(t, "standard output", out, map[string]bool{"failed": false})
	has(t, "standard error", errs, map[string]bool{"a library": false, "the toolkit": false, "a helper": false, "the program": true, "a crash": true})
	b, err := os.ReadFile(filepath.Join(dir, Name))
	if err != nil {
		t.Fatal(err)
	}
	has(t, "the log", string(b), map[string]bool{"a library": true, "the toolkit": true, "a helper": true, "the program": false, "a crash": true})
}

// A log is continued, unless it is large.
func TestAppends(t *testing.T) {
	for size, kept := range map[int]bool{100: true, most: false} {
		dir := t.TempDir()
		path := filepath.Join(dir, Name)
		if err := os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, dir)
		b, err := os.ReadFile(path)
		if err != nil || strings.HasPrefix(string(b), "x") != kept {
			t.Errorf("a log of %d bytes has %d afterwards, %v", size, len(b), err)
		}
	}
}

// Where no log can be written, nothing is lost.
func TestNoLog(t *testing.T) {
	out, errs := run(t, filepath.Join(t.TempDir(), "missing"))
	has(t, "standard output", out, map[string]bool{"failed": true})
	has(t, "standard error", errs, map[string]bool{"a library": true, "the toolkit": true, "a helper": true, "the program": true, "a crash": true})
}
