package dictation

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// An image in the clipboard is read whole, in pieces if it is large, also where the desktop is Wayland's. Without one there is none.
func TestClipboardImage(t *testing.T) {
	display(t, "xclip")
	t.Setenv("WAYLAND_DISPLAY", "wayland-0")
	if got, err := ClipboardImage(); err != nil || got != nil {
		t.Errorf("an empty clipboard: %d bytes, %v", len(got), err)
	}
	copied(t, "only words")
	if got, err := ClipboardImage(); err != nil || got != nil {
		t.Errorf("words: %q, %v", got, err)
	}
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{100, 3 << 20} {
		want := make([]byte, size)
		if _, err := random.Read(want); err != nil {
			t.Fatal(err)
		}
		offer := exec.Command("xclip", "-selection", "clipboard", "-quiet", "-t", "image/png")
		offer.Stdin = bytes.NewReader(want)
		background(t, offer)
		until(t, "the image to be offered", func() bool {
			out, err := exec.Command("timeout", "5", "xclip", "-o", "-selection", "clipboard", "-t", "TARGETS").Output()
			return err == nil && strings.Contains(string(out), "image/png")
		})
		until(t, "the image", func() bool {
			got, err := ClipboardImage()
			if err != nil {
				t.Fatal(err)
			}
			return bytes.Equal(got, want)
		})
	}
	if !HasClipboardImages() {
		t.Error("images can't be pasted on a display")
	}
	t.Setenv("DISPLAY", "")
	if _, err := ClipboardImage(); err == nil || HasClipboardImages() {
		t.Error("without a display images can be pasted")
	}
}

// The text in the clipboard is read whole, also behind a NUL character.
func TestClipboardText(t *testing.T) {
	display(t, "xclip")
	if got, err := ClipboardText(); err != nil || got != "" {
		t.Errorf("an empty clipboard: %q, %v", got, err)
	}
	const want = "before\x00behind, wörtlich"
	offer := exec.Command("xclip", "-selection", "clipboard", "-quiet")
	offer.Stdin = strings.NewReader(want)
	background(t, offer)
	until(t, "the text", func() bool {
		got, err := ClipboardText()
		if err != nil {
			t.Fatal(err)
		}
		return got == want
	})
}
