package cli

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a program that runs in a pseudo-terminal.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	pty  *os.File // the other side of the terminal: what is written to it is typed
	mu   sync.Mutex
	text strings.Builder // what the program has written so far
	done chan struct{}
}

// inTerminal starts a command in a pseudo-terminal. What it has set already, such as a pipe for standard input, stays.
func inTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("NOT TESTED: there is no pseudo-terminal here: %v", err)
	}
	t.Cleanup(func() { pty.Close() })
	n, err := unix.IoctlGetInt(int(pty.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(pty.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	if cmd.Stdin == nil {
		cmd.Stdin = tty
	}
	cmd.Stdout, cmd.Stderr = tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &terminal{t: t, cmd: cmd, pty: pty, done: make(chan struct{})}
	go p.read()
	return p
}

// read collects what the program writes until it has ended.
func (p *terminal) read() {
	defer close(p.done)
	for buf := make([]byte, 4096); ; {
		n, err := p.pty.Read(buf)
		p.mu.Lock()
		p.text.Write(buf[:n])
		p.mu.Unlock()
		if err != nil { // EIO when the last process has closed the terminal
			return
		}
	}
}

// written returns what the program has written so far.
func (p *terminal) written() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// await waits until the program has written n times what is wanted.
func (p *terminal) await(want string, n int) {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); strings.Count(p.written(), want) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("%q was not written %d times: %q", want, n, p.written())
		}
	}
}

// awaitMore waits until the program has written more than n bytes.
func (p *terminal) awaitMore(n int) {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); len(p.written()) <= n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("%d bytes were written, more than %d are expected: %q", len(p.written()), n, p.written())
		}
	}
}

// enter types text.
func (p *terminal) enter(text string) {
	p.t.Helper()
	if _, err := p.pty.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// end waits for the end of the program and returns all that it has written and its exit code.
func (p *terminal) end() (string, int) {
	p.t.Helper()
	late := time.AfterFunc(15*time.Second, func() { p.t.Errorf("%q does not end", p.cmd.Args[1:]); _ = p.cmd.Process.Kill() })
	err := p.cmd.Wait()
	late.Stop()
	<-p.done
	if p.cmd.ProcessState == nil {
		p.t.Fatal(err)
	}
	return p.written(), p.cmd.ProcessState.ExitCode()
}
