package transcribe

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"soberano/app/store"
	"soberano/app/ui"
)

// fullStage is a stage whose store can refuse to be written, as on a full disk.
type fullStage struct {
	*stage
	other *sql.DB
}

func newFullStage(t *testing.T) *fullStage {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.db")
	db, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	other, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return &fullStage{newStage(t, ui.Light, db), other}
}

// fill lets the store refuse changes of a table until room is called.
func (s *fullStage) fill(table, change string) {
	s.T.Helper()
	s.exec(`CREATE TRIGGER full BEFORE ` + change + ` ON ` + table + ` BEGIN SELECT RAISE(FAIL, 'the disk is full'); END`)
}

func (s *fullStage) room() {
	s.T.Helper()
	s.exec(`DROP TRIGGER full`)
}

func (s *fullStage) exec(statement string) {
	s.T.Helper()
	if _, err := s.other.Exec(statement); err != nil {
		s.T.Fatal(err)
	}
}

// stored returns the text of a segment in the store.
func (s *fullStage) stored(id int64, number int) string {
	s.T.Helper()
	g, err := s.store.Segments(id, number)
	if err != nil {
		s.T.Fatal(err)
	}
	return g[0].Text
}

const unsavedWords = "What you wrote could not be saved yet."

// Edits that can't be stored stay where they were made, also if the transcript is left and opened again, and are stored as soon as
// that is possible.
func TestUnstoredEditsAreKept(t *testing.T) {
	s := newFullStage(t)
	s.page.Retry = 50 * time.Millisecond
	s.page.Add([]string{s.file("talk.wav", 30*time.Second)})
	id := s.state("talk.wav", store.Complete).ID
	s.UntilShown("Welcome to the show.")
	s.page.open(id)
	v := s.page.View
	s.fill("segments", "UPDATE")
	write := func(i int, text string) {
		v.list.edit(i)
		v.list.entry.SetText(text)
		v.list.commit()
	}
	write(1, "The first boat sank.")
	write(2, "The second one floats.")
	s.Expect(unsavedWords, "The first boat sank.", "The second one floats.")
	write(1, "The first boat sank at once.")
	s.page.Close()
	s.UntilShown("Drop audio or video files", unsavedWords)
	s.page.open(id)
	s.Expect("The first boat sank at once.", "The second one floats.")
	if !s.page.Unstored() || s.stored(id, 1) != said[1] {
		t.Errorf("unstored: %v, stored is %q", s.page.Unstored(), s.stored(id, 1))
	}
	v.list.edit(0)
	v.list.entry.SetText("Welcome.")
	s.page.StoreAll()
	s.room()
	s.Until("the edits to be stored", func() bool { return !s.page.Unstored() })
	for i, want := range []string{"Welcome.", "The first boat sank at once.", "The second one floats."} {
		if got := s.stored(id, i); got != want {
			t.Errorf("stored is %q, want %q", got, want)
		}
	}
	if w := s.Words(); strings.Contains(w, unsavedWords) {
		t.Errorf("it is still said that something is not saved:\n%s", w)
	}
}

// A queue whose texts can't be stored waits, says so, and goes on by itself.
func TestQueueWaitsForTheStore(t *testing.T) {
	for table, change := range map[string]string{"segments": "INSERT", "transcripts": "UPDATE"} {
		t.Run(table, func(t *testing.T) {
			s := newFullStage(t)
			s.page.Queue.Retry = time.Second
			s.model.gate = make(chan struct{}, 100)
			s.model.gate <- struct{}{}
			s.page.Add([]string{s.file("talk.wav", 30*time.Second), s.file("short.wav", 10*time.Second)})
			s.Until("the first segment", func() bool {
				_, now := s.page.Queue.Now()
				return now.Done > 5*time.Second
			})
			s.fill(table, change)
			for range 90 {
				s.model.gate <- struct{}{}
			}
			s.UntilShown("The files are waiting: what is transcribed can't be saved.", "It is tried again every few seconds", "Waiting. The text up to 0:")
			s.Shot("queue-unstored-" + table)
			s.room()
			id := s.state("talk.wav", store.Complete).ID
			s.state("short.wav", store.Complete)
			if g, err := s.store.Segments(id, 0); err != nil || len(g) < 3 || g[len(g)-1].End < 29*time.Second {
				t.Errorf("%d segments are stored, %v", len(g), err)
			}
			s.Until("the card to go", func() bool { return !strings.Contains(s.Words(), "The files are waiting") })
		})
	}
}
