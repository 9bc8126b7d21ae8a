package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"soberano/app/logfile"
	"soberano/app/settings"
	"soberano/models/defaults"
)

// editor is another program: a window that writes its text to a file.
const editor = `import sys, gi
gi.require_version("Gtk", "3.0")
from gi.repository import Gtk
w = Gtk.Window(title="editor")
w.set_default_size(500, 200)
v = Gtk.TextView()
def changed(b):
    open(sys.argv[1], "w").write(b.get_text(b.get_start_iter(), b.get_end_iter(), False))
v.get_buffer().connect("changed", changed)
w.add(v)
w.show_all()
Gtk.main()
`

// front brings a window to the front and waits until it has the focus.
func (d *desktop) front(name string) {
	d.t.Helper()
	d.until("the window "+name, func() bool {
		out, err := d.try("xdotool", "search", "--onlyvisible", "--name", name)
		ids := strings.Fields(out)
		if err != nil || len(ids) == 0 {
			return false
		}
		_, err = d.try("xdotool", "windowactivate", "--sync", ids[len(ids)-1])
		return err == nil
	})
	time.Sleep(500 * time.Millisecond)
}

func (d *desktop) copied(text string) {
	d.t.Helper()
	cmd := exec.Command("xclip", "-selection", "clipboard", "-quiet")
	cmd.Stdin = strings.NewReader(text)
	d.background(cmd, "")
	d.until("the clipboard", func() bool { return d.clipboard() == text })
}

func (d *desktop) clipboard() string {
	out, _ := d.try("timeout", "5", "xclip", "-o", "-selection", "clipboard")
	return out
}

func content(path string) string {
	b, _ := os.ReadFile(path)
	return string(b)
}

// TestDictationIntoOtherPrograms dictates with keys that are held while another program has the focus, and with
// `soberano dictate --toggle` with and without an open window. Each time the text must arrive and the clipboard be unchanged.
func TestDictationIntoOtherPrograms(t *testing.T) {
	needs(t, "xterm")
	whisper := defaults.Need(t, "whisper-base")
	d := startDesktop(t)
	home := filepath.Join(d.dir, "data")
	d.env = append(d.env, "SOBERANO_HOME="+home, "XDG_SESSION_TYPE=x11", "WAYLAND_DISPLAY=")
	d.run(program(t, "soberano-cli"), "models", "import", "--link", whisper)
	if err := settings.Save(home, settings.Values{Hotkey: "F9", Language: "en"}); err != nil {
		t.Fatal(err)
	}
	clip := filepath.Join(root(t), "asr", "testdata", "audio", "librivox_0930.wav")

	s := d.start(home, "outside.log")
	typed := filepath.Join(d.dir, "typed")
	d.write("editor.py", editor)
	d.background(exec.Command("/usr/bin/python3", filepath.Join(d.dir, "editor.py"), typed), "editor.log")
	d.copied("kept, wörtlich")
	d.front("^editor$")
	alone := d.listeners()
	d.run("xdotool", "keydown", "F9")
	d.until("the program to listen", func() bool { return d.listeners() > alone })
	time.Sleep(200 * time.Millisecond)
	d.shot("dictation-0-listening")
	d.play(clip)
	d.shot("dictation-1-other-program")
	d.run("xdotool", "keyup", "F9")
	d.until("the words in the other program", func() bool { return strings.Contains(content(typed), "amiable himself. ") })
	d.until("the clipboard as before", func() bool { return d.clipboard() == "kept, wörtlich" })
	d.shot("dictation-2-pasted")
	if said := content(typed); !strings.HasPrefix(said, "He might even") {
		t.Errorf("typed %q", said)
	}

	lines := filepath.Join(d.dir, "lines")
	d.background(exec.Command("xterm", "-T", "terminal", "-e", "sh", "-c", "stty -icanon; cat > "+lines), "xterm.log")
	d.front("^terminal$")
	toggle := func() string { return d.run(program(t, "soberano"), "dictate", "--toggle") }
	toggle()
	d.until("the program to listen", func() bool { return d.listeners() > alone })
	d.play(clip)
	toggle()
	d.until("the words in the terminal", func() bool { return strings.HasSuffix(content(lines), " ") })
	if said := strings.TrimSpace(content(lines)); said != "He might even have been made amiable himself." {
		t.Errorf("the terminal got %q", said)
	}
	d.front("^Soberano$")
	s.quit()

	// Without a window the first call dictates in its own process, and the second one ends that.
	os.Remove(typed)
	d.copied("copied later")
	d.front("^editor$")
	d.background(exec.Command(program(t, "soberano"), "dictate", "--toggle", "-l", "en"), "toggle.log")
	d.until("the program to listen", func() bool { return d.listeners() > alone })
	d.play(clip)
	toggle()
	d.until("the words in the other program", func() bool {
		return strings.Count(content(typed), "made amiable himself.") == 2
	})
	d.until("the clipboard as before", func() bool { return d.clipboard() == "copied later" })
	if left, _ := filepath.Glob(filepath.Join(home, "dictation", "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	d.unplugs(home)
}

// unplugs ends the sound server while a terminal dictates: the program says what happened, and the messages of PortAudio are in the
// log.
func (d *desktop) unplugs(home string) {
	d.t.Helper()
	alone := d.listeners()
	before := len(content(filepath.Join(home, logfile.Name)))
	cmd := d.background(exec.Command(program(d.t, "soberano"), "dictate"), "unplugged.log")
	d.until("the program to listen", func() bool { return d.listeners() > alone })
	time.Sleep(time.Second)
	d.sound.Process.Kill()
	if err := cmd.Wait(); err == nil {
		d.t.Error("a dictation without a microphone ended well")
	}
	if said := d.log("unplugged.log"); !strings.Contains(said, "default") || strings.Contains(said, "Expression") || strings.Contains(said, "ALSA lib") {
		d.t.Errorf("on the terminal:\n%s", said)
	}
	if logged := content(filepath.Join(home, logfile.Name))[before:]; !strings.Contains(logged, "pa_linux_alsa.c") {
		d.t.Errorf("in the log:\n%s", logged)
	}
}
