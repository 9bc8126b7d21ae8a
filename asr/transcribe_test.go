package asr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"soberano/asr/whisper"
)

// joined returns at least so many seconds of English clips, with half a second between them.
func joined(t testing.TB, seconds int) (samples []float32, said string) {
	texts, _ := spoken(t)
	for len(samples) < seconds*SampleRate {
		for _, name := range []string{"jfk.wav", "librivox_0870.wav", "lj_0001.wav", "librivox_0920.wav", "libri_1995_1837_0001.wav"} {
			samples = append(append(samples, clip(t, name)...), make([]float32, SampleRate/2)...)
			said += " " + texts[name]
		}
	}
	return samples, said
}

// TestSideBySide: windows transcribed side by side come in order, equal in every run, with no more
// errors than one by one.
func TestSideBySide(t *testing.T) {
	m := openBase(t)
	samples, said := joined(t, 130)
	var before []Segment
	for range 2 {
		var done []time.Duration
		p := Params{Language: "en", Words: true, Progress: func(d time.Duration) { done = append(done, d) }}
		got := transcribe(t, m, samples, p)
		if before != nil && fmt.Sprint(got) != fmt.Sprint(before) {
			t.Errorf("a second run gives\n%+v\nafter\n%+v", got, before)
		}
		before = got
		if !slices.IsSorted(done) || len(done) < 4 || done[len(done)-1] < duration(len(samples))-2*time.Second {
			t.Errorf("progress: %v of %v", done, duration(len(samples)))
		}
		if e := float64(distance(words(said), words(text(got)))) / float64(len(words(said))); e > 0.04 {
			t.Errorf("%.1f%% of the words are wrong: %q", 100*e, text(got))
		}
	}
	// The previous text includes its times: without them a window becomes one segment.
	one := transcribe(t, m, samples, Params{Language: "en", Follow: true})
	if e := float64(distance(words(said), words(text(one)))) / float64(len(words(said))); e > 0.04 || len(one) < 12 {
		t.Errorf("following each other %.1f%% of the words are wrong in %d segments: %q", 100*e, len(one), text(one))
	}
}

