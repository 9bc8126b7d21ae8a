package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"soberano/app/host"
)

// TestMain is also the main function of the program that the tests start.
func TestMain(m *testing.M) {
	if os.Getenv("SOBERANO_TEST_MAIN") != "" || len(os.Args) > 1 && os.Args[1] == host.HelperVerb {
		os.Exit(Main(os.Args[1:], nil))
	}
	os.Exit(m.Run())
}

// program returns a command that runs the command line in a process of its own.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(os.Environ(), "SOBERANO_TEST_MAIN=1")
	return cmd
}

// run runs the program and returns what it writes to its two outputs and its exit code. in may be nil.
func run(t *testing.T, in io.Reader, args ...string) (out, notes string, code int) {
	t.Helper()
	cmd := program(t, args...)
	cmd.Stdin = in
	var o, n bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &n
	err := cmd.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return o.String(), n.String(), e.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return o.String(), n.String(), 0
}

// lastLine returns the last line of a text.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
