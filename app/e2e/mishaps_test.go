package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"soberano/app/store"
	"soberano/models/defaults"
)

// chats creates conversations, and returns how many are listed.
func chats(t *testing.T, home string, add int) int {
	t.Helper()
	s, err := store.Open(filepath.Join(home, "conversations.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range add {
		c, err := s.New()
		if err == nil {
			_, err = s.Append(store.Message{Conversation: c.ID, Role: store.User, Content: fmt.Sprintf("Chat number %d", i+1)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.Conversations()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range list {
		if c.Messages > 0 {
			n++
		}
	}
	return n
}

// TestDeleteHeld holds Delete for three seconds in the list of chats: one chat goes into the trash.
func TestDeleteHeld(t *testing.T) {
	d := startDesktop(t)
	home := filepath.Join(d.dir, "data")
	chats(t, home, 60)
	s := d.start(home, "held.log")
	d.key("ctrl+k")
	time.Sleep(300 * time.Millisecond)
	d.key("Down", "Down")
	d.shot("held-0-before")
	d.run("xdotool", "keydown", "Delete", "sleep", "3", "keyup", "Delete")
	d.until("a chat to be deleted", func() bool { return chats(t, home, 0) < 60 })
	time.Sleep(time.Second)
	d.shot("held-1-after")
	if n := chats(t, home, 0); n != 59 {
		t.Errorf("%d of 60 chats are left", n)
	}
	d.key("Delete", "Delete")
	d.until("two more to be deleted", func() bool { return chats(t, home, 0) == 57 })
	s.quit()
}

// TestSendWhileDictating presses Enter with the last word: the whole message is sent. A recording is seen on the page of the models
// and goes on there.
func TestSendWhileDictating(t *testing.T) {
	whisper := defaults.Need(t, "whisper-base")
	d := startDesktop(t)
	home := filepath.Join(d.dir, "data")
	include := exec.Command(program(t, "soberano-cli"), "models", "import", "--link", whisper)
	include.Env = append(include.Environ(), "SOBERANO_HOME="+home)
	if out, err := include.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := d.start(home, "sending.log")
	alone := d.listeners()
	d.key("ctrl+l")
	time.Sleep(500 * time.Millisecond)
	d.key("ctrl+space")
	d.until("the program to listen", func() bool { return d.listeners() > alone })
	d.shot("sending-0-speak-on-models")
	d.key("ctrl+l")
	time.Sleep(500 * time.Millisecond)
	d.play(filepath.Join(root(t), "asr", "testdata", "audio", "jfk.wav"))
	d.shot("sending-1-recording-on-models")
	d.key("ctrl+t")
	d.key("Escape")
	time.Sleep(300 * time.Millisecond)
	d.key("ctrl+End", "Return")
	d.shot("sending-2-pending")
	d.until("the message", func() bool { return len(messages(t, home)) > 0 })
	time.Sleep(500 * time.Millisecond)
	d.shot("sending-3-sent")
	m := messages(t, home)
	if !strings.Contains(m[0].Content, "fellow Americans") || !strings.Contains(m[0].Content, "can do for your country") {
		t.Errorf("sent: %q", m[0].Content)
	}
	if left := draft(t, home); left != "" {
		t.Errorf("the draft is %q", left)
	}
	s.quit()
}
