package audio

import (
	"path/filepath"
	"testing"
)

func TestLooks(t *testing.T) {
	for _, name := range compressed {
		if !Looks(file(t, "x", clip16(t, name))) {
			t.Errorf("%s without its name", name)
		}
	}
	for name, c := range map[string]struct {
		b    string
		want bool
	}{
		"broken.wav": {"", true}, "FILM.MKV": {"?", true}, "x": {"RIFF\x00\x00\x00\x00WAVE", true}, "y": {"\x00\x00\x00\x20ftypM4A ", true}, "aiff": {"FORM\x00\x00\x00\x00AIFF", true},
		"x.txt": {"a letter", false}, "x.heic": {"\x00\x00\x00\x20ftypheic", false}, "x.iff": {"FORM\x00\x00\x00\x00ILBM", false}, "x.jpg": {"\xff\xd8\xff\xe0 0123456789", false},
		"x.avi.txt": {"", false}, "x.riff": {"RIFF\x00\x00\x00\x00WEBP", false},
	} {
		if got := Looks(file(t, name, []byte(c.b))); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if Looks(t.TempDir()) || Looks(filepath.Join(t.TempDir(), "none.wav")) {
		t.Error("a folder, or nothing, is a recording")
	}
}
