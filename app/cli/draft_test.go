package cli

import (
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
)

// TestDraft checks that there is an answer with --draft, and that a model which can't draft is refused.
func TestDraft(t *testing.T) {
	home(t)
	model := tiny.New("llama").Write(t)
	chat := func(draft string) (string, int) {
		return verb(t, "", "chat", "-m", model, "--raw", "-p", "b c d", "--temp", "0", "-n", "40", "--draft", draft)
	}
	if got, code := chat(tiny.New("gemma3").Write(t)); code != 0 || strings.TrimSpace(got) == "" {
		t.Errorf("exit code %d, %q", code, got)
	}
	if _, code := chat(tiny.New("rwkv7").Write(t)); code != 1 {
		t.Errorf("with recurrent layers: exit code %d", code)
	}
}
