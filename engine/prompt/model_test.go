package prompt

import (
	"os"
	"testing"

	"soberano/models/defaults"
	"soberano/models/gguf"
)

// TestModelTemplate: the template in the default model's file is the one that
// TestConversations renders, and Gemma's file has none.
func TestModelTemplate(t *testing.T) {
	want, err := os.ReadFile("testdata/smollm2.jinja")
	if err != nil {
		t.Fatal(err)
	}
	for name, template := range map[string]string{"smollm2": string(want), "gemma3": ""} {
		file, err := gguf.Peek(defaults.Need(t, name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if got, err := file.Meta.String("tokenizer.chat_template", ""); err != nil || got != template {
			t.Errorf("%s: %q, %v; want %q", name, got, err, template)
		}
	}
}
