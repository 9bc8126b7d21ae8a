package voice

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"soberano/asr"
	"soberano/asr/mic"
	"soberano/asr/wording"
)

// session is one dictation, in goroutines of its own: it opens the microphone, fills the tape and transcribes it. A discarded
// session changes nothing any more.
type session struct {
	ctx       context.Context
	cancel    context.CancelFunc
	finish    chan struct{} // closed to end the recording
	done      chan struct{}
	place     Place
	tape      *tape
	kept      bool // the tape is complete: no microphone is used
	discarded atomic.Bool
	whole     bool  // all that was recorded has been transcribed; known when the session has ended
	again     bool  // it is discarded, and may be transcribed once more; set before discarded
	unkept    int   // texts that the place has not kept yet; for the UI goroutine
	unclear   *tape // speech that could not be understood; nil: none. For the goroutine of the session, and when that has ended for the UI goroutine
	empty     bool  // nothing can be said in the audio without text; known when the session has ended with an error
}

// start begins a dictation from the microphone, or from an existing tape.
func (t *Talk) start(place Place, kept *tape) {
	if place == nil {
		place = t.Begin()
	}
	s := &session{finish: make(chan struct{}), done: make(chan struct{}), place: place, tape: kept, kept: kept != nil}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	t.session, t.place, t.language, t.lost, t.err = s, place, "", false, nil
	t.running = append(t.running, s)
	if s.kept {
		close(s.finish)
		t.set(Finishing)
	} else {
		t.set(Opening)
	}
	go t.run(s, t.params(kept), t.Words())
}

// post runs f on the UI goroutine, unless the session was discarded or replaced meanwhile.
func (t *Talk) post(s *session, f func()) {
	t.Post(func() {
		if t.session == s {
			f()
		}
	})
}

func (t *Talk) run(s *session, p asr.Params, words wording.Options) {
	defer close(s.done)
	defer s.cancel()
	var err error
	if s.kept {
		err = t.listen(s, p, words)
	} else {
		err = t.record(s, p, words)
	}
	t.end(s, err)
}

// record opens the microphone and transcribes what it records.
func (t *Talk) record(s *session, p asr.Params, words wording.Options) error {
	source, err := t.Open()
	if err != nil {
		return err
	}
	t.post(s, func() {
		t.began = t.Now()
		if t.state == Opening {
			t.set(Recording)
		}
	})
	s.tape = newTape(t.Tapes)
	closed, pumped := make(chan error, 1), make(chan struct{})
	go func() { closed <- t.watch(s, source) }()
	go func() {
		defer close(pumped)
		s.tape.pump(s.ctx, source)
	}()
	err = t.listen(s, p, words)
	if s.whole = err == nil; s.whole {
		err = muted(source)
	}
	s.cancel()
	closeErr := <-closed
	<-pumped
	if err == nil && closeErr != nil { // otherwise both errors report the same loss of the microphone
		err = &ClosingError{closeErr}
	}
	return err
}

// muted returns the error of a microphone that gave no sound, or nil.
func muted(m Microphone) error {
	if m, ok := m.(interface{ Muted() error }); ok {
		return m.Muted()
	}
	return nil
}

// watch reports the level, and closes the microphone when the recording is to end.
func (t *Talk) watch(s *session, source Microphone) error {
	tick := time.NewTicker(t.Every)
	defer tick.Stop()
	warned := false
	for {
		select {
		case <-s.ctx.Done():
			return source.Close()
		case <-s.finish:
			return source.Close()
		case <-tick.C:
			level := source.Level()
			m, ok := source.(interface{ Overflows() int })
			lost := ok && m.Overflows() > 0
			if err := muted(source); err != nil && !warned {
				warned = true
				t.post(s, func() {
					if t.OnProblem != nil && t.state == Recording {
						t.OnProblem(err, nil)
					}
				})
			}
			t.post(s, func() {
				if lost && !t.lost {
					t.lost = true
					t.set(t.state)
				}
				if t.OnLevel != nil && t.state == Recording {
					t.OnLevel(level, t.Now().Sub(t.began))
				}
			})
		}
	}
}

func (t *Talk) listen(s *session, p asr.Params, words wording.Options) error {
	p.Unheard = func(u asr.Unheard) { s.keepUnclear(u, t.Tapes) }
	for seg, err := range t.Listen(s.ctx, s.tape, p) {
		if err != nil {
			return err
		}
		t.post(s, func() { t.heard(s, seg, words) })
	}
	return nil
}

