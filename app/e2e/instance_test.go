package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"soberano/app/store"
)

// active returns the window with the focus.
func (d *desktop) active() string {
	out, _ := d.try("xdotool", "getactivewindow")
	return strings.TrimSpace(out)
}

// windows returns the visible windows of the program.
func (d *desktop) windows() []string {
	out, _ := d.try("xdotool", "search", "--onlyvisible", "--name", "^Soberano$")
	return strings.Fields(out)
}

// TestOneWindow starts the program again while its window is behind another one, and while it is minimized: the window is raised and
// gets the file, and there is no second one. A program that was killed is in nobody's way.
func TestOneWindow(t *testing.T) {
	needs(t, "xterm")
	d := startDesktop(t)
	home := filepath.Join(d.dir, "data")
	d.env = append(d.env, "SOBERANO_HOME="+home)
	s := d.start(home, "one.log")
	clip := filepath.Join(root(t), "asr", "testdata", "audio", "jfk.wav")
	d.background(exec.Command("xterm", "-T", "terminal", "-geometry", "150x50"), "")
	d.front("^terminal$")
	if d.active() == s.id {
		t.Fatal("the terminal is not in front")
	}
	d.shot("one-window-0-behind")
	d.run(program(t, "soberano"), clip)
	d.until("the window in front", func() bool { return d.active() == s.id })
	d.until("the file in the list", func() bool {
		db, err := store.Open(filepath.Join(home, "conversations.db"))
		if err != nil {
			return false
		}
		defer db.Close()
		list, err := db.Transcripts()
		return err == nil && len(list) == 1 && list[0].Path == clip
	})
	d.shot("one-window-1-raised")
	d.run("xdotool", "windowminimize", "--sync", s.id)
	d.run(program(t, "soberano"))
	d.until("the window back", func() bool { return d.active() == s.id })
	if list := d.windows(); len(list) != 1 || list[0] != s.id {
		t.Errorf("the windows are %q, the first was %s", list, s.id)
	}
	if out := d.run(program(t, "soberano"), "models", "list"); strings.Contains(out, "rror") {
		t.Errorf("the command line says %q", out)
	}
	other := exec.Command(program(t, "soberano"))
	d.env = append(d.env, "SOBERANO_HOME="+filepath.Join(d.dir, "other data"))
	d.background(other, "other.log")
	d.until("a window for another data folder", func() bool { return len(d.windows()) == 2 })
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	d.until("the end of the killed program", func() bool { return len(d.windows()) == 0 })
	s = d.start(home, "again.log")
	s.quit()
}
