package voice

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"soberano/asr"
	"soberano/asr/audio"
	"soberano/asr/mic"
)

func files(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// clip returns the samples of a test clip.
func clip(t *testing.T, name string) []float32 {
	t.Helper()
	src, err := audio.Open(filepath.Join("..", "..", "asr", "testdata", "audio", name))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var all []float32
	for buf := make([]float32, 4096); ; {
		n, err := src.Read(buf)
		if all = append(all, buf[:n]...); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// In any order of writing, reading and dropping, no sample without text is lost, neither in memory nor in the file that remains
// after the program.
func TestTapeKeepsTheRest(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp("", "tape")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		tape := newTape(dir)
		written, read, landed := 0, 0, 0
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			switch rapid.IntRange(0, 2).Draw(r, "step") {
			case 0:
				x := make([]float32, rapid.IntRange(0, 300).Draw(r, "n"))
				for i := range x {
					x[i] = float32((written+i)%1000) / 1000
				}
				tape.add(x, nil)
				written += len(x)
			case 1:
				if p := make([]float32, rapid.IntRange(1, 200).Draw(r, "n")); read < written {
					n, _ := tape.Read(context.Background(), p)
					for i, v := range p[:n] {
						if v != float32((read+i)%1000)/1000 {
							r.Fatalf("sample %d is %v", read+i, v)
						}
					}
					read += n
				}
			case 2:
				at := rapid.IntRange(0, 500).Draw(r, "landed")
				tape.landed(tape.sample(time.Duration(at) * time.Second / asr.SampleRate))
				landed = max(landed, min(at, read))
			}
		}
		if abs := len(tape.samples) - (written - landed); abs < 0 || abs > 1 {
			r.Fatalf("%d samples are kept of %d, %d landed", len(tape.samples), written, landed)
		}
		name, want := tape.file.Name(), slices.Clone(tape.samples)
		if rapid.Bool().Draw(r, "killed") {
			tape.file.Close()
		} else if err := tape.keep(); err != nil {
			r.Fatal(err)
		}
		again, err := openTape(name)
		if err != nil {
			r.Fatal(err)
		}
		if len(again.samples) != len(want) {
			r.Fatalf("%d samples in the file, want %d", len(again.samples), len(want))
		}
		for i, v := range again.samples {
			if d := v - want[i]; d > 1e-4 || d < -1e-4 {
				r.Fatalf("sample %d: %v, want %v", i, v, want[i])
			}
		}
		if err := again.drop(); err != nil || len(files(t, dir)) > 0 {
			r.Fatalf("%v; %v is left", err, files(t, dir))
		}
	})
}

