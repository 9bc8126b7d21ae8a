package asr

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"soberano/asr/vad"
	"soberano/asr/whisper"
)

// TestSegmenter: the utterances of a recording and of a microphone do not depend on how the source
// is read, are in order, hold all speech that vad finds in the whole, and leave out silence.
func TestSegmenter(t *testing.T) {
	for name, o := range map[string]segmentOptions{"file": fileSegments, "live": liveSegments} {
		t.Run(name, func(t *testing.T) { testSegmenter(t, o) })
	}
}

func testSegmenter(t *testing.T, o segmentOptions) {
	audio := append(make([]float32, 3*SampleRate), clip(t, "librivox_0880.wav")...)
	audio = append(audio, make([]float32, 7*SampleRate)...)
	audio = append(audio, clip(t, "goforward.wav")...)
	audio = append(audio, make([]float32, 3*SampleRate+77)...)
	audio = append(audio, clip(t, "cards_005.wav")...)
	take := func(step func() int) (all []piece) {
		src, seg := &samplesSource{samples: slices.Clone(audio), step: step, err: io.EOF}, newSegmenter(o)
		for {
			done, err := readChunk(src, seg)
			for _, u := range done {
				if len(u.pieces) > o.limit {
					t.Errorf("an utterance of %d pieces, at most %d", len(u.pieces), o.limit)
				}
				all = append(all, u.pieces...)
			}
			if err == io.EOF {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	whole := take(nil)
	has := map[int64]bool{}
	for i, p := range whole {
		if i > 0 && p.at <= whole[i-1].at {
			t.Fatalf("piece %d comes after piece %d", p.at, whole[i-1].at)
		}
		for k, v := range p.samples {
			if j := int(p.at)*chunk + k; j < len(audio) && v != audio[j] {
				t.Fatalf("piece %d differs from the audio at sample %d", p.at, k)
			}
		}
		has[p.at] = true
	}
	for _, r := range vad.Speech(audio, o.vad) {
		for at := r.Start; at < r.End; at += chunk {
			if !has[int64(at/chunk)] {
				t.Fatalf("speech at sample %d was left out", at)
			}
		}
	}
	if n := len(whole) * chunk; n > len(audio)*3/4 {
		t.Errorf("%d of %d samples kept: silence was not left out", n, len(audio))
	}
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 1))
		got := take(func() int { return rng.IntN(900) })
		same := slices.EqualFunc(got, whole, func(a, b piece) bool {
			return a.at == b.at && a.voice == b.voice && slices.Equal(a.samples, b.samples)
		})
		if !same {
			t.Fatalf("seed %d: %d pieces, want %d, or they differ", seed, len(got), len(whole))
		}
	}
}

// TestPlace: times of joined pieces are those of the audio.
func TestPlace(t *testing.T) {
	p := []piece{{at: 10}, {at: 11}, {at: 100}}
	for i := range p {
		p[i].samples = make([]float32, chunk)
	}
	for _, c := range []struct {
		sample int
		end    bool
		want   int // samples
	}{
		{0, false, 10 * chunk}, {5, false, 10*chunk + 5}, {chunk, false, 11 * chunk}, {chunk, true, 11 * chunk},
		{2 * chunk, false, 100 * chunk}, {2 * chunk, true, 12 * chunk}, {3 * chunk, true, 101 * chunk}, {9 * chunk, true, 101 * chunk}, {-4, false, 10 * chunk},
	} {
		if got := place(p, c.sample, c.end); got != duration(c.want) {
			t.Errorf("place(%d, %v) = %v, want %v", c.sample, c.end, got, duration(c.want))
		}
	}
}

// TestOnset: the next window starts before a word that began shortly before the model's time, else
// at that time.
func TestOnset(t *testing.T) {
	voices := func(s string) (p []piece) {
		for i, c := range s {
			p = append(p, piece{at: int64(i), voice: float32(c-'0') / 9})
		}
		return p
	}
	for _, c := range []struct {
		voices string
		at     int // chunk
		want   int
	}{
		{"999999999999", 8, 8}, {"990000009999", 8, 4}, {"999999909999", 8, 7}, {"999900000000", 8, 8},
		{"990099999999999999", 16, 16}, {"0000000", 3, 3}, {"99", 7, 7},
	} {
		i := c.at*chunk + 3
		want := i
		if c.want != c.at {
			want = c.want * chunk
		}
		if got := onset(voices(c.voices), i); got != want {
			t.Errorf("onset(%s, %d) = %d, want %d", c.voices, i, got, want)
		}
	}
}

// mike is a Live source that waits at given samples until a channel is closed.
type mike struct {
	samples []float32
	wait    map[int]chan struct{} // by samples given
	given   int
}

func (m *mike) Read(ctx context.Context, p []float32) (int, error) {
	if gate, ok := m.wait[m.given]; ok {
		select {
		case <-gate:
			delete(m.wait, m.given)
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	if m.given == len(m.samples) {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 320)], m.samples[m.given:])
	for at := range m.wait {
		if at > m.given {
			n = min(n, at-m.given)
		}
	}
	m.given += n
	return n, nil
}

