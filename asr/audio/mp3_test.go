package audio

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"testing"

	"soberano/asr/audio/input"
)

// mp3Frames decodes the frames of an MP3, each channel by itself; the samples of a frame come one after the other,
// those of the first channel first.
func mp3Frames(t testing.TB, b []byte) (out []float32, lost int64) {
	t.Helper()
	m := &mp3{in: input.New(bytes.NewReader(b), "x", int64(len(b)))}
	for {
		h, err := m.sync()
		if err == io.EOF {
			return out, m.Lost()
		}
		if err != nil {
			t.Fatal(err)
		}
		m.first, m.frame = h, make([]byte, h.size)
		if err := m.in.Full(m.frame); err != nil {
			t.Fatal(err)
		}
		for _, c := range m.decode(h) {
			out = append(out, c...)
		}
	}
}

// TestLayer3: frames of random lines in all kinds of blocks, with all codes, sums and differences, directions, and data in
// earlier frames give the samples of ffmpeg's decoder; see testdata/README.md.
func TestLayer3(t *testing.T) {
	for _, name := range []string{"random44", "random32", "random24", "random16", "random11", "random8"} {
		got, lost := mp3Frames(t, clip16(t, name+".mp3"))
		b := clip16(t, name+".pcm")
		want := make([]float32, len(b)/2)
		for i := range want {
			want[i] = float32(int16(binary.LittleEndian.Uint16(b[2*i:]))) / (1 << 15)
		}
		if len(got) != len(want) || lost != 0 {
			t.Errorf("%s: %d samples, want %d; %d are lost", name, len(got), len(want), lost)
			continue
		}
		if ratio := snr(got, want); ratio < 70 {
			t.Errorf("%s: %.1f dB from the reference", name, ratio)
		} else {
			t.Logf("%s: %.1f dB", name, ratio)
		}
	}
}

// TestMP3BegunAnywhere: an MP3 without its first frames is decoded as the whole one, but for a few frames at its
// beginning whose data are missing.
func TestMP3BegunAnywhere(t *testing.T) {
	for _, name := range []string{"joint44.mp3", "random24.mp3"} {
		b := clip16(t, name)
		at := frameStarts(b)
		whole, lost := mp3Frames(t, b)
		if lost != 0 {
			t.Fatalf("%s: %d samples are lost", name, lost)
		}
		frame := len(whole) / len(at)
		for k := 1; k < len(at)-7; k++ {
			got, _ := mp3Frames(t, b[at[k]:])
			want := whole[k*frame:]
			if len(got) != len(want) || !slices.Equal(got[7*frame:], want[7*frame:]) {
				t.Errorf("%s from frame %d: %d samples, want %d", name, k, len(got), len(want))
			}
		}
	}
}

// TestMP3WrongFrames: frames of noise are silence, and told.
func TestMP3WrongFrames(t *testing.T) {
	b := clip16(t, "random24.mp3")
	at := frameStarts(b)
	for _, junk := range []string{"\x00\xff", "\xff", "\x55\x13\x7f"} {
		x := slices.Clone(b)
		copy(x[at[9]+4:at[9]+21], strings.Repeat(junk, 17))
		got, lost := mp3Frames(t, x)
		whole, _ := mp3Frames(t, b)
		if frame := len(whole) / len(at); len(got) != len(whole) || lost == 0 || !slices.Equal(got[12*frame:], whole[12*frame:]) {
			t.Errorf("%x: %d samples, want %d; %d are lost", junk, len(got), len(whole), lost)
		}
	}
}
