package voice

import (
	"context"
	"iter"
	"slices"
	"testing"
	"time"

	"soberano/asr"
)

// unclearOnce is a speech model that gives no text for the second second of the first dictation.
type unclearOnce struct {
	params []asr.Params
	heard  []int // samples of each dictation
}

func (u *unclearOnce) listen(ctx context.Context, src asr.Live, p asr.Params) iter.Seq2[asr.Segment, error] {
	return func(yield func(asr.Segment, error) bool) {
		u.params, u.heard = append(u.params, p), append(u.heard, 0)
		this := len(u.heard) - 1
		read := func(n int) {
			for err := error(nil); err == nil && u.heard[this] < n; {
				var k int
				k, err = src.Read(ctx, make([]float32, min(1600, n-u.heard[this])))
				u.heard[this] += k
			}
		}
		read(3 * asr.SampleRate)
		text := "a guess"
		if this == 0 {
			text = "later"
			p.Unheard(asr.Unheard{Start: time.Second, End: 2 * time.Second, Reason: asr.Unclear})
		}
		if yield(asr.Segment{Text: text, End: duration(u.heard[this]), Final: true, Language: "de", Sure: 0.9}, nil) {
			read(1 << 40)
		}
	}
}

func duration(samples int) time.Duration {
	return time.Duration(samples) * time.Second / asr.SampleRate
}

// Speech without text is kept when later text has been stored, and can be transcribed again, with guesses.
func TestUnclear(t *testing.T) {
	u := &unclearOnce{}
	s := newTestTalk(t, u.listen, nil)
	var kept []*Kept
	s.OnUnclear = func(k *Kept) { kept = append(kept, k) }
	s.Press()
	s.until(func() bool { return len(s.final) == 1 })
	s.now = s.now.Add(time.Second)
	s.Release()
	s.until(func() bool { return s.State() == Idle })
	want := time.Second + 2*aroundUnclear
	if len(kept) != 1 || s.err != nil || len(files(t, s.Tapes)) != 1 || kept[0].Length() != want || duration(len(kept[0].Sound())) != want {
		t.Fatalf("kept are %v, error %v, files %v", kept, s.err, files(t, s.Tapes))
	}
	if p := u.params[0]; p.MinLogprob != 0 || p.Likely != "fr" {
		t.Errorf("the first dictation has %+v", p)
	}
	s.Retry(kept[0])
	s.until(func() bool { return s.State() == Idle })
	if p := u.params[1]; !slices.Equal(s.final, []string{"later", "a guess"}) || p.MinLogprob != guessLogprob || p.Likely != "de" || duration(u.heard[1]) != want {
		t.Errorf("texts %q, again with %+v and %v of sound", s.final, p, duration(u.heard[1]))
	}
	if len(s.Kept()) != 0 || len(files(t, s.Tapes)) != 0 {
		t.Errorf("left are %v, %v", s.Kept(), files(t, s.Tapes))
	}
}

// What could not be understood in a dictation that was discarded is not kept.
func TestUnclearAndDiscarded(t *testing.T) {
	u := &unclearOnce{}
	s := newTestTalk(t, u.listen, nil)
	s.OnUnclear = func(k *Kept) { t.Errorf("%v is kept", k.Length()) }
	s.Press()
	s.until(func() bool { return len(s.final) == 1 })
	s.Discard()
	s.until(func() bool { return len(s.running) == 0 })
	if len(files(t, s.Tapes)) != 0 {
		t.Errorf("left are %v", files(t, s.Tapes))
	}
}
