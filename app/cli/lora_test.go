package cli

import (
	"os"
	"testing"

	"soberano/engine/arch/tiny"
)

// TestLoRA checks that --lora changes the answer, with a scale of 0 not, and that what is no adapter of the model is refused.
func TestLoRA(t *testing.T) {
	home(t)
	s := tiny.New("llama")
	model, adapter := s.Write(t), s.Adapter(4, 8, 1).Write(t)
	folder := s.AdapterFolder(t, s.Adapter(4, 8, 1), nil)
	chat := func(adapters ...string) (string, int) {
		args := []string{"chat", "-m", model, "--raw", "-p", "b c d", "--temp", "0", "-n", "20"}
		for _, a := range adapters {
			args = append(args, "--lora", a)
		}
		return verb(t, "", args...)
	}
	plain, _ := chat()
	once, _ := chat(adapter)
	for _, c := range []struct {
		want     string
		adapters []string
	}{{once, []string{folder}}, {once, []string{adapter + "=1"}}, {plain, []string{adapter + "=0"}}} {
		if got, code := chat(c.adapters...); code != 0 || got != c.want {
			t.Errorf("%v: exit code %d, %q, expected %q", c.adapters, code, got, c.want)
		}
	}
	if once == plain {
		t.Errorf("with and without an adapter: %q", plain)
	}
	for _, path := range []string{model, adapter + "=x", "no.gguf"} {
		if _, code := chat(path); code != 1 {
			t.Errorf("%s: exit code %d", path, code)
		}
	}
	strange := t.TempDir() + "/a=2"
	if err := os.Rename(adapter, strange); err != nil {
		t.Fatal(err)
	}
	if got, code := chat(strange); code != 0 || got != once {
		t.Errorf("a file %s: exit code %d, %q", strange, code, got)
	}
}
