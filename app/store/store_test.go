package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"soberano/app/problem"
)

func memory(t *testing.T) *Store {
	t.Helper()
	s, err := Memory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestConversationLives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep er", "conversations #1?.db")
	s := must(Open(path))(t)
	c := must(s.New())(t)
	if again := must(s.New())(t); again.ID != c.ID {
		t.Fatalf("an empty conversation is used again: got %d, want %d", again.ID, c.ID)
	}
	must(s.Append(Message{Conversation: c.ID, Role: User, Content: "\n  ## How do I sort people by age in Go, youngest first and then by name?\nThanks"}))(t)
	a := must(s.Append(Message{Conversation: c.ID, Role: Assistant, Content: "Use", State: Partial, Model: "smollm2"}))(t)
	a.Content, a.State, a.Tokens = "Use slices.SortFunc.", Complete, 42
	if err := errors.Join(s.Update(a), s.Draft(c.ID, "and then"), s.Close()); err != nil {
		t.Fatal(err)
	}

	s = must(Open(path))(t)
	defer s.Close()
	got := must(s.Conversation(c.ID))(t)
	if got.Title != "How do I sort people by age in Go, youngest…" || got.Draft != "and then" || got.Model != "smollm2" || got.Messages != 2 {
		t.Fatalf("got %+v", got)
	}
	messages := must(s.Messages(c.ID))(t)
	if m := messages[1]; m.Content != "Use slices.SortFunc." || m.State != Complete || m.Tokens != 42 {
		t.Fatalf("got %+v", m)
	}
	var md strings.Builder
	if _, err := s.Export(c.ID, strings.ToUpper, "", &md); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# How do I sort", "## You\n", "## SMOLLM2\n\nUse slices.SortFunc.\n"} {
		if !strings.Contains(md.String(), want) {
			t.Errorf("the export lacks %q:\n%s", want, md.String())
		}
	}
}

func TestDeleteIsTakenBack(t *testing.T) {
	s := memory(t)
	c := must(s.New())(t)
	must(s.Append(Message{Conversation: c.ID, Role: User, Content: "keep me"}))(t)
	if err := s.Delete(c.ID); err != nil {
		t.Fatal(err)
	}
	if list := must(s.Conversations())(t); len(list) != 0 {
		t.Fatalf("deleted but listed: %+v", list)
	}
	if err := s.Purge(time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(c.ID); err != nil {
		t.Fatal(err)
	}
	if m := must(s.Messages(c.ID))(t); len(m) != 1 || m[0].Content != "keep me" {
		t.Fatalf("after undo: %+v", m)
	}
	if err := errors.Join(s.Delete(c.ID), s.Purge(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if err := s.Restore(c.ID); !errors.Is(err, ErrNotFound) {
		t.Fatalf("purged and yet restored: %v", err)
	}
	if m := must(s.Messages(c.ID))(t); len(m) != 0 {
		t.Fatalf("messages outlived their conversation: %+v", m)
	}
}

func TestSearch(t *testing.T) {
	s := memory(t)
	for _, text := range []string{"Ein Brief an die HÄUSLICHE Verwaltung wegen der Heizung", "names for a sailing boat", "100% sure_thing"} {
		c := must(s.New())(t)
		must(s.Append(Message{Conversation: c.ID, Role: User, Content: text}))(t)
	}
	for query, want := range map[string]int{"häusliche": 1, "SAILING": 1, "100%": 1, "sure_": 1, "_": 1, "%": 1, "a": 2, "zebra": 0, "  ": 0, "'": 0} {
		hits, err := s.Search(context.Background(), query)
		if err != nil || len(hits) != want {
			t.Errorf("search %q: %d hits (%v), want %d", query, len(hits), err, want)
		}
	}
}

func TestDamagedFileIsKept(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"not a database": func([]byte) []byte { return []byte(strings.Repeat("this is not SQLite ", 400)) },
		"pages torn":     func(b []byte) []byte { copy(b[4096:], make([]byte, len(b)-4096)); return b },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "conversations.db")
			s := must(Open(path))(t)
			c := must(s.New())(t)
			for i := range 50 {
				must(s.Append(Message{Conversation: c.ID, Role: User, Content: strings.Repeat(fmt.Sprint("words ", i), 200)}))(t)
			}
			s.Close()
			data := spoil(must(os.ReadFile(path))(t))
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			s = must(Open(path))(t)
			defer s.Close()
			if s.Notice().Code != problem.StoreDamaged {
				t.Fatal("nothing was said about the damage")
			}
			kept, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*.damaged-*.db"))
			if len(kept) != 1 || string(must(os.ReadFile(kept[0]))(t)) != string(data) {
				t.Fatalf("the damaged file was not kept as it was: %v", kept)
			}
			if list := must(s.Conversations())(t); len(list) != 0 {
				t.Fatalf("a new file with conversations: %v", list)
			}
		})
	}
}

func TestNewerFileIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	s := must(Open(path))(t)
	if _, err := s.db.Exec(`PRAGMA user_version = 999`); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Fatalf("got %v", err)
	}
	if kept, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*damaged*")); kept != nil {
		t.Fatalf("a newer file was set aside: %v", kept)
	}
}

// A child process appends and streams until it is killed at a random moment. Everything that it had reported as stored must be
// there, and the file must be intact.
func TestKilledWhileWriting(t *testing.T) {
	if path := os.Getenv("SOBERANO_STORE_CHILD"); path != "" {
		child(path)
	}
	path := filepath.Join(t.TempDir(), "conversations.db")
	for round := range 6 {
		cmd := exec.Command(os.Args[0], "-test.run=TestKilledWhileWriting")
		cmd.Env = append(os.Environ(), "SOBERANO_STORE_CHILD="+path)
		cmd.Stderr = os.Stderr
		out := must(cmd.StdoutPipe())(t)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := map[int64]string{}
		lines, stop := bufio.NewScanner(out), 5+rand.IntN(60)
		for n := 0; lines.Scan(); n++ {
			var id int64
			var text string
			if _, err := fmt.Sscanf(lines.Text(), "%d %s", &id, &text); err == nil {
				said[id] = text
			}
			if n == stop {
				time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond)
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
		s := must(Open(path))(t)
		if s.Notice().Code != problem.None {
			t.Fatalf("round %d: %s", round, s.Notice().Text())
		}
		stored := map[int64]string{}
		for _, c := range must(s.Conversations())(t) {
			for _, m := range must(s.Messages(c.ID))(t) {
				stored[m.ID] = m.Content
			}
		}
		if len(said) == 0 {
			t.Fatal("the child stored nothing")
		}
		for id, text := range said {
			if !strings.HasPrefix(stored[id], text) {
				t.Fatalf("round %d: message %d is %q, the child had stored %q", round, id, stored[id], text)
			}
		}
		s.Close()
	}
}

func child(path string) {
	s, err := Open(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	c, err := s.New()
	for i := 0; err == nil; i++ {
		var m Message
		if m, err = s.Append(Message{Conversation: c.ID, Role: Assistant, Content: "w", State: Partial}); err != nil {
			break
		}
		for range 4 {
			fmt.Println(m.ID, m.Content)
			m.Content += fmt.Sprint("-", i)
			if err = s.Update(m); err != nil {
				break
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestPrivate checks that only the user can read conversations, even if the folder is open to others and the file was too.
func TestPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps no such rights")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "conversations.db")
	for _, before := range []string{"no file", "a file that others can read"} {
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.New(); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(path + "*")
		if err != nil || len(files) < 2 {
			t.Fatalf("the file and its log are expected: %v, %v", files, err)
		}
		for _, f := range files {
			if info, err := os.Stat(f); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %s has the mode %v (%v)", before, filepath.Base(f), info.Mode(), err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