// TestListen: partial text comes while someone speaks, final text after a pause and at the end.
func TestListen(t *testing.T) {
	m := openBase(t)
	first, second := clip(t, "goforward.wav"), clip(t, "cards_005.wav")
	audio := append(make([]float32, SampleRate), first...)
	audio = append(audio, make([]float32, 2*SampleRate)...)
	middle := len(audio) + 2*SampleRate
	audio = append(audio, second...)
	gate := make(chan struct{})
	var finals []string
	partials := 0
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	for s, err := range m.Listen(ctx, &mike{samples: audio, wait: map[int]chan struct{}{middle: gate}}, Params{Language: "en"}) {
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", s)
		if s.Text != strings.TrimSpace(s.Text) {
			t.Errorf("spaces around %q", s.Text)
		}
		if s.Final {
			finals = append(finals, strings.Join(words(s.Text), " "))
			continue
		}
		if len(finals) == 1 && s.Text != "" {
			if partials++; partials == 1 {
				close(gate) // the rest is only spoken once text has come before it
			}
		}
	}
	if len(finals) != 2 || finals[0] != "go forward ten meters" || distance(words(finals[1]), words("eight of spades four of clubs seven of hearts")) > 1 {
		t.Errorf("heard %q", finals)
	}
	if partials == 0 {
		t.Error("no text while speaking")
	}
}

