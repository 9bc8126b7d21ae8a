package shell

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"soberano/asr"
	"soberano/asr/audio"
)

// speech returns what somebody says.
func speech(t *testing.T) (all []float32) {
	t.Helper()
	src, err := audio.Open(filepath.Join("..", "..", "asr", "testdata", "audio", "goforward.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for p := make([]float32, 4096); err == nil; {
		var n int
		n, err = src.Read(p)
		all = append(all, p[:n]...)
	}
	return all
}

// tapes returns how many dictations are on the disk.
func (s *stage) tapes() int {
	list, err := os.ReadDir(filepath.Join(s.Data, "dictation"))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(list)
}

// discard dictates into the message, and presses Esc.
func (s *stage) discard() {
	s.t.Helper()
	s.chat.Talk.Press()
	s.chat.Talk.Release()
	s.recording()
	s.fakeSpeech.segments <- asr.Segment{Text: "Go forward"}
	s.q.until(s.t, "the words", func() bool { return strings.Contains(s.words(), "Go forward") })
	time.Sleep(200 * time.Millisecond) // of speech
	was := s.thrown
	s.press(fyne.KeyEscape, 0)
	s.silent()
	s.q.until(s.t, "what is kept", func() bool { return s.thrown != nil && s.thrown != was })
	s.expect(s.words(), "The dictation was discarded.")
}

// What Esc has discarded is brought back by Undo and by Ctrl+Z, at its place, and is deleted otherwise.
func TestDiscardedDictation(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.sound = speech(t)
	e := s.chat.Composer.Entry
	e.SetText("Please , robot.")
	e.SetCaret(7)
	s.discard()
	if e.Text != "Please , robot." || strings.Contains(s.words(), "Go forward") {
		t.Errorf("after Esc the entry holds %q:\n%s", e.Text, s.words())
	}
	s.shot("dictation-discarded-light")
	s.press(fyne.KeyHome, 0)
	e.TypedShortcut(&fyne.ShortcutUndo{})
	s.silent()
	if want := "Please and that is all., robot."; e.Text != want {
		t.Errorf("after Ctrl+Z the entry holds %q, want %q", e.Text, want)
	}
	if w := s.words(); strings.Contains(w, "discarded.") || s.tapes() != 0 {
		t.Errorf("%d recordings are left:\n%s", s.tapes(), w)
	}

	e.SetText("")
	s.discard()
	e.TypedRune('x')
	e.TypedShortcut(&fyne.ShortcutUndo{})
	if e.Text != "" || s.thrown == nil {
		t.Errorf("Ctrl+Z does not undo what was typed since: %q", e.Text)
	}
	s.tabTo("Undo")
	s.press(fyne.KeyReturn, 0)
	s.silent()
	if e.Text != "and that is all." {
		t.Errorf("after Undo the entry holds %q", e.Text)
	}

	s.discard()
	first := s.thrown
	s.discard()
	if n := s.tapes(); n != 1 || s.thrown == first {
		t.Errorf("%d recordings are kept of two", n)
	}
	s.forgetDiscarded()
	if w := s.words(); strings.Contains(w, "discarded.") || s.tapes() != 0 {
		t.Errorf("%d recordings are left:\n%s", s.tapes(), w)
	}
}

// A dictation that is discarded while its message waits for the last words comes back into the entry.
func TestDiscardedWhileSending(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.sound = speech(t)
	s.fakeSpeech.hold = make(chan struct{}, 2)
	e := s.chat.Composer.Entry
	e.SetText("Robot:")
	e.ToEnd()
	s.chat.Talk.Press()
	s.chat.Talk.Release()
	s.recording()
	time.Sleep(200 * time.Millisecond) // of speech
	s.press(fyne.KeyReturn, 0)
	s.press(fyne.KeyEscape, 0) // the message is not sent
	s.press(fyne.KeyEscape, 0)
	s.silent()
	s.q.until(t, "the card", func() bool { return s.thrown != nil })
	if e.Text != "Robot:" || s.texts() != "" {
		t.Fatalf("the entry holds %q, sent is %q", e.Text, s.texts())
	}
	s.fakeSpeech.hold <- struct{}{}
	s.undiscard()
	s.silent()
	if e.Text != "Robot: and that is all." || s.texts() != "" {
		t.Errorf("the entry holds %q, sent is %q", e.Text, s.texts())
	}
}
