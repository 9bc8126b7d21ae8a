package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/app/problem"
)

// manyChats fills a store with conversations: each has an image, a long answer, and a trashed neighbour.
func manyChats(t *testing.T, s *Store) (chats int) {
	t.Helper()
	for i := range 40 {
		c := must(s.New())(t)
		picture := NewImage("", 3, 4, []byte(strings.Repeat(fmt.Sprint("picture ", i), 40+i*20)))
		must(s.Append(Message{Conversation: c.ID, Role: User, Content: fmt.Sprint("question ", i), Images: []Image{picture}}))(t)
		must(s.Append(Message{Conversation: c.ID, Role: Assistant, State: Complete, Content: strings.Repeat(fmt.Sprint("ä answer ", i, ". "), 20+i*20)}))(t)
		if i%4 == 3 {
			if err := s.Delete(c.ID); err != nil {
				t.Fatal(err)
			}
			continue
		}
		chats++
	}
	transcript := must(s.AddTranscript(Transcript{Path: "/a/talk.wav", Title: "talk"}))(t)
	var list []Segment
	for n := range 400 {
		list = append(list, Segment{Number: n, Text: fmt.Sprint("sentence ", n, strings.Repeat(" words", 9)), Heard: "words"})
	}
	if err := s.AddSegments(transcript.ID, list...); err != nil {
		t.Fatal(err)
	}
	return chats
}

// checkRescued checks that what a store has of manyChats is true, and returns the number of chats and of segments.
func checkRescued(t *testing.T, s *Store) (chats, segments int) {
	t.Helper()
	list := must(s.Conversations())(t)
	for _, c := range list {
		for _, m := range must(s.Messages(c.ID))(t) {
			var i int
			whole := ""
			if m.Role == User {
				fmt.Sscanf(m.Content, "question %d", &i)
				whole = fmt.Sprint("question ", i)
			} else {
				fmt.Sscanf(m.Content, "ä answer %d", &i)
				whole = strings.Repeat(fmt.Sprint("ä answer ", i, ". "), 20+i*20)
			}
			begun, cut := strings.CutSuffix(m.Content, lostRest)
			if m.Content != whole && (m.State != Stopped || !cut || !strings.HasPrefix(whole, begun)) {
				t.Errorf("chat %d: %s %.80q", c.ID, m.State, m.Content)
			}
			for _, picture := range m.Images {
				must(s.Picture(picture.Hash))(t)
			}
		}
		if c.Title == "" || c.Created.UnixMilli() == 0 {
			t.Errorf("chat without a title or a time: %+v", c)
		}
	}
	for _, tr := range must(s.Transcripts())(t) {
		segments += len(must(s.Segments(tr.ID, 0))(t))
	}
	return len(list), segments
}

// overwrite replaces every fifth page by noise.
func overwrite(content []byte, first int) {
	for n := first; n < len(content)/4096; n += 5 {
		for i := range 4096 {
			content[n*4096+i] = byte(i*i>>3 + n*i + 17)
		}
	}
}

func TestRescue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	s := reopen(t, path)
	chats := manyChats(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole := must(os.ReadFile(path))(t)
	for _, first := range []int{0, 1, 3} { // 0: the page with the header and the schema
		content := append([]byte(nil), whole...)
		overwrite(content, first)
		path := filepath.Join(t.TempDir(), "conversations.db")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s := must(Copy(path, errors.New("read-only")))(t)
		if n, _ := checkRescued(t, s); n < chats/2 {
			t.Errorf("first page %d: a copy has %d of %d chats", first, n, chats)
		}
		if err := s.Save(); err != nil { // as Open, with what the copy has besides
			t.Fatal(err)
		}
		n, segments := checkRescued(t, s) // a chat whose own row is lost, with the time when it was deleted, is shown
		if s.Notice().Code != problem.StoreRescued || n < chats/2 || n > 40 || segments < 200 {
			t.Errorf("first page %d: %v, %d of %d chats, %d segments", first, s.Notice().Code, n, chats, segments)
		}
		if kept := must(os.ReadFile(s.Notice().Args.File))(t); string(kept) != string(content) {
			t.Errorf("first page %d: the damaged file was changed", first)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = reopen(t, path)
		if n2, _ := checkRescued(t, s); n2 != n || s.Notice().Code != problem.None {
			t.Errorf("first page %d: %d chats at the next start, %d at the first, %v", first, n2, n, s.Notice())
		}
		must(s.New())(t)
		s.Close()
	}
}

// What follows a damaged frame of the log, or a log whose file is empty, is read, and the log is kept.
func TestRescueOfLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	s := reopen(t, path)
	if _, err := s.db.Exec(`PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint = 0`); err != nil {
		t.Fatal(err)
	}
	chats := manyChats(t, s)
	file, log := must(os.ReadFile(path))(t), must(os.ReadFile(path+"-wal"))(t)
	s.Close()
	for name, spoil := range map[string]func(file, log []byte) []byte{
		"frame":  func(file, log []byte) []byte { log[len(log)/3] ^= 1; return file },
		"header": func(file, log []byte) []byte { log[10] ^= 1; return file },
		"empty":  func(file, log []byte) []byte { return nil },
	} {
		path := filepath.Join(t.TempDir(), "conversations.db")
		log := append([]byte(nil), log...)
		file := spoil(file, log)
		if err := errors.Join(os.WriteFile(path, file, 0o600), os.WriteFile(path+"-wal", log, 0o600)); err != nil {
			t.Fatal(err)
		}
		s := reopen(t, path)
		if n, segments := checkRescued(t, s); n < chats-1 || n > chats || segments < 390 || s.Notice().Code != problem.StoreRescued {
			t.Errorf("%s: %d of %d chats, %d segments, %v", name, n, chats, segments, s.Notice())
		}
		if kept := must(os.ReadFile(s.Notice().Args.File + "-wal"))(t); string(kept) != string(log) {
			t.Errorf("%s: the log was changed", name)
		}
		s.Close()
	}
}

// A log that ends in an incomplete transaction, as after a power cut, is no damage.
func TestInterruptedLogIsNoDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	s := reopen(t, path)
	manyChats(t, s)
	file, log := must(os.ReadFile(path))(t), must(os.ReadFile(path+"-wal"))(t)
	s.Close()
	last := len(log) - 4096 - frameHeader // the last transaction has more than one frame
	log[last-100] ^= 1
	if err := errors.Join(os.WriteFile(path, file, 0o600), os.WriteFile(path+"-wal", log, 0o600)); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, path)
	defer s.Close()
	if s.Notice().Code != problem.None {
		t.Errorf("%v", s.Notice())
	}
}

// An interruption between the renaming of the damaged file and that of the new one loses nothing; one before it begins anew.
func TestInterruptedRescue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	s := reopen(t, path)
	chats := manyChats(t, s)
	s.Close()
	if err := os.Rename(path, rescuedName(path)); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, path)
	if n, _ := checkRescued(t, s); n != chats {
		t.Errorf("%d of %d chats", n, chats)
	}
	s.Close()
	content := must(os.ReadFile(path))(t)
	overwrite(content, 3)
	if err := errors.Join(os.WriteFile(path, content, 0o600), os.WriteFile(rescuedName(path), content[:5000], 0o600)); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, path)
	if n, _ := checkRescued(t, s); n < chats/2 {
		t.Errorf("%d of %d chats", n, chats)
	}
	s.Close()
	if left, err := filepath.Glob(rescuedName(path) + "*"); left != nil || err != nil {
		t.Error(left, err)
	}
}
