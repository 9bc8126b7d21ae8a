package store

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"soberano/app/problem"
)

// A transcript grows, is edited, deleted and restored, and is unchanged after the file was closed and opened again.
func TestTranscriptEditDeleteRestore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	s := must(Open(path))(t)
	a := must(s.AddTranscript(Transcript{Path: "/home/ada/call.wav", Title: "call.wav", Asked: "de", Translate: true}))(t)
	b := must(s.AddTranscript(Transcript{Path: "/home/ada/talk.flac", Title: "talk.flac"}))(t)
	if a.State != Waiting || a.ID == b.ID {
		t.Fatalf("added %+v, %+v", a, b)
	}
	a.State, a.Language, a.Model, a.Length = Partial, "de", "whisper-base", 95*time.Second
	if err := errors.Join(s.UpdateTranscript(a),
		s.AddSegments(a.ID, Segment{Start: 500 * time.Millisecond, End: 3 * time.Second, Text: "Guten Tag.", Details: "{}"}),
		s.AddSegments(a.ID, Segment{Start: 4 * time.Second, End: 7*time.Second + 1, Text: "Wie geht es?"}, Segment{Start: 8 * time.Second, End: 9 * time.Second, Text: "Gut."}),
		s.EditSegment(a.ID, 1, "Wie geht's?"), s.RenameTranscript(a.ID, " Call with Ada "), s.DeleteTranscript(b.ID), s.Close()); err != nil {
		t.Fatal(err)
	}
	s = must(Open(path))(t)
	defer s.Close()
	list := must(s.Transcripts())(t)
	if len(list) != 1 {
		t.Fatalf("listed %+v", list)
	}
	got := list[0]
	if got.Title != "Call with Ada" || got.State != Partial || got.Asked != "de" || !got.Translate || got.Length != 95*time.Second || got.Heard != 9*time.Second || got.Segments != 3 || got.Snippet != "Guten Tag." {
		t.Errorf("read %+v", got)
	}
	segments := must(s.Segments(a.ID, 0))(t)
	if len(segments) != 3 || segments[1] != (Segment{Number: 1, Start: 4 * time.Second, End: 7*time.Second + 1, Text: "Wie geht's?", Heard: "Wie geht es?"}) || segments[0].Details != "{}" {
		t.Errorf("read %+v", segments)
	}
	if tail := must(s.Segments(a.ID, 2))(t); len(tail) != 1 || tail[0].Text != "Gut." {
		t.Errorf("from 2 on: %+v", tail)
	}
	if _, err := s.Transcript(b.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("a deleted transcript: %v", err)
	}
	if err := errors.Join(s.RestoreTranscript(b.ID), s.DeleteTranscript(a.ID), s.Purge(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if list := must(s.Transcripts())(t); len(list) != 1 || list[0].ID != b.ID {
		t.Errorf("after the purge: %+v", list)
	}
	if left := must(s.Segments(a.ID, 0))(t); len(left) != 0 {
		t.Errorf("segments outlive their transcript: %+v", left)
	}
	if err := s.EditSegment(b.ID, 0, "nothing"); !errors.Is(err, ErrNotFound) {
		t.Errorf("editing what is not there: %v", err)
	}
}

// A file with the first schema version is upgraded; its conversations do not change.
func TestMigrateTranscripts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	db := must(sql.Open("sqlite", path))(t)
	for _, q := range []string{steps[0], `PRAGMA user_version = 1`, `INSERT INTO conversations (title, created, updated) VALUES ('Old', 1, 1)`} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := must(Open(path))(t)
	defer s.Close()
	if c := must(s.Conversations())(t); len(c) != 1 || c[0].Title != "Old" {
		t.Errorf("conversations %+v", c)
	}
	must(s.AddTranscript(Transcript{Path: "a.wav", Title: "a.wav"}))(t)
}

// A file with the second schema version is upgraded; its transcripts are marked as not translated.
func TestMigrateTranslation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	db := must(sql.Open("sqlite", path))(t)
	for _, q := range []string{steps[0], steps[1], `PRAGMA user_version = 2`, `INSERT INTO transcripts (path, title, state, created, updated) VALUES ('/a.wav', 'Old', 'waiting', 1, 1)`} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := must(Open(path))(t)
	defer s.Close()
	must(s.AddTranscript(Transcript{Path: "/a.wav", Title: "New", Translate: true}))(t)
	if list := must(s.Transcripts())(t); len(list) != 2 || !list[0].Translate || list[1].Translate || list[1].Title != "Old" {
		t.Errorf("transcripts %+v", list)
	}
}

