package instance

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A start beside a process that was stopped ends after a while, with an error in plain words.
func TestStartBesideStopped(t *testing.T) {
	dir := t.TempDir()
	first, lines := child(t, dir)
	line(t, lines, "open")
	if err := first.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stat := fmt.Sprintf("/proc/%d/stat", first.Process.Pid)
	for b, err := os.ReadFile(stat); err == nil && !strings.Contains(string(b), ") T "); b, err = os.ReadFile(stat) {
		time.Sleep(time.Millisecond) // the signal takes effect later
	}
	const want = "a window of Soberano is open already, but it can't be raised: the Soberano that runs does not answer; it may be stopped or very busy: no answer within 5s"
	if w, err := Open(t.Context(), dir, Request{}); w != nil || err == nil || err.Error() != want {
		t.Errorf("%v, %v", w, err)
	}
}
