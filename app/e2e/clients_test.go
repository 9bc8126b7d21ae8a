package e2e

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"soberano/engine/arch/tiny"
	"soberano/models"
	"soberano/models/defaults"
)

// clientsPython returns the Python that has the packages of app/setup/clients.txt. Without them the test is skipped, or fails where
// the tools of tests are required.
func clientsPython(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(cache, "soberano", "clients", "venv", "bin", "python")
	if _, err := os.Stat(python); err == nil {
		return python
	}
	const how = "the clients of the local API are not installed: app/setup/clients.sh does that"
	if os.Getenv("SOBERANO_REQUIRE_MODELS") != "" {
		t.Fatal(how)
	}
	t.Skip(how)
	return ""
}

// TestClients starts `soberano serve` with real models, and uses it with the packages that programs use for other services.
func TestClients(t *testing.T) {
	python := clientsPython(t)
	bin := filepath.Join(root(t), "build", "soberano-cli")
	if _, err := os.Stat(bin); err != nil {
		t.Skipf("%v: make cli", err)
	}
	home := t.TempDir()
	env := append(os.Environ(), "SOBERANO_HOME="+home, "SOBERANO_PACKED=off")
	args := []string{"serve", "--address", "127.0.0.1:0"}
	for _, name := range []string{"smollm2", "qwen2.5-coder-0.5b", "all-minilm-l6-v2", "whisper-tiny.en"} {
		args = append(args, "-m", defaults.Need(t, name))
	}
	last := &tiny.Source{Architecture: "llama", Tensors: []models.Tensor{{Name: "blk.29.attn_output.weight", Shape: []int{576, 576}}}} // of smollm2
	args = append(args, "--lora", "adapted="+last.Adapter(4, 400, 1).Write(t))
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	server := exec.CommandContext(ctx, bin, args...)
	server.Env = env
	var notes bytes.Buffer
	server.Stderr = &notes
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, notes.String())
	}
	show := exec.CommandContext(ctx, bin, "serve", "--show-key")
	show.Env = env
	key, err := show.Output()
	if err != nil {
		t.Fatal(err)
	}
	tried := exec.CommandContext(ctx, python, filepath.Join(root(t), "app", "setup", "clients.py"), strings.TrimSpace(url), "smollm2-135m-instruct.q4_1", "qwen2.5-coder-0.5b-instruct-q4_k_m",
		"all-minilm-l6-v2-f32", "whisper-tiny.en", filepath.Join(root(t), "asr", "testdata", "suit.wav"), "adapted")
	tried.Env = append(env, "SOBERANO_KEY="+strings.TrimSpace(string(key)))
	said, err := tried.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s\n%s", err, said, notes.String())
	}
	for _, name := range []string{"openai", "anthropic", "huggingface_hub", "ollama", "litellm"} {
		if !bytes.Contains(said, []byte("ok "+name+": ")) {
			t.Errorf("%s was not tried:\n%s", name, said)
		}
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("the server ended with %v: %s", err, notes.String())
	}
}
