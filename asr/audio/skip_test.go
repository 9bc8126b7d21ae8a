package audio

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What follows a skip is what would have followed the samples that were passed over.
func TestSkip(t *testing.T) {
	samples := make([]float32, 100_000)
	for i := range samples {
		samples[i] = float32(i%30_011)/30_011 - 0.5
	}
	path := filepath.Join(t.TempDir(), "steps.wav")
	f, err := os.Create(path)
	if err == nil {
		err = WriteWAV(f, Rate, samples)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, path := range []string{path, "testdata/cards_005.flac"} {
		whole := readAfter(t, path)
		rapid.Check(t, func(rt *rapid.T) {
			n := rapid.IntRange(0, len(whole)+1000).Draw(rt, "samples")
			first := rapid.IntRange(0, n).Draw(rt, "in the first step")
			got := readAfter(t, path, time.Duration(first)*time.Second/Rate, time.Duration(n-first)*time.Second/Rate)
			want := whole[min(n, len(whole)):]
			if d := len(got) - len(want); d < 0 || d > 2 {
				rt.Fatalf("%d samples follow, want %d", len(got), len(want))
			}
			off := max(0, len(got)-len(want)) // the time of a sample is rounded down
			for i := range min(len(want), len(got)-off) {
				if got[i+off] != want[i] {
					rt.Fatalf("sample %d is %v, want %v", i, got[i+off], want[i])
				}
			}
		})
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
			return all
		}
	}
}
