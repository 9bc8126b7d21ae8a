package audio

import (
	"slices"
	"testing"
)

func TestIsSound(t *testing.T) {
	for _, name := range compressed {
		if b := clip16(t, name); !IsSound(b[:min(len(b), HeadBytes)]) {
			t.Errorf("%s is not recognised", name)
		}
	}
	transport := make([]byte, HeadBytes)
	transport[0], transport[188], transport[376] = 0x47, 0x47, 0x47
	aac := "\xff\xf1\x50\x80\x02\x1f\xfc.........\xff\xf1\x50\x80\x02\x1f\xfc"
	for b, want := range map[string]bool{
		"RIFF\x00\x00\x00\x00WAVE": true, "RIFF\x00\x00\x00\x00AVI ": true, "\x00\x00\x00\x20ftypM4A ": true, "FORM\x00\x00\x00\x00AIFF": true, string(transport): true, aac: true,
		"": false, "fLaC": false, "a letter to Ada": false, "\x00\x00\x00\x20ftypheic": false, "FORM\x00\x00\x00\x00ILBM": false, "\xff\xd8\xff\xe0 0123456789": false,
		"RIFF\x00\x00\x00\x00WEBP": false, "\xff\xfeH\x00e\x00l\x00l\x00o\x00!\x00": false, "GGUF\x03\x00\x00\x00\x00\x00\x00\x00": false,
	} {
		if got := IsSound([]byte(b)); got != want {
			t.Errorf("%.20q: %v", b, got)
		}
	}
}

func TestIsPicture(t *testing.T) {
	for b, want := range map[string]bool{"\x00\x00\x00\x20ftypheic": true, "\x00\x00\x00\x20ftypavif": true, "RIFF\x00\x00\x00\x00WEBP": true, "\x89PNG\r\n\x1a\n": true,
		"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00": true, "BMW is a maker of cars.": false, "BM\x46\x00\x00\x00": false,
		"\x00\x00\x00\x20ftypM4A ": false, "RIFF\x00\x00\x00\x00WAVE": false, "": false} {
		if got := IsPicture([]byte(b)); got != want {
			t.Errorf("%q: %v", b, got)
		}
	}
}

func TestNamed(t *testing.T) {
	for name, want := range map[string]bool{"a.wav": true, "FILM.MKV": true, "x.avi.txt": false, "wav": false, "a.heic": false} {
		if Named(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	if !slices.Contains(Extensions(), ".opus") {
		t.Error("Opus is missing")
	}
}