// TestBesideAMicrophone: the network is available to others during a transcription, which leaves no
// goroutines and slots when it ends.
func TestBesideAMicrophone(t *testing.T) {
	m := openBase(t)
	samples, _ := joined(t, 100)
	short := clip(t, "goforward.wav")
	at := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		for _, err := range m.Transcribe(ctx, &samplesSource{samples: samples, err: io.EOF}, Params{Language: "en", Beam: 5}) {
			if err != nil {
				ended <- err
			}
		}
		close(ended)
	}()
	for range 3 {
		h, err := m.transcribeWindow(t.Context(), short, whisper.Options{Language: "en"})
		if err != nil || !strings.HasPrefix(strings.ToLower(h.Text), "go forward") {
			t.Errorf("heard %q, %v", h.Text, err)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for range m.Transcribe(t.Context(), &samplesSource{samples: samples, err: io.EOF}, Params{Language: "en"}) {
		break
	}
	<-ended
	for wait := 0; runtime.NumGoroutine() > at && wait < 100; wait++ {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > at {
		t.Errorf("%d goroutines, %d before", n, at)
	}
	if n := len(m.slots); n > mostSlots+1 {
		t.Errorf("%d slots are kept", n)
	}
}

// TestSourceFails: what was read before a source fails is transcribed, then its error is returned.
func TestSourceFails(t *testing.T) {
	m := openBase(t)
	samples, _ := joined(t, 40)
	broken := errors.New("unplugged")
	var got []Segment
	var end error
	for s, err := range m.Transcribe(t.Context(), &samplesSource{samples: samples, err: broken}, Params{Language: "en"}) {
		if end = err; err == nil {
			got = append(got, s)
		}
	}
	if end != broken || len(got) < 3 || got[len(got)-1].End < duration(len(samples))-3*time.Second {
		t.Errorf("%v after %+v", end, got)
	}
}

// TestCut: long speech is cut in the middle of a pause, a long and a late one.
func TestCut(t *testing.T) {
	speech := func(pauses ...[2]int) []piece {
		p := make([]piece, window/chunk+40)
		for i := range p {
			p[i] = piece{at: int64(i), voice: 0.9}
		}
		for _, x := range pauses {
			for i := x[0]; i < x[1]; i++ {
				p[i].voice = 0.1
			}
		}
		return p
	}
	n := window / chunk
	for _, c := range []struct {
		what   string
		pauses [][2]int
		want   int
	}{
		{"one pause", [][2]int{{500, 520}}, 510},
		{"of two alike the later", [][2]int{{500, 520}, {800, 820}}, 810},
		{"a longer one before a short late one", [][2]int{{700, 730}, {900, 904}}, 715},
		{"too early to count", [][2]int{{100, 140}, {850, 854}}, 852},
		{"up to the end", [][2]int{{n - 10, n + 20}}, n - 5},
	} {
		if got := cutInPause(speech(c.pauses...)); got != c.want {
			t.Errorf("%s: cut after %d of %d, want %d", c.what, got, n, c.want)
		}
	}
	p := speech()
	p[n-60].voice = 0.5
	if got := cutInPause(p); got != n-60+1 {
		t.Errorf("without a pause: cut after %d, want where it is quietest, %d", got, n-59)
	}
}

// TestRepeats: speech that the model left out is not a repetition of what it wrote, unless that was said
// at another time.
func TestRepeats(t *testing.T) {
	country := []saidWord{{"your", -9 * SampleRate}, {"country", -8 * SampleRate}, {"can", -3 * SampleRate}, {"your", 0}, {"country", SampleRate}}
	for _, c := range []struct {
		text string
		said []saidWord
		want bool
	}{
		{"Country.", country, true},
		{"your country", country, true},
		{"your country", country[:3], false},                         // said before, and again here
		{"Country.", []saidWord{{"country", 9 * SampleRate}}, false}, // said later
		{"power to do for them.", country, false},
		{"country today.", country, false},
		{"a b", []saidWord{{"b", 0}}, false},
		{"好久", []saidWord{{"好", 0}, {"久", SampleRate}}, true},
		{"", country, false},
	} {
		w := &fileWindow{pieces: make([]piece, 3*SampleRate/chunk), segments: []Segment{{Text: c.text}}, said: c.said}
		if got := w.repeats(); got != c.want {
			t.Errorf("%q after %v: %v", c.text, c.said, got)
		}
	}
}

// TestSkipped: speech between two segments is found, pauses and single sounds are not.
func TestSkipped(t *testing.T) {
	p := make([]piece, 10*SampleRate/chunk)
	for i := range p {
		if at := duration(i * chunk); at < 2*time.Second || at > 3*time.Second && at < 5*time.Second || at > 6*time.Second {
			p[i].voice = 0.9
		}
	}
	at := func(start, end float64) whisper.Segment {
		return whisper.Segment{Start: time.Duration(start * 1e9), End: time.Duration(end * 1e9)}
	}
	for _, c := range []struct {
		segments []whisper.Segment
		want     int
	}{
		{[]whisper.Segment{at(0, 2), at(3, 5), at(6, 9)}, 0},
		{[]whisper.Segment{at(0, 2), at(6, 9)}, 1},
		{[]whisper.Segment{at(0, 2.5), at(3.4, 5)}, 0},
		{[]whisper.Segment{at(0, 2)}, 0},
	} {
		got := windowResult{segments: c.segments}.skipped(p)
		if len(got) != c.want || c.want == 1 && (got[0].after != 1 || got[0].from%chunk != 0 || got[0].to%chunk != 0 || got[0].from > 2*SampleRate || got[0].to < 6*SampleRate) {
			t.Errorf("%v: %v", c.segments, got)
		}
	}
}

// TestStop: after Params.Stop what has been encoded is written, and nothing more is read.
func TestStop(t *testing.T) {
	m := openBase(t)
	samples, said := joined(t, 130)
	for name, language := range map[string]string{"given": "en", "detected": ""} {
		stop := make(chan struct{})
		var done []time.Duration
		p := Params{Language: language, Stop: stop, Progress: func(d time.Duration) {
			if done = append(done, d); len(done) == 2 { // two windows are encoded, none is decoded
				close(stop)
			}
		}}
		var got []Segment
		var failed error
		for s, err := range m.Transcribe(t.Context(), &samplesSource{samples: samples, err: io.EOF}, p) {
			if failed = err; err == nil {
				got = append(got, s)
			}
		}
		if failed != ErrStopped {
			t.Errorf("language %s: error %v", name, failed)
		}
		end := got[max(0, len(got)-1)].End
		if end < 35*time.Second || end > 62*time.Second {
			t.Errorf("language %s: heard up to %v: %q", name, end, text(got))
		}
		heard := words(text(got))
		if n := distance(words(said)[:min(len(heard), len(words(said)))], heard); n > len(heard)/10 {
			t.Errorf("language %s: %d of %d words are wrong: %q", name, n, len(heard), heard)
		}
		if !slices.IsSorted(done) || done[0] == 0 || done[0] > 30*time.Second {
			t.Errorf("language %s: progress %v", name, done)
		}
	}
	stop := make(chan struct{})
	close(stop)
	for s, err := range m.Transcribe(t.Context(), &samplesSource{samples: samples, err: io.EOF}, Params{Stop: stop}) {
		if err != ErrStopped {
			t.Errorf("stopped before it began: %+v, %v", s, err)
		}
	}
}
