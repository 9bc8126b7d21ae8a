package store

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// texts returns the shown messages of a conversation.
func texts(t *testing.T, s *Store, conversation int64) string {
	t.Helper()
	var list []string
	for _, m := range must(s.Messages(conversation))(t) {
		list = append(list, m.Content)
	}
	return strings.Join(list, " | ")
}

// An answer that is written for an earlier question takes the place of the one that was there, which is kept and can be shown again.
func TestAnswersOfOneTurn(t *testing.T) {
	s := memory(t)
	c := must(s.New())(t)
	first := must(s.Append(Message{Conversation: c.ID, Role: User, Content: "one"}))(t)
	old := must(s.Append(Message{Conversation: c.ID, Role: Assistant, Content: "1", State: Stopped}))(t)
	must(s.Append(Message{Conversation: c.ID, Role: User, Content: "two"}))(t)
	must(s.Append(Message{Conversation: c.ID, Role: Assistant, Content: "2"}))(t)
	if old.Turn != first.ID || first.Turn != first.ID {
		t.Errorf("the turns are %d and %d, the question is %d", first.Turn, old.Turn, first.ID)
	}
	again := must(s.Append(Message{Conversation: c.ID, Turn: old.Turn, Role: Assistant, Content: "eins"}))(t)
	if got := texts(t, s, c.ID); got != "one | eins | two | 2" || again.Version != 2 || again.Versions != 2 {
		t.Errorf("shown: %s; version %d of %d", got, again.Version, again.Versions)
	}
	if got := must(s.Conversation(c.ID))(t); got.Messages != 4 {
		t.Errorf("%d messages", got.Messages)
	}
	if hits := must(s.Search(t.Context(), "1"))(t); len(hits) != 0 {
		t.Errorf("a replaced answer is found: %+v", hits)
	}
	m := must(s.Other(again.ID, -1))(t)
	if got := texts(t, s, c.ID); got != "one | 1 | two | 2" || m.ID != old.ID || m.State != Stopped || m.Version != 1 || m.Versions != 2 {
		t.Errorf("shown: %s; %+v", got, m)
	}
	if _, err := s.Other(old.ID, -1); !errors.Is(err, ErrNotFound) {
		t.Errorf("before the first answer: %v", err)
	}
	if m := must(s.Other(old.ID, 1))(t); m.Content != "eins" {
		t.Errorf("after the first answer stands %q", m.Content)
	}
	must(s.Append(Message{Conversation: c.ID, Turn: old.Turn, Role: Assistant, Content: "uno"}))(t)
	if got := texts(t, s, c.ID); got != "one | uno | two | 2" {
		t.Errorf("shown: %s", got)
	}
}

// The messages of a file of an earlier schema version keep their order, and an answer belongs to the question before it.
func TestMigrateTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	db := must(sql.Open("sqlite", path))(t)
	for _, q := range []string{steps[0], steps[1], steps[2], steps[3], `PRAGMA user_version = 4`,
		`INSERT INTO conversations (title, created, updated) VALUES ('Old', 1, 1), ('Older', 1, 1)`} {
		must(db.Exec(q))(t)
	}
	for _, m := range []struct {
		conversation  int
		role, content string
	}{{1, "user", "a"}, {2, "user", "x"}, {1, "assistant", "A"}, {1, "user", "b"}, {1, "user", "c"}, {2, "assistant", "X"}, {1, "assistant", "C"}, {1, "assistant", "D"}} {
		must(db.Exec(`INSERT INTO messages (conversation, role, content, state, created) VALUES (?, ?, ?, 'complete', 1)`, m.conversation, m.role, m.content))(t)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := must(Open(path))(t)
	defer s.Close()
	if got := texts(t, s, 1); got != "a | A | b | c | C | D" {
		t.Errorf("shown: %s", got)
	}
	if got := texts(t, s, 2); got != "x | X" {
		t.Errorf("shown: %s", got)
	}
	must(s.Edit(must(s.Messages(1))(t)[2].ID, "bb"))(t)
	if got := texts(t, s, 1); got != "a | A | bb | c | C | D" {
		t.Errorf("shown: %s", got)
	}
	for _, m := range must(s.Messages(1))(t) {
		if m.Content == "A" {
			must(s.Append(Message{Conversation: 1, Turn: m.Turn, Role: Assistant, Content: "AA"}))(t)
		}
	}
	if got := texts(t, s, 1); got != "a | AA | bb | c | C | D" {
		t.Errorf("shown: %s", got)
	}
}

// An edited question takes the place of the earlier one, whose answers are hidden with it; both versions keep their answers, and what
// was said later stays.
func TestVersionsOfAQuestion(t *testing.T) {
	s := memory(t)
	c := must(s.New())(t)
	first := must(s.Append(Message{Conversation: c.ID, Role: User, Content: "one"}))(t)
	must(s.Append(Message{Conversation: c.ID, Role: Assistant, Content: "1"}))(t)
	must(s.Append(Message{Conversation: c.ID, Role: User, Content: "two"}))(t)
	must(s.Append(Message{Conversation: c.ID, Role: Assistant, Content: "2"}))(t)
	edited := must(s.Edit(first.ID, "uno"))(t)
	if got := texts(t, s, c.ID); got != "uno | two | 2" || edited.Version != 2 || edited.Versions != 2 || edited.Turn != edited.ID {
		t.Fatalf("shown: %s; %+v", got, edited)
	}
	if _, err := s.Answer(edited.Turn); !errors.Is(err, ErrNotFound) {
		t.Errorf("the edited question has an answer: %v", err)
	}
	must(s.Append(Message{Conversation: c.ID, Turn: edited.Turn, Role: Assistant, Content: "primo"}))(t)
	must(s.Append(Message{Conversation: c.ID, Turn: edited.Turn, Role: Assistant, Content: "primo bis"}))(t)
	if last := must(s.Append(Message{Conversation: c.ID, Role: Assistant, Content: "2b"}))(t); last.Turn == edited.Turn {
		t.Error("an answer without a turn does not belong to the last question")
	}
	if got := texts(t, s, c.ID); got != "uno | primo bis | two | 2 | 2b" {
		t.Errorf("shown: %s", got)
	}
	if hits := must(s.Search(t.Context(), "1"))(t); len(hits) != 0 {
		t.Errorf("an answer to a replaced question is found: %+v", hits)
	}
	if m := must(s.Other(edited.ID, -1))(t); m.ID != first.ID || m.Version != 1 || m.Versions != 2 {
		t.Errorf("before the edited question: %+v", m)
	}
	if got := texts(t, s, c.ID); got != "one | 1 | two | 2 | 2b" {
		t.Errorf("shown: %s", got)
	}
	third := must(s.Edit(first.ID, "eins"))(t)
	if got := texts(t, s, c.ID); got != "eins | two | 2 | 2b" || third.Version != 3 || third.Versions != 3 {
		t.Errorf("shown: %s; %+v", got, third)
	}
	if _, err := s.Other(third.ID, 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("after the last version: %v", err)
	}
	if m := must(s.Other(third.ID, -1))(t); m.Content != "uno" {
		t.Errorf("before the third version: %+v", m)
	}
	if got := texts(t, s, c.ID); got != "uno | primo bis | two | 2 | 2b" {
		t.Errorf("shown: %s", got)
	}
	if m := must(s.Answer(edited.Turn))(t); m.Content != "primo bis" || m.Version != 2 {
		t.Errorf("the answer is %+v", m)
	}
	if got := must(s.Conversation(c.ID))(t); got.Messages != 5 || got.Title != "one" {
		t.Errorf("%+v", got)
	}
}
