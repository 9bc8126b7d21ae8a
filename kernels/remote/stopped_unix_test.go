//go:build unix

package remote

import (
	"errors"
	"syscall"
	"testing"
	"time"
)

// TestStopped checks that a step fails in time if the child process is stopped, and that the child is then killed.
func TestStopped(t *testing.T) {
	d, p := inChild(t, Options{Timeout: time.Second})
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, err := scale(d); !errors.Is(err, ErrTimeout) {
		t.Errorf("a step: %v", err)
	}
	if !p.ended() {
		t.Error("the child process was not killed")
	}
}
