package audio

import (
	"bytes"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"soberano/asr/audio/input"
)

// sourceOf returns a source of a file in memory.
func sourceOf(t testing.TB, b []byte) *Source {
	t.Helper()
	dec, err := open(input.New(bytes.NewReader(b), "x", int64(len(b))))
	if err != nil {
		t.Fatal(err)
	}
	return newSource(dec, nil)
}

// TestDamageIsTold: if frames of an MP3 are noise, have no header or are overwritten by zeros, the
// rest is decoded with correct times, and the damage is reported; a FLAC with a sector of zeros
// likewise.
func TestDamageIsTold(t *testing.T) {
	mp3, pad := clip16(t, "joint44.mp3"), clip16(t, "pad22.mp3")
	flac, err := os.ReadFile("flac/testdata/cards_005.flac")
	if err != nil {
		t.Fatal(err)
	}
	at, at22 := frameStarts(mp3), frameStarts(pad)
	noise := bytes.Repeat([]byte{0xA7, 0x5E, 0x93}, 100)
	with := func(b []byte, from int, over []byte) []byte {
		b = slices.Clone(b)
		copy(b[from:], over)
		return b
	}
	const frame48, frame22 = 1152 * time.Second / 48000, 576 * time.Second / 22050
	frame := time.Duration(flacBlock(flac)) * time.Second / 16000
	for _, c := range []struct {
		name   string
		whole  []byte
		b      []byte
		places int
		first  time.Duration
		lost   time.Duration // at least
		slack  time.Duration
	}{
		{"noise", mp3, with(mp3, at[20]+4, noise[:32]), 1, 19 * frame48, frame48, 2 * frame48},
		{"two places", mp3, with(with(mp3, at[20]+4, noise[:32]), at[35]+4, noise[:32]), 2, 19 * frame48, 2 * frame48, 2 * frame48},
		{"no header", pad, with(pad, at22[20], []byte{0, 0}), 1, 20 * frame22, frame22, 2 * frame22},
		{"zeros", pad, with(pad, at22[20], make([]byte, at22[25]-at22[20])), 1, 20 * frame22, 5 * frame22, 2 * frame22},
		{"FLAC", flac, with(flac, len(flac)/2, make([]byte, 512)), 1, 8 * frame, frame, 12 * frame},
	} {
		want, err := decodeBytes(c.whole)
		if err != nil {
			t.Fatal(err)
		}
		s := sourceOf(t, c.b)
		got, err := readAll(s)
		d := s.Damage()
		if err != nil || math.Abs(float64(len(got)-len(want))) > 1 {
			t.Errorf("%s: %d samples, want %d: %v", c.name, len(got), len(want), err)
			continue
		}
		if d.Places != c.places || (d.First-c.first).Abs() > c.slack || d.Lost < c.lost-time.Millisecond || d.Lost > c.lost+8*frame48 && c.name != "FLAC" {
			t.Errorf("%s: %d places, the first at %v, %v; want %d, %v, %v", c.name, d.Places, d.First, d.Lost, c.places, c.first, c.lost)
		}
		tail := len(want) - 2000
		if ratio := snr(got[tail:len(want)-50], want[tail:len(want)-50]); ratio < 30 {
			t.Errorf("%s: what follows is otherwise: %.1f dB", c.name, ratio)
		}
	}
	for _, b := range [][]byte{mp3, pad, flac} {
		s := sourceOf(t, b)
		if _, err := readAll(s); err != nil || s.Damage() != (Damage{}) || s.Damage().String() != "" {
			t.Errorf("of a whole file: %+v, %v", s.Damage(), err)
		}
	}
}

func flacBlock(b []byte) int { return int(b[10])<<8 | int(b[11]) }

// TestNothingButDamage: a file of which nearly nothing can be decoded ends with an error.
func TestNothingButDamage(t *testing.T) {
	mp3 := clip16(t, "joint44.mp3")
	at := frameStarts(mp3)
	mp3 = slices.Repeat(mp3[at[1]:at[len(at)-2]], 10)
	for _, at := range frameStarts(mp3) {
		for i := at + 4; i < min(at+36, len(mp3)); i++ {
			mp3[i] = 0xA7 ^ byte(i*31)
		}
	}
	s := sourceOf(t, mp3)
	s.path = "x"
	if _, err := readAll(s); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "x: the file is damaged: ") {
		t.Errorf("an MP3 of noise: %v; %v", err, s.Damage())
	}
}

func TestDamageSays(t *testing.T) {
	for want, d := range map[string]Damage{
		"the file is damaged in one place, at 1:02:03; about 0.1 s could not be heard":           {1, time.Hour + 2*time.Minute + 3900*time.Millisecond, 26 * time.Millisecond},
		"the file is damaged in 12 places, the first at 0:00:07; about 3.2 s could not be heard": {12, 7 * time.Second, 3210 * time.Millisecond},
	} {
		if got := d.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
