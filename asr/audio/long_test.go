package audio

import (
	"bytes"
	"io"
	"math"
	"runtime"
	"testing"
	"time"

	"soberano/asr/audio/input"
)

// tone is an endless stream.
type tone []byte

func (g tone) Read(p []byte) (int, error) { return copy(p, g), nil }

// held reads a source to its end and returns the most memory that was in use, measured at a dozen
// positions.
func held(t *testing.T, s *Source) uint64 {
	t.Helper()
	var most uint64
	buf := make([]float32, 1<<14)
	for n := 0; ; n++ {
		_, err := s.Read(buf)
		if err == io.EOF || n&(n-1) == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
		if err == io.EOF {
			return most
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTenHoursInConstantMemory: ten hours at 16 kHz, more than 4 GB of samples, take no more memory
// than a minute, nor does the resampler for a quarter of an hour at 48 kHz.
func TestTenHoursInConstantMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("decodes ten hours of sound")
	}
	source := func(rate int, length time.Duration) *Source {
		size := int(length.Seconds()) * rate
		head := header(tagPCM, 1, rate, 1, 8, nil)
		head = head[:len(head)-4]
		head = append(head, byte(size), byte(size>>8), byte(size>>16), byte(size>>24))
		r := io.MultiReader(bytes.NewReader(head), io.LimitReader(tone(bytes.Repeat([]byte("some sound in 8 bits"), 1000)), int64(size)))
		dec, err := open(input.New(r, "ten hours", int64(size+len(head))))
		if err != nil {
			t.Fatal(err)
		}
		s := newSource(dec, nil)
		if d := s.Duration(); math.Abs((d - length).Seconds()) > 1 {
			t.Fatalf("duration %v, want %v", d, length)
		}
		return s
	}
	for _, c := range []struct {
		rate int
		long time.Duration
	}{{16000, 10 * time.Hour}, {48000, 15 * time.Minute}} {
		few, many := held(t, source(c.rate, time.Minute)), held(t, source(c.rate, c.long))
		if many > few+1<<20 {
			t.Errorf("%d Hz: %d kB are held in %v, %d kB in a minute", c.rate, many>>10, c.long, few>>10)
		}
	}
}
