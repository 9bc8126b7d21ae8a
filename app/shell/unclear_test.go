package shell

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"soberano/app/transcribe"
)

// played is a loudspeaker that takes everything at once.
type played struct {
	samples int
	done    chan struct{}
}

func (p *played) Played() time.Duration { return 0 }
func (p *played) Done() <-chan struct{} { return p.done }
func (p *played) Err() error            { return nil }
func (p *played) Close() error          { return nil }

// What could not be understood is told; it can be played, and written as a guess, and then nothing is left of it.
func TestNotUnderstood(t *testing.T) {
	dir := t.TempDir()
	s := newStage(t, dir, smol, base)
	s.ready()
	sounds := make(chan int, 1)
	s.Play = func(a transcribe.Audio) (transcribe.Speaker, error) {
		p := &played{done: make(chan struct{})}
		for buf, err := make([]float32, 100), error(nil); err != io.EOF; {
			var n int
			n, err = a.Read(buf)
			p.samples += n
		}
		close(p.done)
		sounds <- p.samples
		return p, nil
	}
	s.fakeSpeech.unheard = true
	s.chat.Talk.Press()
	s.recording()
	s.q.until(t, "sound", func() bool {
		tapes, _ := filepath.Glob(filepath.Join(dir, "dictation", "*"))
		if len(tapes) == 0 {
			return false
		}
		st, err := os.Stat(tapes[0])
		return err == nil && st.Size() > 4000
	})
	s.chat.Talk.Finish()
	s.silent()
	s.expect(s.words(), "Something was said that could not be understood.", "Listen", "Write a guess", "Delete it")
	s.tap("Listen")
	if n := <-sounds; n == 0 {
		t.Error("nothing is played")
	}
	s.tap("Write a guess")
	s.silent()
	if words := s.words(); strings.Contains(words, "could not be understood") {
		t.Errorf("shown is\n%s", words)
	}
	if got := s.chat.Composer.Entry.Text; strings.Count(got, "and that is all.") != 2 {
		t.Errorf("the entry holds %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "dictation", "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