func TestListenSilence(t *testing.T) {
	m := openBase(t)
	for _, name := range []string{"silence_10s.wav", "pink_10s.wav", "music_10s.wav"} {
		for s, err := range m.Listen(context.Background(), &mike{samples: clip(t, name)}, Params{}) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

func TestListenCancel(t *testing.T) {
	m := openBase(t)
	ctx, cancel := context.WithCancel(context.Background())
	audio := clip(t, "jfk.wav")
	src := &mike{samples: audio, wait: map[int]chan struct{}{len(audio) / 2: make(chan struct{})}}
	var last error
	for _, err := range m.Listen(ctx, src, Params{Language: "en"}) {
		if last = err; err == nil {
			cancel() // at the first text; nothing more is ever spoken
		}
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("ended with %v", last)
	}
	cancel()
	for range m.Listen(context.Background(), &mike{samples: audio}, Params{Language: "en"}) {
		break // leaving must end the goroutine that hears
	}
}

// TestLongUtterance: speech without a pause is cut at its quietest piece, and nothing is lost.
func TestLongUtterance(t *testing.T) {
	speech := clip(t, "librivox_long.wav")
	audio := append(slices.Clone(speech), speech...)
	h, o := newCapture(&mike{samples: audio}), liveSegments
	o.vad.MinSilence = 5 * time.Second
	h.seg = newSegmenter(o)
	h.run(context.Background())
	if h.err != io.EOF || len(h.finished) != 2 {
		t.Fatalf("%d utterances, %v; want 2", len(h.finished), h.err)
	}
	next := h.finished[0][0].at
	for _, u := range h.finished {
		if len(u) > longest {
			t.Errorf("an utterance of %v", duration(len(u)*chunk))
		}
		for _, p := range u {
			if p.at != next {
				t.Fatalf("chunk %d follows %d", p.at, next-1)
			}
			next++
		}
	}
	cut := h.finished[0][len(h.finished[0])-1]
	if cut.voice > 0.2 {
		t.Errorf("cut where speech has probability %.2f", cut.voice)
	}
	if heard := duration(int(next-h.finished[0][0].at) * chunk); heard < 48*time.Second {
		t.Errorf("%v kept", heard)
	}
}

// TestPassIsFinal: a pass that covers the last word is the final text; one that does not is
// cancelled. A quick pass is followed by a careful one, unless the user has released the key.
func TestPassIsFinal(t *testing.T) {
	p := make([]piece, 40)
	for i := range p {
		p[i].at = int64(100 + i)
		if i >= 5 && i < 30 {
			p[i].voice = 0.9
		}
	}
	yes := &pass{first: 100, to: 135, segments: []whisper.Segment{{Text: "Yes."}}, language: "en"}
	l := &listener{c: &capture{}, last: yes}
	if all, language, _, err := l.decide(context.Background(), p); err != nil || language != "en" || len(all) != 1 {
		t.Errorf("%v, %q, %v", all, language, err)
	}
	yes.quick = true
	l.c = &capture{finished: [][]piece{p}, cutOff: true}
	if all, _, _, err := l.decide(context.Background(), p); err != nil || len(all) != 1 {
		t.Errorf("released after a quick pass: %v, %v", all, err)
	}
	for _, c := range []struct {
		name             string
		covered          int64
		left             time.Duration
		cutOff, breakOff bool
	}{
		{"hears the last word", 135, time.Second, false, false}, {"hears the first words", 120, 0, false, true},
		{"soon done for who waits", 135, releasePatience / 2, true, false}, {"too long for who waits", 135, 2 * releasePatience, true, true},
	} {
		broken := false
		h := newCapture(nil)
		h.covered, h.due, h.cutOff, h.cancelPass = c.covered, time.Now().Add(c.left), c.cutOff, func() { broken = true }
		if h.finish([]utterance{{pieces: p[:38]}}, true); broken != c.breakOff {
			t.Errorf("a pass that %s: broken off %v", c.name, broken)
		}
	}
	l = &listener{covered: 120}
	if !l.due(p) || l.due(p[:32]) {
		t.Error("the pass after the last word comes at another time")
	}
	l.covered, l.last = 135, yes
	if !l.due(p) {
		t.Error("no careful pass follows")
	}
	if yes.quick = false; l.due(p) {
		t.Error("the last word is heard again")
	}
}

// TestAffordable: after the key is released, a careful pass encodes as much of a window as the time
// allows.
func TestAffordable(t *testing.T) {
	m := openBase(t)
	let := &capture{finished: [][]piece{{}}, cutOff: true}
	for _, c := range []struct {
		what    string
		c       *capture
		encoder time.Duration
		spent   time.Duration
		want    int
	}{
		{"nobody waits", &capture{}, 300 * time.Millisecond, 0, 3000},
		{"not known", let, 0, 0, 3000},
		{"fast", let, 100 * time.Millisecond, 100 * time.Millisecond, 3000},
		{"in part", let, 270 * time.Millisecond, 0, 3000 * 220 / 270 &^ 31},
		{"at least half", let, 900 * time.Millisecond, 100 * time.Millisecond, 1500 &^ 31},
	} {
		l := &listener{m: m, c: c.c, encoder: c.encoder, careful: c.encoder + 50*time.Millisecond}
		if got := l.affordable(4*SampleRate, c.spent); got != c.want {
			t.Errorf("%s: %d frames, want %d", c.what, got, c.want)
		}
	}
}

// TestListenWords: dictated text, language unknown, is as accurate as that of a file after a pause,
// and nearly as accurate for the last words before the key is released.
func TestListenWords(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	m := openBase(t)
	texts, languages := spoken(t)
	for _, c := range []struct {
		name    string
		silence int
		worse   float64 // percent
	}{{"pause", SampleRate, 0.5}, {"released", 0, 1.5}} {
		var total, ours, theirs int
		for name, ref := range references(t) {
			if languages[name] != "en" {
				continue
			}
			var finals []string
			audio := append(clip(t, name), make([]float32, c.silence)...)
			for s, err := range m.Listen(context.Background(), &mike{samples: audio}, Params{}) {
				if err != nil {
					t.Fatal(err)
				}
				if s.Final {
					finals = append(finals, s.Text)
				}
			}
			want, got := words(texts[name]), words(strings.Join(finals, " "))
			a, b := distance(want, got), distance(want, words(ref.Beam5))
			total, ours, theirs = total+len(want), ours+a, theirs+b
			t.Logf("%s, %s: %d (reference %d): %s", c.name, name, a, b, finals)
		}
		rate := func(n int) float64 { return 100 * float64(n) / float64(total) }
		t.Logf("%s: word error rate %.2f%%, reference %.2f%%, of %d words", c.name, rate(ours), rate(theirs), total)
		if rate(ours) > rate(theirs)+c.worse {
			t.Errorf("%s: word error rate %.2f%%, the reference's %.2f%%", c.name, rate(ours), rate(theirs))
		}
	}
}

// TestListenSoft: soft speech from a telephone is heard in dictation as well.
func TestListenSoft(t *testing.T) {
	m := openBase(t)
	samples := append(peakAt(telephone(clip(t, "librivox_0930.wav")), -46), make([]float32, SampleRate)...)
	said := ""
	for s, err := range m.Listen(t.Context(), &mike{samples: samples}, Params{Language: "en"}) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Final {
			said += " " + s.Text
		}
	}
	if want := words("he might even have been made amiable himself"); distance(want, words(said)) > 1 {
		t.Errorf("heard %q", said)
	}
}

// TestShortSpeechIsHeardWithWhatFollows: words of which the network writes nothing, when it hears them alone, are in the text of what
// is said soon after them.
func TestShortSpeechIsHeardWithWhatFollows(t *testing.T) {
	m := openBase(t)
	said := func(rest []float32) (text string) {
		words := clip(t, "jfk.wav")[325*SampleRate/100 : 430*SampleRate/100] // "ask not"
		audio := slices.Concat(make([]float32, SampleRate), words, make([]float32, 8*SampleRate/10), rest, make([]float32, SampleRate))
		for s, err := range m.Listen(context.Background(), &mike{samples: audio}, Params{}) {
			if err != nil {
				t.Fatal(err)
			}
			if s.Final {
				text += " " + s.Text
			}
		}
		return text
	}
	if text := said(nil); text != "" {
		t.Logf("alone the words are heard as %q", text)
	}
	if text := strings.ToLower(said(clip(t, "jfk.wav")[8*SampleRate:])); !strings.Contains(text, "ask not") || !strings.Contains(text, "you can do") {
		t.Errorf("heard %q", text)
	}
}
