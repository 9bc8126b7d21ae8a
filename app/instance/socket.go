package instance

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// ErrNobody reports that no process listens on the socket.
var ErrNobody = errors.New("no other Soberano runs")

// ErrTaken reports that another process listens on the socket already.
var ErrTaken = errors.New("another Soberano runs already")

// errSilent reports that a process which listens on the socket does not answer.
var errSilent = fmt.Errorf("no answer within %v", answerTime)

const (
	longestPath = 100     // bytes; the limit of the systems is 104 to 108
	longestLine = 1 << 20 // bytes
	answerTime  = 5 * time.Second
)

// socketPath returns the path of a socket of a data folder. A path that is too long is replaced by one in the user's folder for
// temporary files.
func socketPath(dir, name string) (string, error) {
	path := filepath.Join(dir, name+".sock")
	if len(path) <= longestPath {
		return path, nil
	}
	run := os.Getenv("XDG_RUNTIME_DIR")
	if run == "" && (runtime.GOOS == "darwin" || runtime.GOOS == "windows") {
		run = os.TempDir() // other users can't write there
	}
	short := filepath.Join(run, fmt.Sprintf("soberano-%x", sha256.Sum256([]byte(path)))[:21]+".sock")
	if run == "" || len(short) > longestPath {
		return "", fmt.Errorf("the path of the data folder is too long for a socket: %s", path)
	}
	return short, nil
}

// Listen answers each line that is sent to the socket of that name with the result of handle, until Close. handle is called from
// any goroutine. Only the user can open the socket. One that a killed process has left is replaced.
func Listen(dir, name string, handle func(line string) string) (io.Closer, error) {
	path, err := socketPath(dir, name)
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
		return nil, err
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
	line, err := bufio.NewReader(io.LimitReader(c, longestLine)).ReadString('\n')
	if err != nil {
		return
	}
	fmt.Fprintln(c, strings.ReplaceAll(handle(strings.TrimSpace(line)), "\n", " "))
}

// Send sends a line to the process that listens on the socket of that name, and returns its answer, or ErrNobody.
func Send(dir, name, line string) (string, error) {
	path, err := socketPath(dir, name)
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
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "", fmt.Errorf("the Soberano that runs does not answer; it may be stopped or very busy: %w", errSilent)
	}
	if err != nil {
		return "", fmt.Errorf("the Soberano that runs does not answer: %w", err)
	}
	return strings.TrimSpace(reply), nil
}