// Segments are read back as they were written, after any sequence of adding and editing.
func TestSegmentsAreKept(t *testing.T) {
	s := memory(t)
	rapid.Check(t, func(rt *rapid.T) {
		id := must(s.AddTranscript(Transcript{Path: "a.wav", Title: "a.wav"}))(t).ID
		var want []Segment
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			text := rapid.String().Draw(rt, "text")
			if len(want) > 0 && rapid.Bool().Draw(rt, "edit") {
				n := rapid.IntRange(0, len(want)-1).Draw(rt, "number")
				want[n].Text = text
				if err := s.EditSegment(id, n, text); err != nil {
					rt.Fatal(err)
				}
				continue
			}
			g := Segment{Number: len(want), Start: time.Duration(rapid.Int64Range(0, 1e15).Draw(rt, "start")), Text: text, Heard: text}
			g.End = g.Start + time.Second
			want = append(want, g)
			if err := s.AddSegments(id, g); err != nil {
				rt.Fatal(err)
			}
		}
		got := must(s.Segments(id, 0))(t)
		if len(got) != len(want) {
			rt.Fatalf("%d segments of %d", len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				rt.Fatalf("segment %d is %+v, want %+v", i, got[i], want[i])
			}
		}
	})
}

// The English notes of a file with the third schema version are converted once, when its schema is upgraded; notes on which
// the program does not act stay text.
func TestMigrateProblems(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	db := must(sql.Open("sqlite", path))(t)
	message := `INSERT INTO messages (conversation, role, content, state, note, created) VALUES (1, 'assistant', '', 'failed', ?, 1)`
	transcript := `INSERT INTO transcripts (path, title, state, note, created, updated) VALUES ('/a.wav', 'a', 'failed', ?, 1, 1)`
	for _, q := range []string{steps[0], steps[1], steps[2], `PRAGMA user_version = 3`, `INSERT INTO conversations (title, created, updated) VALUES ('Old', 1, 1)`} {
		must(db.Exec(q))(t)
	}
	messages := []struct {
		note string
		want problem.Code
	}{{"the prompt has 2707 tokens, the context holds 2048 with the answer", problem.MessageTooLong}, {"the model gave no finite logits", problem.None}}
	for _, m := range messages {
		must(db.Exec(message, m.note))(t)
	}
	transcripts := []struct {
		note     string
		want     problem.Code
		text     string
		hopeless bool
	}{
		{"The file is empty.", problem.AudioEmpty, "The file is empty. Copy or download the file again.", true},
		{"The file ends after 7 bytes.", problem.AudioTooShort, "The file ends after 7 bytes. Copy or download the file again.", true},
		{`This is text, no sound: it begins with "Dear Ada".`, problem.AudioText, `This is text, no sound: it begins with "Dear Ada". Choose a recording, or a film with sound.`, true},
		{"It is no recording, or a damaged one; ffmpeg says: moov atom not found.", problem.AudioRefused, "It is not a recording, or it is damaged. The program ffmpeg says: moov atom not found. If another program plays it, save it there as WAV, FLAC, MP3 or Opus.", true},
		{"At byte 4,000: the file is cut off.", problem.None, "", false},
	}
	for _, tr := range transcripts {
		must(db.Exec(transcript, tr.note))(t)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := must(Open(path))(t)
	defer s.Close()
	for i, m := range must(s.Messages(1))(t) {
		if m.Problem.Code != messages[i].want || m.Note != messages[i].note {
			t.Errorf("%q is %q", m.Note, m.Problem.Code)
		}
	}
	list := must(s.Transcripts())(t)
	for i, want := range transcripts {
		got := list[len(list)-1-i]
		if got.Problem.Code != want.want || got.Problem.Text() != want.text || got.Problem.Hopeless() != want.hopeless || got.Note != want.note {
			t.Errorf("%q is %q: %q", want.note, got.Problem.Code, got.Problem.Text())
		}
	}
}

// A problem is stored with its arguments.
func TestProblemsAreKept(t *testing.T) {
	s := memory(t)
	c := must(s.New())(t)
	want := problem.Problem{Code: problem.MessageTooLong, Args: problem.Args{Prompt: 2707, Context: 2048, Model: "SmolLM2 135M"}}
	m := must(s.Append(Message{Conversation: c.ID, Role: Assistant, State: Failed, Problem: want}))(t)
	if got := must(s.Messages(c.ID))(t); got[0].Problem != want {
		t.Errorf("read %+v", got[0].Problem)
	}
	m.Problem = problem.Problem{}
	if err := s.Update(m); err != nil {
		t.Fatal(err)
	}
	if got := must(s.Messages(c.ID))(t); got[0].Problem != m.Problem {
		t.Errorf("read %+v", got[0].Problem)
	}
}
