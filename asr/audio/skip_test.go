package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"soberano/asr/audio/input"
)

// TestSkip: what follows a skip is what follows the skipped samples: identical in a WAV at 16 kHz,
// and otherwise after the resampler and the decoder have warmed up. Skips are multiples of 20 ms,
// which are whole samples at every rate.
func TestSkip(t *testing.T) {
	samples := make([]float32, 100_000)
	for i := range samples {
		samples[i] = float32(i%30_011)/30_011 - 0.5
	}
	steps := filepath.Join(t.TempDir(), "steps.wav")
	f, err := os.Create(steps)
	if err == nil {
		err = WriteWAV(f, Rate, samples)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, path := range []string{steps, "flac/testdata/cards_005.flac", "flac/testdata/st44_24.flac", "flac/testdata/st48_noise.flac", "flac/testdata/mono24.flac", "testdata/joint44.mp3", "testdata/pad22.mp3", "testdata/celt.opus", "testdata/st44.ogg"} {
		whole := readAfter(t, path)
		warm, most := 150, 1e-3
		if path == steps {
			warm, most = 0, 0
		}
		const opposite = "testdata/joint44.mp3" // whether one of its channels is inverted depends on what was heard before, see input.Mixer
		rapid.Check(t, func(rt *rapid.T) {
			n := rapid.IntRange(0, len(whole)/320+10).Draw(rt, "fiftieths")
			first := rapid.IntRange(0, n).Draw(rt, "in the first step")
			got := readAfter(t, path, time.Duration(first)*20*time.Millisecond, time.Duration(n-first)*20*time.Millisecond)
			want := whole[min(n*320, len(whole)):]
			if d := len(got) - len(want); d < -1 || d > 1 {
				rt.Fatalf("%s: %d samples follow, want %d", path, len(got), len(want))
			}
			for i := warm; i < min(len(want), len(got)); i++ {
				if d := math.Abs(float64(got[i] - want[i])); d > most && path != opposite {
					rt.Fatalf("%s: sample %d is %v, want %v", path, i, got[i], want[i])
				}
			}
		})
	}
}

// TestSkipInAStream: a WAV of unknown length that cannot seek is decoded up to the target.
func TestSkipInAStream(t *testing.T) {
	data := make([]byte, 2*Rate)
	for i := range Rate {
		binary.LittleEndian.PutUint16(data[2*i:], uint16(i))
	}
	b := header(tagPCM, 1, Rate, 2, 16, data)
	binary.LittleEndian.PutUint32(b[40:], 0xFFFFFFFF)
	dec, err := open(input.New(bytes.NewBuffer(b), "x", -1))
	if err != nil {
		t.Fatal(err)
	}
	s := newSource(dec, nil)
	if err := s.Skip(250 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	got, err := readAll(s)
	if err != nil || len(got) != Rate*3/4 || got[0] != float32(Rate/4)/(1<<15) {
		t.Errorf("%d samples follow, want %d: %v", len(got), Rate*3/4, err)
	}
}

// TestSkipCountsFrames: skipped frames do not count as missing: a whole file ends without an error,
// and the error of a truncated one states how much is missing.
func TestSkipCountsFrames(t *testing.T) {
	b, err := os.ReadFile("testdata/joint44.mp3")
	if err != nil {
		t.Fatal(err)
	}
	starts := frameStarts(b)
	at := bytes.Index(b[starts[0]:], []byte("Info")) // "Info", flags, frames
	frames := 40 * (len(starts) - 1)
	head := bytes.Clone(b[:starts[1]])
	binary.BigEndian.PutUint32(head[starts[0]+at+8:], uint32(frames))
	long := append(head, bytes.Repeat(b[starts[1]:], 40)...)
	whole := file(t, "long.mp3", long)
	cut := file(t, "cut.mp3", long[:len(head)+24*(len(b)-starts[1])])
	for _, d := range []time.Duration{0, time.Second, 35 * time.Second, time.Hour} {
		for path, want := range map[string]error{whole: io.EOF, cut: io.ErrUnexpectedEOF} {
			s, err := Open(path)
			if err == nil {
				err = s.Skip(d)
			}
			for p := make([]float32, 4096); err == nil; {
				_, err = s.Read(p)
			}
			if !errors.Is(err, want) || want != io.EOF && !strings.Contains(err.Error(), fmt.Sprintf("%d of %d frames are missing", 16*(len(starts)-1), frames)) {
				t.Errorf("%s after %v: %v", path, d, err)
			}
			s.Close()
		}
	}
}

func readAfter(t *testing.T, path string, after ...time.Duration) (all []float32) {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, d := range after {
		if err := s.Skip(d); err != nil {
			t.Fatal(err)
		}
	}
	p := make([]float32, 4096)
	for {
		n, err := s.Read(p)
		all = append(all, p[:n]...)
		if err != nil {
			if err != io.EOF || s.Damage().Places > 0 {
				t.Fatalf("%s after %v ends with %v, %v", path, after, err, s.Damage())
			}
			return all
		}
	}
}
