package asr

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"soberano/asr/whisper"
)

// TestShortWords: single words between pauses are written, in dictation and of a file, although the network is unsure whether
// anybody speaks; a hum that detection takes for speech gives no text, and dictation reports it.
func TestShortWords(t *testing.T) {
	m := openBase(t)
	silent := func(d time.Duration) []float32 { return make([]float32, samplesOf(d)) }
	two, hum, word := caseClip(t, "two_espeak.flac"), caseClip(t, "hum_mm.flac"), caseClip(t, "go_espeak.flac")
	audio := slices.Concat(silent(time.Second), hum, silent(3*time.Second), two, silent(3*time.Second), word, silent(2*time.Second))
	from := time.Second
	var texts []string
	var left []Unheard
	for s, err := range m.Listen(t.Context(), &mike{samples: audio}, Params{Unheard: func(u Unheard) { left = append(left, u) }}) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Final {
			texts = append(texts, strings.Join(words(s.Text), " "))
		}
	}
	if !slices.Equal(texts, []string{"two", "go"}) && !slices.Equal(texts, []string{"2", "go"}) {
		t.Errorf("heard %q", texts)
	}
	if len(left) != 1 || left[0].Reason != Unclear || left[0].Start > from || left[0].End < from+duration(len(hum))/2 {
		t.Errorf("reported is %+v; the hum begins at %v", left, from)
	}
	if got := words(text(transcribe(t, m, two, Params{}))); len(got) != 1 || got[0] != "two" && got[0] != "2" {
		t.Errorf("of the file: %q", got)
	}
	if got := text(transcribe(t, m, hum, Params{})); got != "" {
		t.Errorf("of a hum: %q", got)
	}
}

// TestSpeechWithoutText: speech for which the network wrote nothing is heard again with an utterance that follows soon, and else
// by itself once it is certain that none does.
func TestSpeechWithoutText(t *testing.T) {
	said := func(from, to int) (p []piece) {
		for i := from; i < to; i++ {
			x := piece{at: int64(i), samples: make([]float32, chunk)}
			if i >= from+16 && i < to-9 {
				x.voice, x.level = 0.95, -20
			}
			p = append(p, x)
		}
		return p
	}
	first, soon, late := said(100, 140), said(150, 200), said(260, 300)
	at := func(c *capture, next int64) *capture { c.seg.next = next; return c }
	unheard := func() *capture {
		c := newCapture(nil)
		c.finished = [][]piece{first}
		if apart := c.drop(false); apart != nil {
			t.Fatalf("%d stretches are apart", len(apart))
		}
		return c
	}
	if c := at(unheard(), 180); c.apart() != nil {
		t.Error("heard by itself while an utterance may follow")
	}
	if c := at(unheard(), 140+belongTogether); len(c.apart()) != len(first) || c.apart() != nil {
		t.Error("not heard by itself, once, when nothing follows")
	}
	ended := unheard()
	if ended.err = io.EOF; len(ended.apart()) != len(first) {
		t.Error("not heard by itself at the end")
	}
	c := unheard()
	c.finished = [][]piece{soon}
	if both, _, _ := c.state(); c.apart() != nil || len(both) <= len(soon) || both[0].at <= first[0].at {
		t.Errorf("%d pieces are heard together", len(both))
	}
	if c.missing([]whisper.Segment{{Text: "Both.", End: 4 * time.Second}}) != nil || c.missing([]whisper.Segment{{Text: "Second.", Start: 2500 * time.Millisecond, End: 4 * time.Second}}) == nil {
		t.Error("it is not seen whether the text covers both")
	}
	if apart := c.drop(false); len(apart) != 1 || len(apart[0]) != len(first) || len(c.apart()) != 0 || len(c.unheard) != len(soon) {
		t.Errorf("of two without text %d are heard by themselves at once", len(apart))
	}
	c = unheard()
	c.finished = [][]piece{late}
	if p, _, _ := c.state(); len(p) != len(late) || len(c.apart()) != len(first) {
		t.Error("heard with an utterance that comes too late")
	}
	c = newCapture(nil)
	c.finished = [][]piece{said(0, 400)}
	if len(c.drop(false)) != 1 {
		t.Error("long speech without text is forgotten")
	}
}
