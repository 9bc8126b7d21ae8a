package audio

import (
	"os"
	"slices"
	"testing"
)

// TestFLACIsTheWAV: a clip in FLAC gives the samples of the clip in WAV, also after an ID3 tag,
// with a tag at its end, and if STREAMINFO does not state the length.
func TestFLACIsTheWAV(t *testing.T) {
	want, err := readFile(t, clipPath("cards_005.wav"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("flac/testdata/cards_005.flac")
	if err != nil {
		t.Fatal(err)
	}
	unknown := slices.Clone(b)
	unknown[21] &= 0xF0
	clear(unknown[22:26])
	for name, b := range map[string][]byte{
		"as it is": b, "unknown length": unknown, "ID3 before": slices.Concat([]byte("ID3\x04\x00\x00\x00\x00\x00\x03abc"), b),
		"tag behind": slices.Concat(b, []byte("TAG"), make([]byte, 125)), "both": slices.Concat(unknown, []byte("TAG"), make([]byte, 125)),
	} {
		got, err := readFile(t, file(t, "x", b))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d samples, want %d: %v", name, len(got), len(want), err)
		}
	}
}
