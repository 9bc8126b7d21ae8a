package mic

import (
	"errors"
	"io"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drained is an output that takes a given number of buffers at each poll.
type drained struct {
	mu     sync.Mutex
	got    []float32
	each   int
	fail   error
	closed int
	gentle bool
}

func (d *drained) room() (int, error) { return d.each, nil }

func (d *drained) write(p []float32) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got = append(d.got, p...)
	return d.fail
}

func (d *drained) close(gently bool) error { d.closed++; d.gentle = gently; return nil }

// tone is a source of n samples, read in pieces, that ends with err.
type tone struct {
	n, at, piece int
	err          error
}

func (s *tone) Read(p []float32) (int, error) {
	n := min(len(p), s.n-s.at, s.piece)
	for i := range p[:n] {
		p[i] = float32(math.Sin(float64(s.at+i) / 7))
	}
	if s.at += n; n == 0 {
		return 0, s.err
	}
	return n, nil
}

// For any pieces of the source and any rate of the device, all of it is played, in order, and only
// silence after it.
func TestSpeakerPlaysAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 5000).Draw(rt, "samples")
		piece := rapid.IntRange(1, 700).Draw(rt, "piece")
		d := &drained{each: rapid.IntRange(1, 40).Draw(rt, "room")}
		s := sound(d, Rate, 0, &tone{n: n, piece: piece, err: io.EOF})
		<-s.Done()
		if err := s.Err(); err != nil {
			rt.Fatal(err)
		}
		want := make([]float32, n)
		(&tone{n: n, piece: n + 1}).Read(want)
		if len(d.got)%(Rate/50) != 0 || len(d.got) < n || !slices.Equal(d.got[:n], want) || !slices.Equal(d.got[n:], make([]float32, len(d.got)-n)) {
			rt.Fatalf("%d samples played of %d, other than they were", len(d.got), n)
		}
		if d.closed != 1 || !d.gentle || s.Played() != time.Duration(n)*time.Second/Rate {
			rt.Fatalf("closed %d times, gently: %v, played %v", d.closed, d.gentle, s.Played())
		}
	})
}

// A device that runs at another rate gets sound of the same duration.
func TestSpeakerResamples(t *testing.T) {
	d := &drained{each: 1000}
	s := sound(d, 48000, 0, &tone{n: Rate, piece: 333, err: io.EOF})
	<-s.Done()
	if len(d.got) != 48000 {
		t.Errorf("a second of sound is %d samples at 48 kHz", len(d.got))
	}
}

func TestSpeakerEnds(t *testing.T) {
	d := &drained{each: 1}
	s := sound(d, Rate, time.Hour, &tone{n: 1 << 40, piece: 320})
	for s.written.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if s.Played() != 0 {
		t.Error("what waits in the device is taken for heard")
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil || d.closed != 1 || d.gentle {
		t.Errorf("closing: %v, closed %d times, gently: %v", err, d.closed, d.gentle)
	}

	broken := errors.New("byte 17 is damaged")
	s = sound(&drained{each: 9}, Rate, 0, &tone{n: 1000, piece: 320, err: broken})
	<-s.Done()
	if !errors.Is(s.Err(), broken) || s.written.Load() != 1000 {
		t.Errorf("a damaged source: %v after %d samples", s.Err(), s.written.Load())
	}

	gone := errors.New("device gone")
	s = sound(&drained{each: 9, fail: gone}, Rate, 0, &tone{n: 1000, piece: 320, err: io.EOF})
	<-s.Done()
	if !errors.Is(s.Err(), gone) {
		t.Errorf("a device that fails: %v", s.Err())
	}
}
