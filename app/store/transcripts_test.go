package store

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A transcript grows, is edited, deleted and brought back, and is as it was after the file
// was closed and opened again.
func TestTranscriptLives(t *testing.T) {
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

// A file of the program's first version is brought up to date, its conversations untouched.
func TestOldFileLearnsTranscripts(t *testing.T) {
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

// So is one of its second version, whose transcripts are none of translations.
func TestOldFileLearnsTranslation(t *testing.T) {
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

// Whatever is written in whatever order of adding and editing is read back the same.
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
