package cli

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"soberano/app/api"
	"soberano/engine/arch/tiny"
)

// TestServe starts the server as a process, asks it, and ends it by a signal.
func TestServe(t *testing.T) {
	home(t)
	key, code := verb(t, "", "serve", "--show-key")
	if code != 0 || len(key) < 40 {
		t.Fatalf("%d %q", code, key)
	}
	file := filepath.Join(os.Getenv("SOBERANO_HOME"), api.KeyFile)
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	if again, _ := verb(t, "", "serve", "--show-key"); again != key {
		t.Errorf("the key changes: %q, %q", key, again)
	}
	old := key
	if key, _ = verb(t, "", "serve", "--new-key"); key == old || len(key) != len(old) {
		t.Errorf("the new key is %q", key)
	}
	encoder := filepath.Join(t.TempDir(), "bert.gguf")
	if err := os.Rename(tiny.New("bert").Write(t), encoder); err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "serve", "--address", "127.0.0.1:0", "-m", tiny.New("llama").Write(t), "-m", encoder, "--lora", "mine="+tiny.New("llama").Adapter(4, 8, 1).Write(t))
	var notes strings.Builder
	cmd.Stderr = &notes
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path, body, key string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, strings.TrimSpace(url)+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(key))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		all, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(all)
	}
	const hi = `{"messages":[{"role":"user","content":"a"}],"max_tokens":4}`
	if status, body := ask("/v1/chat/completions", hi, key); status != 200 || !strings.Contains(body, `"completion_tokens"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := ask("/v1/chat/completions", `{"model":"mine",`+hi[1:], key); status != 200 || !strings.Contains(body, `"model":"mine"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := ask("/v1/chat/completions", hi, old); status != 401 {
		t.Errorf("the old key: %d %s", status, body)
	}
	if status, body := ask("/v1/chat/completions", `{"model":"other",`+hi[1:], key); status != 404 || !strings.Contains(body, "model_not_found") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := ask("/v1/chat/completions", `{"model":"bert",`+hi[1:], key); status != 400 || !strings.Contains(body, "model for embeddings; this needs a chat model") {
		t.Errorf("%d %s", status, body)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, notes.String())
	}
	if strings.Contains(notes.String(), strings.TrimSpace(key)) || strings.Contains(notes.String(), "Warning") {
		t.Errorf("notes: %s", notes.String())
	}
}

// TestServeRefuses checks wrong usage, and an address that is taken.
func TestServeRefuses(t *testing.T) {
	home(t)
	addModels(t, map[string]string{"smol-1b-q4_0": "llama"})
	if out, code := verb(t, "", "models", "tag", "smol-1b-q4_0", "Best", "own:v1"); code != 0 {
		t.Fatal(out)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"serve", "--lora", "smol-1b-q4_0=/"}, 2, "also names the model"},
		{[]string{"serve", "--lora", "best=/"}, 2, "also names the model"},
		{[]string{"serve", "--lora", "smol=/"}, 2, "also names the model"},
		{[]string{"serve", "--lora", "v1=/"}, 2, "also names the model"},
		{[]string{"serve", "--lora", "own:v1=/"}, 2, "colon"},
		{[]string{"serve", "--lora", "0=/"}, 2, "a number"},
		{[]string{"serve", "--address", "127.0.0.1"}, 2, "host:port"},
		{[]string{"serve", "--address", "127.0.0.1:http"}, 2, "no port"},
		{[]string{"serve", "--address", "127.0.0.1:70000"}, 2, "no port"},
		{[]string{"serve", "-m", "nothing"}, 2, "no model"},
		{[]string{"serve", "-m", ""}, 2, "empty"},
		{[]string{"serve", "--lora", "adapter.gguf"}, 2, "a name and a path"},
		{[]string{"serve", "--lora", "=adapter.gguf"}, 2, "a name and a path"},
		{[]string{"serve", "--lora", "a=/", "--lora", "a=/"}, 2, "two adapters"},
		{[]string{"serve", "--lora", "a=none.gguf"}, 1, "none.gguf"},
		{[]string{"serve", "--requests", "0"}, 2, "requests"},
		{[]string{"serve", "x"}, 2, "unexpected"},
	} {
		if text, code := complaint(t, c.args...); code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%v: %d %s", c.args, code, text)
		}
	}
	s, err := api.Start(api.Options{Address: "127.0.0.1:0", Key: "some-key"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if text, code := complaint(t, "serve", "--address", strings.TrimPrefix(s.URL(), "http://")); code != 1 || !strings.Contains(text, "another program uses the address") {
		t.Errorf("%d %s", code, text)
	}
}
