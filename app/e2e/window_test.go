package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"soberano/app/host"
	"strconv"
	"strings"
	"testing"
	"time"

	"soberano/app/logfile"
	"soberano/app/settings"
	"soberano/app/store"
	"soberano/models/defaults"
	"soberano/models/registry"
)

// Positions in a window of 1200 × 760, from its upper left corner.
var (
	microphone   = point{991, 713}
	useForChat   = point{440, 595}
	middle       = point{620, 300}
	secondInList = point{120, 228}
	thirdInList  = point{120, 263}
	entry        = point{500, 673}
)

type point struct{ x, y int }

// session is a run of the program on the desktop.
type session struct {
	*desktop
	cmd   *exec.Cmd
	home  string // its data folder
	log   string // what it writes
	id    string // of the window
	ended chan error
}

// start starts the program and waits for its window.
func (d *desktop) start(home, log string) *session {
	d.t.Helper()
	cmd := exec.Command(program(d.t, "soberano"))
	env := d.env
	d.env = append(append([]string{}, env...), "SOBERANO_HOME="+home)
	d.background(cmd, log)
	d.env = env
	s := &session{desktop: d, cmd: cmd, home: home, log: log, ended: make(chan error, 1)}
	was := ""
	d.until("the window to stand still", func() bool {
		out, err := d.try("xdotool", "search", "--onlyvisible", "--name", "^Soberano$")
		fields := strings.Fields(out)
		if err != nil || len(fields) == 0 {
			return false
		}
		id := fields[len(fields)-1] // it may be the window of a program that has just ended
		if _, err = d.try("xdotool", "windowactivate", "--sync", id); err != nil {
			return false
		}
		time.Sleep(500 * time.Millisecond)
		now, err := d.try("xdotool", "getwindowgeometry", id)
		still := err == nil && id == s.id && now == was
		s.id, was = id, now
		return still
	})
	return s
}

// at clicks at a point of the window.
func (s *session) at(p point) {
	s.t.Helper()
	s.run("xdotool", "mousemove", "--window", s.id, strconv.Itoa(p.x), strconv.Itoa(p.y), "sleep", "0.2", "click", "1")
}

// thread returns a picture of the messages, without their surroundings.
func (s *session) thread() string {
	s.t.Helper()
	return s.run("import", "-window", s.id, "-crop", "940x560+258+60", "rgb:-")
}

// quit closes the window as a user would, and expects a normal exit.
func (s *session) quit() {
	s.t.Helper()
	s.key("alt+F4")
	go func() { s.ended <- s.cmd.Wait() }()
	select {
	case err := <-s.ended:
		if err != nil {
			s.t.Errorf("the program ended badly: %v", err)
		}
	case <-time.After(patience):
		s.shot("does-not-quit")
		s.t.Fatal("the program does not end when its window is closed")
	}
	text := s.desktop.log(s.log) + content(filepath.Join(s.home, logfile.Name))
	for _, bad := range []string{"*** Error in Fyne call thread", "panic:", "fatal error:", "DATA RACE"} {
		if strings.Contains(text, bad) {
			s.t.Errorf("the program's log says %q:\n%s", bad, text)
		}
	}
}

