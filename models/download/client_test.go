package download

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestProxy starts this test again with a proxy in its environment, since the environment is read once. The proxy must be asked for the server, and is the only one that
// is asked.
func TestProxy(t *testing.T) {
	f := File{URL: "https://models.example/model.gguf", Bytes: 1, SHA256: strings.Repeat("0", 64)}
	if os.Getenv("HTTPS_PROXY") != "" {
		_, err := (&Fetcher{Folder: t.TempDir(), Pauses: fetcher("").Pauses[:0]}).Fetch(t.Context(), f, nil)
		if e, ok := errors.AsType[*Error](err); !ok || e.Kind != Unreachable {
			t.Errorf("got %v", err)
		}
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			asked <- err.Error()
			return
		}
		line, _ := bufio.NewReader(c).ReadString('\n')
		_, _ = c.Write([]byte("HTTP/1.1 403 Forbidden\r\n\r\n"))
		_ = c.Close()
		asked <- strings.TrimSpace(line)
	}()
	cmd := exec.Command(os.Args[0], "-test.run=^TestProxy$")
	cmd.Env = append(os.Environ(), "HTTPS_PROXY=http://"+l.Addr().String(), "NO_PROXY=", "no_proxy=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := <-asked; got != "CONNECT models.example:443 HTTP/1.1" {
		t.Errorf("the proxy was asked for %q", got)
	}
}