// Other programs can play the file.
func TestTapeIsAWAV(t *testing.T) {
	tape := newTape(t.TempDir())
	tape.add(make([]float32, 1234), nil)
	name := tape.file.Name()
	if err := tape.keep(); err != nil {
		t.Fatal(err)
	}
	src, err := audio.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	n := 0
	for buf := make([]float32, 500); ; {
		k, err := src.Read(buf)
		if n += k; err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n != 1234 {
		t.Errorf("%d samples", n)
	}
}

// Hours of silence, which never get text, don't fill the memory.
func TestTapeForgetsSilence(t *testing.T) {
	tape := newTape("")
	minute := make([]float32, 60*asr.SampleRate)
	for range 30 {
		tape.add(minute, nil)
		for n := 0; n < len(minute); {
			k, err := tape.Read(context.Background(), minute[n:])
			if n += k; err != nil {
				t.Fatal(err)
			}
		}
	}
	if rest := tape.rest(); rest < 5*time.Minute || rest > 12*time.Minute {
		t.Errorf("%v are kept", rest)
	}
}

func TestTapeWithoutADisk(t *testing.T) {
	tape := newTape(filepath.Join(os.DevNull, "no folder"))
	tape.add([]float32{1, 2}, io.EOF)
	p := make([]float32, 5)
	if n, err := tape.Read(context.Background(), p); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := tape.Read(context.Background(), p); err != io.EOF {
		t.Errorf("at the end %v", err)
	}
	if err := tape.drop(); err != nil {
		t.Error(err)
	}
}

// failing yields a word, and then fails until it is told not to.
type failing struct {
	heal  bool
	heard []int // samples heard by each run
}

var errModel = errors.New("the model is broken")

func (f *failing) listen(ctx context.Context, src asr.Live, _ asr.Params) iter.Seq2[asr.Segment, error] {
	return func(yield func(asr.Segment, error) bool) {
		n := 0
		for p := make([]float32, 160); ; {
			k, err := src.Read(ctx, p)
			n += k
			if n >= 16000 && !f.heal {
				f.heard = append(f.heard, n)
				if yield(asr.Segment{Text: "first", End: 500 * time.Millisecond, Final: true}, nil) {
					yield(asr.Segment{}, errModel)
				}
				return
			}
			if err != nil {
				f.heard = append(f.heard, n)
				if err != io.EOF || !yield(asr.Segment{Text: "the rest", End: time.Minute, Final: true}, nil) {
					yield(asr.Segment{}, err)
				}
				return
			}
		}
	}
}

// A failed dictation can be tried again; only the audio without text is transcribed again, and afterwards its file is deleted.
func TestRetry(t *testing.T) {
	f := &failing{}
	s := newTestTalk(t, f.listen, nil)
	s.Press()
	s.until(func() bool { return s.err != nil && s.State() == Idle })
	if !errors.Is(s.err, errModel) || len(s.final) != 1 || s.left() < 400*time.Millisecond || len(files(t, s.Tapes)) != 1 {
		t.Fatalf("%v, %q, %v, %v", s.err, s.final, s.left(), files(t, s.Tapes))
	}
	f.heal, s.err = true, nil
	rest := int(s.left() * asr.SampleRate / time.Second)
	s.Retry(s.Kept()[0])
	if s.State() != Finishing {
		t.Errorf("state %v", s.State())
	}
	s.until(func() bool { return s.State() == Idle })
	if s.err != nil || !slices.Equal(s.final, []string{"first", "the rest"}) || s.opened.Load() != 1 || s.ended != 2 {
		t.Errorf("%v, %q, opened %d", s.err, s.final, s.opened.Load())
	}
	if d := f.heard[1] - rest; d < -1 || d > 1 {
		t.Errorf("heard %d samples again, %d had not landed", f.heard[1], rest)
	}
	if s.left() != 0 || len(files(t, s.Tapes)) != 0 {
		t.Errorf("%v kept, %v", s.left(), files(t, s.Tapes))
	}
}

// The tape of an earlier run is found by the next one, unless it has no speech.
func TestRecover(t *testing.T) {
	s := newTestTalk(t, (&failing{heal: true}).listen, nil)
	for _, samples := range [][]float32{clip(t, "goforward.wav"), make([]float32, 50000)} {
		tape := newTape(s.Tapes)
		tape.add(samples, nil)
		tape.file.Close() // as in a crash, a moment ago
	}
	found := false
	s.Recover(func(_ []*Kept, err error) {
		if found = true; err != nil {
			t.Error(err)
		}
	})
	s.until(func() bool { return found })
	if s.left() != 2786*time.Millisecond && (s.left() < 2*time.Second || s.left() > 3*time.Second) || len(files(t, s.Tapes)) != 1 {
		t.Errorf("%v, %v", s.left(), files(t, s.Tapes))
	}
	if err := s.Forget(s.Kept()[0]); err != nil || len(files(t, s.Tapes)) != 0 || s.left() != 0 {
		t.Errorf("%v, %v", err, files(t, s.Tapes))
	}
}

// A microphone that is unplugged is reported once, and there is nothing to try again.
func TestUnplugged(t *testing.T) {
	gone := errors.New("it stopped; was it unplugged?")
	s := newTestTalk(t, func(ctx context.Context, src asr.Live, _ asr.Params) iter.Seq2[asr.Segment, error] {
		return func(yield func(asr.Segment, error) bool) {
			_, err := src.Read(ctx, make([]float32, 10))
			yield(asr.Segment{}, err)
		}
	}, nil)
	s.window.open = func() (Microphone, error) { return broken{gone}, nil }
	s.Press()
	s.until(func() bool { return s.err != nil })
	if s.err.Error() != gone.Error() || s.left() != 0 || len(files(t, s.Tapes)) != 0 {
		t.Errorf("%q, %v to try again", s.err, s.left())
	}
}

// broken is a microphone that was unplugged.
type broken struct{ err error }

func (b broken) Read(context.Context, []float32) (int, error) { return 0, b.err }
func (b broken) Level() float32                               { return 0 }
func (b broken) Close() error                                 { return b.err }

// Audio that the device lost is reported.
func TestOverflowIsTold(t *testing.T) {
	s := newTestTalk(t, listen, nil)
	s.window.open = func() (Microphone, error) { return slow{&fakeMic{done: make(chan struct{}), closed: &s.closed}}, nil }
	s.Press()
	s.until(func() bool { return s.Lost() })
	s.Discard()
	s.window.open = nil
	s.Press()
	if s.Lost() {
		t.Error("a new dictation has lost sound already")
	}
	s.Discard()
}

type slow struct{ Microphone }

func (slow) Overflows() int { return 2 }

// A microphone that gives no sound at all is reported while the person speaks, and there is nothing to try again. Without that
// error, nobody spoke.
func TestMuted(t *testing.T) {
	nothing := func(ctx context.Context, src asr.Live, _ asr.Params) iter.Seq2[asr.Segment, error] {
		return func(func(asr.Segment, error) bool) {
			for {
				if _, err := src.Read(ctx, make([]float32, 10)); err != nil {
					return
				}
			}
		}
	}
	for _, muted := range []error{&mic.Error{Kind: mic.Muted, Device: "Headset"}, nil} {
		s := newTestTalk(t, nothing, nil)
		s.window.open = func() (Microphone, error) {
			return silenced{&fakeMic{done: make(chan struct{}), closed: &s.closed}, muted}, nil
		}
		s.Press()
		s.until(func() bool { return s.State() == Recording && (s.err != nil || muted == nil) })
		s.err = nil
		s.now = s.now.Add(2 * time.Second)
		s.Release()
		s.until(func() bool { return s.State() == Idle })
		if !errors.Is(s.err, muted) || s.left() != 0 || len(files(t, s.Tapes)) != 0 {
			t.Errorf("%v: got %v, %v to try again", muted, s.err, s.left())
		}
	}
}

type silenced struct {
	Microphone
	err error
}

func (s silenced) Muted() error { return s.err }

// A tape whose file can't be created or written, as on a full disk, is complete in the file as soon as it can; else keep says why.
func TestTapeIsWrittenLater(t *testing.T) {
	said := make([]float32, 4000)
	for i := range said {
		said[i] = float32(i%1000) / 1000
	}
	base := t.TempDir()
	dir := filepath.Join(base, "dictation")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // there can be no folder
		t.Fatal(err)
	}
	tape := newTape(dir)
	tape.add(said[:1000], nil)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	tape.add(said[1000:2000], nil)
	name := tape.file.Name()
	whole := tape.file
	full, err := os.Open(name) // writing to it fails
	if err != nil {
		t.Fatal(err)
	}
	tape.file = full
	tape.add(said[2000:3000], nil)
	tape.at = 500
	tape.landed(500)
	tape.file = whole
	tape.add(said[3000:], nil)
	if err := tape.keep(); err != nil {
		t.Fatal(err)
	}
	back, err := openTape(name)
	if err != nil {
		t.Fatal(err)
	}
	if back.base != 500 || back.base+len(back.samples) != len(said) {
		t.Fatalf("the file has samples %d to %d", back.base, back.base+len(back.samples))
	}
	for i, v := range back.samples {
		if d := v - said[back.base+i]; d < -0.001 || d > 0.001 {
			t.Fatalf("sample %d is %v", back.base+i, v)
		}
	}
	back.file.Close()
	back.file = full
	back.add(said[:10], nil)
	if err := back.keep(); err == nil {
		t.Error("a tape that is not in its file is kept without an error")
	}
}