// draft returns the stored text of a message that is not sent yet.
func draft(t *testing.T, home string) string {
	t.Helper()
	s, err := store.Open(filepath.Join(home, "conversations.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conversations, err := s.Conversations()
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, c := range conversations {
		text += c.Draft
	}
	return text
}

// messages reads the messages that the program has stored.
func messages(t *testing.T, home string) []store.Message {
	t.Helper()
	s, err := store.Open(filepath.Join(home, "conversations.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conversations, err := s.Conversations()
	if err != nil {
		t.Fatal(err)
	}
	var all []store.Message
	for _, c := range conversations {
		m, err := s.Messages(c.ID)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m...)
	}
	return all
}

// answers returns the answers that have ended.
func answers(t *testing.T, home string) (done []store.Message) {
	for _, m := range messages(t, home) {
		if m.Role == store.Assistant && m.State != store.Partial && m.State != store.Failed {
			done = append(done, m)
		}
	}
	return done
}

// TestAPersonUsesIt speaks a question, sees its text, sends it, sees the answer, drops a model, chooses it, asks again, quits,
// starts again, and sees the conversation.
func TestAPersonUsesIt(t *testing.T) {
	gemma := defaults.Need(t, "gemma3")
	defaults.Need(t, "smollm2")
	defaults.Need(t, "whisper-base")
	d := startDesktop(t)
	home := filepath.Join(d.dir, "data")
	include := exec.Command(program(t, "soberano-cli"), "models", "included", "smollm2-135m", "whisper-base")
	include.Env = append(os.Environ(), "SOBERANO_HOME="+home)
	if out, err := include.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	s := d.start(home, "first.log")
	d.shot("1-start")
	alone := d.listeners()
	s.at(microphone)
	d.until("the program to listen", func() bool { return d.listeners() > alone })
	d.play(filepath.Join(root(t), "asr", "testdata", "audio", "jfk.wav"))
	d.shot("2-speaking")
	s.at(microphone)
	d.until("the spoken words in the draft", func() bool {
		return strings.Contains(draft(t, home), "can do for your country")
	})
	s.at(entry)
	d.until("the spoken words in the entry", func() bool {
		words := d.selection()
		return strings.Contains(words, "fellow Americans") && strings.Contains(words, "can do for your country")
	})
	d.shot("3-spoken")
	d.text(" Who said this?")
	d.key("Return")
	d.until("the question to be stored", func() bool { return len(messages(t, home)) > 0 })
	if m := messages(t, home)[0]; m.Role != store.User || !strings.Contains(m.Content, "Who said this?") {
		t.Errorf("stored %+v", m)
	}
	d.shot("4-answering")
	asked := time.Now()
	d.until("the answer", func() bool {
		if time.Since(asked) > time.Minute {
			d.key("Escape") // an answer can be long, and the machine slow
		}
		return len(answers(t, home)) == 1
	})
	d.shot("5-answered")

	d.drop(s.id, middle, gemma)
	d.shot("6-dropped")
	added := ""
	d.until("the dropped model in the library", func() bool {
		lib, err := registry.Open(home, host.Check)
		if err != nil {
			return false
		}
		entries, _ := lib.List()
		for _, e := range entries {
			if e.Family == "gemma3" {
				added = e.Name
			}
		}
		return added != ""
	})
	time.Sleep(time.Second)
	d.shot("7-ready")
	d.until("the dropped model to be picked", func() bool {
		s.at(useForChat)
		time.Sleep(time.Second)
		v, err := settings.Load(home)
		return err == nil && v.ChatModel == added
	})
	d.key("ctrl+n")
	d.text("The capital of France is")
	d.key("Return")
	d.until("an answer of the dropped model", func() bool {
		for _, m := range messages(t, home) {
			if m.Role == store.Assistant && m.Model == added {
				return true
			}
		}
		return false
	})
	d.key("Escape")
	d.shot("8-other-model")
	d.until("the answer to end", func() bool {
		for _, m := range messages(t, home) {
			if m.State == store.Partial {
				return false
			}
		}
		return true
	})
	before := messages(t, home)
	other := s.thread()
	s.at(secondInList)
	shown := other
	d.until("the spoken conversation", func() bool {
		was := shown
		shown = s.thread()
		return shown != other && shown == was
	})
	s.quit()

	s = d.start(home, "second.log")
	d.until("the spoken conversation as it was", func() bool {
		s.at(thirdInList) // a new chat is at the top; the list appears after the window
		time.Sleep(time.Second)
		return s.thread() == shown
	})
	d.shot("9-again")
	if after := messages(t, home); len(after) != len(before) {
		t.Errorf("%d messages before, %d after the program was started again", len(before), len(after))
	}
	s.quit()
}

// TestWithoutModels checks that the window opens with an empty library and says what to do.
func TestWithoutModels(t *testing.T) {
	d := startDesktop(t)
	home := filepath.Join(d.dir, "data")
	s := d.start(home, "empty.log")
	time.Sleep(time.Second)
	d.shot("empty-library")
	broken := filepath.Join(d.dir, "broken model.gguf")
	if err := os.WriteFile(broken, []byte("GGUF\x03\x00\x00\x00 and then nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := s.thread()
	d.drop(s.id, middle, broken)
	d.until("a word about the broken file", func() bool { return s.thread() != before })
	time.Sleep(time.Second)
	d.shot("empty-broken-file")
	lib, err := registry.Open(home, host.Check)
	if err != nil {
		t.Fatal(err)
	}
	if entries, bad := lib.List(); len(entries)+len(bad) > 0 {
		t.Errorf("a broken file is in the library: %v %v", entries, bad)
	}
	s.quit()
}

// TestWithoutDisplay checks that without a display the chat starts in the terminal, with the same model.
func TestWithoutDisplay(t *testing.T) {
	home := t.TempDir()
	include := exec.Command(program(t, "soberano-cli"), "models", "import", "--link", defaults.Need(t, "smollm2"))
	include.Env = append(os.Environ(), "SOBERANO_HOME="+home)
	if out, err := include.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(program(t, "soberano"))
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DISPLAY=") && !strings.HasPrefix(v, "WAYLAND_DISPLAY=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "SOBERANO_HOME="+home)
	cmd.Stdin = strings.NewReader("List five fruits.\n/quit\n")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || len(strings.Fields(string(out))) < 2 {
		t.Errorf("%v: answered %q\n%s", err, out, said.String())
	}
	if !strings.Contains(said.String(), "terminal") {
		t.Errorf("it does not say why there is no window:\n%s", said.String())
	}
}
