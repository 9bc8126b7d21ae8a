package dictation

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The lines of the protocol between `soberano dictate --toggle` and a running program: one line is sent, one is answered.
//
//	data folder/dictate.sock        → "toggle"      ← "recording", or "finishing" if a dictation was running
//	                                → "finish"      ← "finishing", or any other line: none was running
//
// Only the user can open the socket. A path that is too long for a socket (about 100 bytes) is replaced by one in the
// system's folder for temporary files.
const (
	Toggle    = "toggle"    // starts a dictation, or ends the one that is running
	Finish    = "finish"    // ends the dictation that is running, if there is one
	Finishing = "finishing" // the answer to both, if a dictation was running
)

// ErrNobody reports that no program listens on the socket.
var ErrNobody = errors.New("no other Soberano runs")

// ErrTaken reports that another program listens on the socket already.
var ErrTaken = errors.New("another Soberano runs already")

const (
	longestPath = 100
	answerTime  = 5 * time.Second
)

func socketPath(dir string) (string, error) {
	path := filepath.Join(dir, "dictate.sock")
	if len(path) <= longestPath {
		return path, nil
	}
	run := os.Getenv("XDG_RUNTIME_DIR")
	short := filepath.Join(run, fmt.Sprintf("soberano-%x.sock", sha256.Sum256([]byte(dir)))[:26])
	if run == "" || len(short) > longestPath {
		return "", fmt.Errorf("the path of the data folder is too long for a socket: %s", path)
	}
	return short, nil
}

// Serve answers each line with the result of handle, until Close. handle is called from any goroutine.
func Serve(dir string, handle func(line string) string) (io.Closer, error) {
	path, err := socketPath(dir)
	if err != nil {
		return nil, err
	}
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close()
		return nil, ErrTaken
	}
	os.Remove(path) // left by a program that was killed; if it can't be removed, Listen fails
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listening for `soberano dictate --toggle`: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			go answer(c, handle)
		}
	}()
	return l, nil
}

// answer serves one connection; a client that sends nothing is disconnected.
func answer(c net.Conn, handle func(string) string) {
	defer c.Close()
	if c.SetDeadline(time.Now().Add(answerTime)) != nil {
		return
	}
	line, err := bufio.NewReader(io.LimitReader(c, 1000)).ReadString('\n')
	if err != nil {
		return
	}
	fmt.Fprintln(c, strings.ReplaceAll(handle(strings.TrimSpace(line)), "\n", " "))
}

// Send sends a line to the running program and returns its answer, or ErrNobody.
func Send(dir, line string) (string, error) {
	path, err := socketPath(dir)
	if err != nil {
		return "", err
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		return "", ErrNobody
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return "", err
	}
	fmt.Fprintln(c, line)
	reply, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("the Soberano that runs does not answer: %w", err)
	}
	return strings.TrimSpace(reply), nil
}