// heard takes over a segment, on the UI goroutine.
func (t *Talk) heard(s *session, seg asr.Segment, words wording.Options) {
	if seg.Language != "" {
		t.language = asr.LanguageName(seg.Language)
	}
	if !seg.Final {
		s.place.Partial(seg.Text, seg.Stable)
		return
	}
	if seg.Sure >= surely {
		t.spoken = seg.Language
	}
	s.place.Partial("", 0)
	until := s.tape.sample(seg.End)
	text := wording.Apply(strings.TrimSpace(seg.Text), seg.Language, words)
	if text == "" {
		s.tape.landed(until)
		return
	}
	s.unkept++
	s.place.Final(text, func() { t.keptText(s, until) })
}

// keptText drops the audio of a text that the place has kept, up to a sample, and the tape after the last text.
func (t *Talk) keptText(s *session, until int) {
	s.unkept--
	s.tape.landed(until)
	i := slices.Index(t.writing, s)
	if i < 0 || s.unkept > 0 {
		return
	}
	t.writing = slices.Delete(t.writing, i, i+1)
	t.report(s.tape.drop())
}

// end closes the tape and reports the error, unless the session was discarded or replaced.
func (t *Talk) end(s *session, err error) {
	switch discarded := s.discarded.Load(); {
	case s.tape == nil:
	case discarded && !s.again: // immediately, since the window may be closing
		err = errors.Join(err, s.tape.drop())
		if s.unclear != nil {
			err = errors.Join(err, s.unclear.drop())
			s.unclear = nil
		}
	default:
		s.empty = (discarded || err != nil) && s.tape.empty(discarded || errors.Is(err, ErrNoModel))
	}
	t.Post(func() {
		for i, r := range t.running {
			if r == s {
				t.running = append(t.running[:i], t.running[i+1:]...)
				break
			}
		}
		if s.discarded.Load() {
			t.settleDiscarded(s)
			t.offerUnclear(s)
			return
		}
		defer t.offerUnclear(s)
		failure := err
		if _, ok := errors.AsType[*ClosingError](err); ok {
			failure = nil
		}
		kept, e := t.settle(s, err)
		if err == nil {
			err = e
		}
		if t.session != s {
			return
		}
		t.session, t.err = nil, failure
		s.place.Partial("", 0)
		s.place.End()
		t.set(Idle)
		if err != nil && t.OnProblem != nil {
			t.OnProblem(err, kept)
		}
	})
}

// isMuted reports whether err is that of a microphone without sound, of which there is nothing to try again.
func isMuted(err error) bool {
	e, ok := errors.AsType[*mic.Error](err)
	return ok && e.Kind == mic.Muted
}

// settleDiscarded keeps the tape of a dictation that was discarded, if it may be transcribed once more and something is said on it.
func (t *Talk) settleDiscarded(s *session) {
	if s.tape == nil || !s.again || s.empty || t.OnDiscard == nil {
		if s.tape != nil {
			t.report(s.tape.drop())
		}
		if s.again {
			tell(s.place, false)
		}
		return
	}
	s.tape.place = s.place
	k := &Kept{s.tape, true}
	t.kept = append(t.kept, k)
	t.OnDiscard(k)
}

// report reports a problem that loses no text.
func (t *Talk) report(err error) {
	if err != nil && t.OnProblem != nil {
		t.OnProblem(err, nil)
	}
}

// settle deletes the tape of a dictation that was written, once its texts are kept, and keeps the tape of one that
// failed before all of it was transcribed, if something may be said on it. If the microphone failed, everything it recorded has been written, so there is nothing to try again.
func (t *Talk) settle(s *session, err error) (*Kept, error) {
	if s.tape == nil {
		return nil, nil
	}
	source := s.tape.ended()
	if err == nil || s.whole || isMuted(err) || s.empty || !s.kept && source != nil && errors.Is(err, source) && !errors.Is(err, context.Canceled) {
		if s.unkept > 0 {
			t.writing = append(t.writing, s)
			return nil, nil
		}
		return nil, s.tape.drop()
	}
	s.tape.place = s.place
	k := &Kept{s.tape, false}
	t.kept = append(t.kept, k)
	return k, nil
}
