package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"soberano/models/defaults"
)

// program returns the path of a program that `make e2e` has built.
func program(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(root(t), "build", name)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("SOBERANO_REQUIRE_DESKTOP") != "" {
			t.Fatalf("%s has not been built: `make e2e` does", path)
		}
		t.Skipf("%s has not been built: `make e2e` does", path)
	}
	return path
}

// TestNothingLeavesTheMachine runs chat and transcription under strace in a network namespace without interfaces: the only
// connect() calls must go to local Unix sockets.
func TestNothingLeavesTheMachine(t *testing.T) {
	needs(t, "strace", "unshare")
	if err := exec.Command("unshare", "-rn", "true").Run(); err != nil {
		if err := exec.Command("unshare", "-n", "true").Run(); err != nil {
			t.Skip("this system lets nobody make a network namespace: ", err)
		}
	}
	chat, speech := defaults.Need(t, "smollm2"), defaults.Need(t, "whisper-base")
	clip := filepath.Join(root(t), "asr", "testdata", "audio", "jfk.wav")
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"chat", []string{"soberano", "chat", "-m", chat, "-p", "Say hello.", "-n", "16", "--temp", "0"}, ""},
		{"transcribe", []string{"soberano", "transcribe", "-m", speech, clip}, "ask not what your country can do for you"},
		{"chat without cgo", []string{"soberano-cli", "chat", "-m", chat, "-p", "Say hello.", "-n", "16", "--temp", "0"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			trace := filepath.Join(t.TempDir(), "trace")
			args := append([]string{"--kill-child", "-n", "strace", "--seccomp-bpf", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,bind", "-e", "signal=none", "-o", trace, program(t, c.args[0])}, c.args[1:]...)
			if exec.Command("unshare", "-n", "true").Run() != nil {
				args = append([]string{"-r"}, args...)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, "unshare", args...)
			cmd.Env = append(os.Environ(), "SOBERANO_HOME="+t.TempDir())
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %v", cmd.Args, err)
			}
			if text := strings.TrimSpace(string(out)); text == "" || !strings.Contains(text, c.want) {
				t.Errorf("answered %q", text)
			}
			for _, line := range outside(t, trace) {
				t.Errorf("a call that could leave the machine: %s", line)
			}
		})
	}
}

var local = regexp.MustCompile(`sa_family=AF_(UNIX|NETLINK)|\(\d+, NULL|^\d+ +\+\+\+|resumed>`)

// outside returns the traced calls whose address is not a Unix socket.
func outside(t *testing.T, trace string) []string {
	t.Helper()
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	var bad []string
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "(") && strings.Contains(line, "AF_INET") || strings.Contains(line, "connect(") && !local.MatchString(line) {
			bad = append(bad, strings.TrimSpace(line))
		}
	}
	return bad
}
