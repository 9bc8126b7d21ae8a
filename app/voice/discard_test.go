package voice

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
)

// spoken is a microphone that gives a clip, and then silence.
type spoken struct {
	Microphone
	rest []float32
}

func (m *spoken) Read(ctx context.Context, p []float32) (int, error) {
	n := copy(p, m.rest)
	if m.rest = m.rest[n:]; n > 0 {
		return n, nil
	}
	return m.Microphone.Read(ctx, p)
}

// canceled returns a Talk of which a dictation with these sounds was canceled while partial text was shown, and what OnDiscard got.
func canceled(t *testing.T, sound []float32) (s *testTalk, got *[]*Kept) {
	t.Helper()
	s = newTestTalk(t, listen, nil)
	s.window.open = func() (Microphone, error) {
		s.opened.Add(1)
		return &spoken{&fakeMic{done: make(chan struct{}), closed: &s.closed}, slices.Clone(sound)}, nil
	}
	got = &[]*Kept{}
	s.OnDiscard = func(k *Kept) { *got = append(*got, k) }
	s.Press()
	s.until(func() bool {
		return s.partial != "" && s.session.tape.rest() > 0 && int(s.session.tape.rest().Seconds()*16000) >= len(sound)-1
	})
	s.Cancel()
	if s.State() != Idle || s.partial != "" || !errors.Is(s.Err(), ErrDiscarded) {
		t.Fatalf("after Cancel: %v, %q, %v", s.State(), s.partial, s.Err())
	}
	s.until(func() bool { return len(s.running) == 0 })
	return s, got
}

// A dictation that was canceled can be transcribed after all, at its place.
func TestCancelCanBeUndone(t *testing.T) {
	s, got := canceled(t, clip(t, "goforward.wav"))
	if len(*got) != 1 || len(s.Kept()) != 0 || s.err != nil || s.ended != 0 {
		t.Fatalf("kept %d, of which failed %d; %v", len(*got), len(s.Kept()), s.err)
	}
	if !s.Retry((*got)[0]) {
		t.Fatal("it can't be transcribed")
	}
	s.until(func() bool { return s.State() == Idle })
	if !slices.Equal(s.final, []string{"final words"}) || s.ended != 1 || s.Err() != nil || len(files(t, s.Tapes)) != 0 {
		t.Errorf("%q, ended %d times, %v, left %v", s.final, s.ended, s.Err(), files(t, s.Tapes))
	}
	if s.Retry((*got)[0]) {
		t.Error("it is transcribed a second time")
	}
}

// A dictation that was canceled leaves no file once it is forgotten, at the end of the program, and where nothing was said.
func TestCancelLeavesNothing(t *testing.T) {
	s, got := canceled(t, clip(t, "goforward.wav"))
	if err := s.Forget((*got)[0]); err != nil || len(files(t, s.Tapes)) != 0 {
		t.Errorf("forgotten: %v, left %v", err, files(t, s.Tapes))
	}
	s, _ = canceled(t, clip(t, "goforward.wav"))
	if err := s.Close(); err != nil || len(files(t, s.Tapes)) != 0 {
		t.Errorf("closed: %v, left %v", err, files(t, s.Tapes))
	}
	s, got = canceled(t, make([]float32, 32000))
	if len(*got) != 0 || len(files(t, s.Tapes)) != 0 {
		t.Errorf("silence: kept %d, left %v", len(*got), files(t, s.Tapes))
	}
	s = newTestTalk(t, listen, io.ErrClosedPipe)
	s.Press()
	s.Cancel() // before the microphone could not be opened
	s.until(func() bool { return len(s.running) == 0 })
	if s.err != nil {
		t.Errorf("told: %v", s.err)
	}
	s, _ = canceled(t, nil)
	s.Press()
	s.until(func() bool { return s.State() == Recording })
	s.Cancel() // the window is closed at once
	if err := s.Close(); err != nil || len(files(t, s.Tapes)) != 0 {
		t.Errorf("closed at once: %v, left %v", err, files(t, s.Tapes))
	}
}
