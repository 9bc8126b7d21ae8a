package remote

import (
	"io"
	"os/exec"
	"sync"
	"time"
)

// process is a connection to a child process by its standard input and output.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  io.ReadCloser
	once sync.Once
	gone chan struct{} // closed when the process has ended and its resources are released
}

// Start starts a child process that calls Serve with its standard input and output, see Standard. Closing the connection ends the child.
func Start(cmd *exec.Cmd) (io.ReadWriteCloser, error) {
	p := &process{cmd: cmd, gone: make(chan struct{})}
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.out, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p *process) Write(b []byte) (int, error) { return p.in.Write(b) }

// patience is how long a process whose input has ended may take to end by itself, and after that how long it is waited for.
const patience = time.Second

// Close ends the process. It may end by itself, since its input ends. A process that can't be ended is not waited for: a driver may keep
// it in the kernel.
func (p *process) Close() error {
	p.once.Do(func() {
		_ = p.in.Close() // an error means that the process has ended
		go func() {
			_ = p.cmd.Wait() // how it ended does not matter any more
			close(p.gone)
		}()
		if !p.ended() {
			p.Kill()
			p.ended()
		}
	})
	return nil
}

// Kill ends the process at once. Reading and writing fail then.
func (p *process) Kill() {
	_ = p.cmd.Process.Kill() // an error means that the process has ended
	_ = p.out.Close()
}

// ended waits for the end of the process.
func (p *process) ended() bool {
	select {
	case <-p.gone:
		return true
	case <-time.After(patience):
		return false
	}
}

// connection is a pair of pipes.
type connection struct {
	io.Reader
	io.Writer
}
