package choice

import (
	"os"
	"path/filepath"
	"testing"

	"soberano/models/registry"
)

func TestLoad(t *testing.T) {
	for _, c := range []struct {
		content, chat, speech string
		bad                   bool
	}{
		{content: `{"theme":"dark","chat_model":"smol","speech_model":"base"}`, chat: "smol", speech: "base"},
		{content: `{}`},
		{content: `{"chat_model":`, bad: true},
		{content: `{"chat_model":7}`, bad: true},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, File), []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := Load(dir)
		if (err != nil) != c.bad || m.Of(registry.Chat) != c.chat || m.Of(registry.Speech) != c.speech || m.Of("") != "" {
			t.Errorf("%s: %+v, %v", c.content, m, err)
		}
	}
	if m, err := Load(t.TempDir()); err != nil || m != (Models{}) {
		t.Errorf("without settings: %+v, %v", m, err)
	}
}
