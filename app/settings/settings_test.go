package settings

import (
	"os"
	"path/filepath"
	"testing"

	"soberano/app/look"
)

func TestSettingsAreKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	v, err := Load(dir)
	if err != nil || v != (Values{Theme: look.System}) {
		t.Fatalf("%+v %v", v, err)
	}
	v = Values{Theme: look.Dark, Microphone: "USB", Language: "de", Context: 8192, Threads: 3, ChatModel: "a", SpeechModel: "b"}
	if err := Save(dir, v); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(dir); err != nil || got != v {
		t.Fatalf("%+v %v", got, err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
}

func TestSpoiledSettings(t *testing.T) {
	dir := t.TempDir()
	for text, bad := range map[string]bool{"{": true, `{"context": "x"}`: true, `{"theme": "pink", "context": -5, "threads": 99999999}`: false} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := Load(dir)
		if (err != nil) != bad || v != (Values{Theme: look.System}) {
			t.Errorf("%s: %+v %v", text, v, err)
		}
	}
}
