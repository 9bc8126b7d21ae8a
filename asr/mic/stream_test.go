package mic

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a device whose buffers come from a test.
type fake struct {
	mu     sync.Mutex
	bufs   [][]float32
	lost   bool
	err    error
	closed int
}

func (f *fake) next() ([]float32, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	lost := f.lost
	f.lost = false
	if len(f.bufs) == 0 {
		return nil, lost, f.err
	}
	b := f.bufs[0]
	f.bufs = f.bufs[1:]
	return b, lost, nil
}

func (f *fake) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
	return nil
}

func (f *fake) give(bufs ...[]float32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bufs = append(f.bufs, bufs...)
}

// wait until ok, or fail after a minute.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 12000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("waited in vain for " + what)
}

// drain reads until the error.
func drain(s *Stream) ([]float32, error) {
	var all []float32
	p := make([]float32, 700)
	for {
		n, err := s.Read(context.Background(), p)
		all = append(all, p[:n]...)
		if err != nil {
			return all, err
		}
	}
}

// Samples are read in order, mixed to mono, also those captured after the last Read before Close.
// Close may be called twice.
func TestInOrderThenEOF(t *testing.T) {
	f := &fake{}
	s := begin(Device{Name: "x"}, f, Rate, 2)
	var want []float32
	for i := range 50 {
		b := make([]float32, 640)
		for j := range b {
			b[j] = float32(i*320+j/2) / 16000
		}
		for j := range 320 {
			want = append(want, b[2*j])
		}
		f.give(b)
	}
	wait(t, "samples", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.count == len(want) })
	if l := s.Level(); math.Abs(float64(l-want[len(want)-1])) > 1e-6 {
		t.Errorf("level %v, want %v", l, want[len(want)-1])
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got, err := drain(s)
	if err != io.EOF || !slices.Equal(got, want) || f.closed != 1 || s.Overflows() != 0 || s.Level() != 0 {
		t.Errorf("%d samples of %d, %v, closed %d times, %d lost, level %v", len(got), len(want), err, f.closed, s.Overflows(), s.Level())
	}
}

// A consumer that does not read for 65 s of audio loses nothing; after that, losses are counted.
func TestSlowConsumer(t *testing.T) {
	f := &fake{lost: true}
	s := begin(Device{Name: "x"}, f, Rate, 1)
	second := slices.Repeat([]float32{0.25}, Rate)
	for range 65 {
		f.give(second)
	}
	empty := func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.bufs) == 0 }
	wait(t, "65 s", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.count == 65*Rate })
	if s.Overflows() != 1 { // the device's own
		t.Errorf("%d losses after 65 s, want 1", s.Overflows())
	}
	f.give(second, second)
	wait(t, "the queue to overflow", func() bool { return empty() && s.Overflows() == 3 })
	s.Close()
	got, err := drain(s)
	if err != io.EOF || len(got) != queueSize {
		t.Errorf("%d samples, %v", len(got), err)
	}
}

func TestDeviceFails(t *testing.T) {
	f := &fake{err: errors.New("no such device")}
	f.give(make([]float32, 320))
	s := begin(Device{Name: "The Mic"}, f, Rate, 1)
	got, err := drain(s)
	if len(got) != 320 || err == nil || !strings.Contains(err.Error(), "The Mic") || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("%d samples, %v", len(got), err)
	}
	if s.Close() == nil || f.closed != 1 {
		t.Errorf("Close after a failure: closed %d times", f.closed)
	}
}

func TestReadStopsWithItsContext(t *testing.T) {
	s := begin(Device{}, &fake{}, Rate, 1)
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() { time.Sleep(20 * time.Millisecond); cancel() }()
	if n, err := s.Read(ctx, make([]float32, 10)); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d, %v", n, err)
	}
}

// The stream is resampled from the device's rate and keeps its duration.
func TestResampled(t *testing.T) {
	f := &fake{}
	s := begin(Device{}, f, 48000, 1)
	for range 100 {
		f.give(make([]float32, 960))
	}
	wait(t, "the buffers", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.bufs) == 0 })
	s.Close()
	if got, err := drain(s); len(got) != 32000 || err != io.EOF {
		t.Errorf("%d samples, %v", len(got), err)
	}
}

// A device that sends only zeros, or less than noise, for two seconds is muted; one with noise is not.
func TestMuted(t *testing.T) {
	for value, want := range map[float32]bool{0: true, 1.0 / (1 << 15): true, 3.0 / (1 << 15): false} {
		f := &fake{}
		s := begin(Device{Name: "headset"}, f, Rate, 2)
		fill := func(seconds int) {
			before := s.frames.Load()
			f.give(slices.Repeat([]float32{value, -value / 2}, seconds*Rate))
			wait(t, "samples", func() bool { return s.frames.Load() == before+int64(seconds*Rate) })
		}
		fill(1)
		if err := s.Muted(); err != nil {
			t.Errorf("after a second: %v", err)
		}
		fill(2)
		e, ok := errors.AsType[*Error](s.Muted())
		if ok != want || ok && (e.Kind != Muted || !strings.Contains(e.Error(), "no sound comes from \"headset\"")) {
			t.Errorf("samples of %v: %v", value, e)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
