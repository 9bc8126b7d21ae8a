package settings

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"soberano/app/choice"
	"soberano/app/ui"
)

// Saved settings are loaded again, and no other file is left in the folder.
func TestSaveLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	rapid.Check(t, func(t *rapid.T) {
		want := Values{Theme: rapid.SampledFrom([]ui.Mode{ui.System, ui.Light, ui.Dark}).Draw(t, "theme"),
			Microphone: rapid.String().Draw(t, "microphone"), Language: rapid.SampledFrom(append([]string{""}, whisper...)).Draw(t, "language"),
			Context: rapid.IntRange(0, 1<<20).Draw(t, "context"), Threads: rapid.IntRange(0, 1024).Draw(t, "threads"), Memory: rapid.Int64Range(-1, 1<<40).Draw(t, "memory"),
			Models: choice.Models{ChatModel: rapid.StringMatching(`[a-z0-9-]*`).Draw(t, "chat"), SpeechModel: rapid.StringMatching(`[a-z0-9-]*`).Draw(t, "speech")}}
		if err := Save(dir, want); err != nil {
			t.Fatal(err)
		}
		got, err := Load(dir)
		if b, _ := json.Marshal(want.Microphone); !strings.Contains(string(b), `\ufffd`) && (err != nil || got != want) {
			t.Fatalf("got %+v, %v; want %+v", got, err, want)
		}
	})
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 || names[0].Name() != choice.File {
		t.Errorf("the folder holds %v, %v", names, err)
	}
}

func TestNone(t *testing.T) {
	if v, err := Load(t.TempDir()); err != nil || v != (Values{Theme: ui.System}) {
		t.Errorf("got %+v, %v", v, err)
	}
}

// Any content of the file gives usable values, and a file that can't be read still exists under another name after the next
// Save.
func TestDamaged(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		data := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "{", `{"threads":"many"}`, "[]", "\x00\x00\x00", `{"theme":"li`, strings.Repeat(" ", choice.MaxBytes+1)})).Draw(rt, "data")
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, choice.File), []byte(data), 0o600); err != nil {
			rt.Fatal(err)
		}
		v, err := Load(dir)
		if err == nil {
			if !json.Valid([]byte(data)) {
				rt.Fatalf("%q was taken for settings: %+v", data, v)
			}
			return
		}
		if v != (Values{Theme: ui.System}) {
			rt.Fatalf("%q gives %+v", data, v)
		}
		if err := Save(dir, Values{Threads: 3}); err != nil {
			rt.Fatal(err)
		}
		aside := filepath.Join(dir, choice.File+".damaged")
		if kept, readErr := os.ReadFile(aside); readErr != nil || string(kept) != data || !strings.Contains(err.Error(), aside) {
			rt.Fatalf("kept %q, %v; said %v", kept, readErr, err)
		}
	})
}

// A second damaged file does not replace the first.
func TestDamagedTwice(t *testing.T) {
	dir := t.TempDir()
	for _, data := range []string{"one", "two", "three"} {
		if err := os.WriteFile(filepath.Join(dir, choice.File), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil {
			t.Fatal("no error")
		}
	}
	for name, want := range map[string]string{".damaged": "one", ".damaged-2": "two", ".damaged-3": "three"} {
		if got, err := os.ReadFile(filepath.Join(dir, choice.File+name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
}

// Values edited by hand are limited to their ranges.
func TestLimits(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, choice.File), []byte(`{"theme":"pink","context":-5,"threads":1000000,"language":"de","unknown":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if v, err := Load(dir); err != nil || v != (Values{Theme: ui.System, Language: "de"}) {
		t.Errorf("got %+v, %v", v, err)
	}
}

// A folder that can't be written gives an error, and the old settings stay.
func TestUnwritable(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "plain"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Save(filepath.Join(dir, "plain"), Values{}); err == nil {
		t.Error("saved into a file as if it were a folder")
	}
}
