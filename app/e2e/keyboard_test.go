package e2e

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"soberano/app/store"
)

// size returns the size of the window in pixels.
func (s *session) size() (width, height int) {
	s.t.Helper()
	found := map[string]int{}
	for _, line := range strings.Split(s.run("xdotool", "getwindowgeometry", "--shell", s.id), "\n") {
		name, value, _ := strings.Cut(line, "=")
		if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
			found[name] = n
		}
	}
	return found["WIDTH"], found["HEIGHT"]
}

// TestByKeyboard writes and sends a message with the keyboard alone: Tab leads from the entry to the microphone and to Send, which
// Space presses; after Escape, and after a click beside everything, what is typed is in the entry.
func TestByKeyboard(t *testing.T) {
	d := startDesktop(t)
	home := filepath.Join(d.dir, "data")
	s := d.start(home, "keyboard.log")
	time.Sleep(time.Second)
	d.text("A message")
	d.key("Tab", "Tab")
	d.shot("keyboard-1-send")
	d.key("space")
	d.until("the message to be stored", func() bool { return len(messages(t, home)) == 1 })
	if m := messages(t, home)[0]; m.Role != store.User || m.Content != "A message" {
		t.Errorf("stored is %+v", m)
	}
	d.key("Escape")
	d.text("one")
	s.at(point{620, 420})
	d.text(" two")
	d.key("ctrl+comma")
	time.Sleep(500 * time.Millisecond)
	d.text("lost")
	d.key("Tab", "Escape")
	d.text(" three")
	d.until("the draft", func() bool { return draft(t, home) == "one two three" })
	d.shot("keyboard-2-typed")
	s.quit()
}

// TestWindowIsKept checks that the window opens with the size that it had, and that at double scale it fits on the screen with
// everything in it.
func TestWindowIsKept(t *testing.T) {
	d := startDesktop(t)
	home := filepath.Join(d.dir, "data")
	s := d.start(home, "size.log")
	s.run("xdotool", "windowsize", "--sync", s.id, "900", "640")
	time.Sleep(2 * time.Second)
	s.quit()
	s = d.start(home, "size-again.log")
	if w, h := s.size(); w != 900 || h != 640 {
		t.Errorf("the window was 900 × 640 and opens with %d × %d", w, h)
	}
	d.shot("size-1-again")
	s.quit()

	d.env = append(d.env, "FYNE_SCALE=2")
	s = d.start(filepath.Join(d.dir, "other"), "scale.log")
	time.Sleep(time.Second)
	if w, h := s.size(); w > 1280 || h > 800 {
		t.Errorf("at double scale the window is %d × %d, the screen 1280 × 800", w, h)
	}
	d.text("At double scale")
	time.Sleep(time.Second)
	d.shot("size-2-scale")
	s.quit()
}
