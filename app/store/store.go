// Package store keeps the conversations, and the transcripts of files, in one SQLite file. The file stays consistent if the
// program is killed.
//
//	conversations  id · title · model · created · updated · draft · deleted
//	messages       id · conversation · place · turn · role · content · state · problem · note · model · tokens · created · replaced
//	images         hash · width · height · data: the files of images, each once
//	attachments    conversation · message · image · name: the images of messages and drafts, in their order
//	transcripts    id · path · track · title · language · state · note · length · … (transcripts.go)
//	segments       transcript · number · began · ended · text · heard · details
//
// The file uses write-ahead logging with synchronous=FULL: when a call has returned, its change is on the disk. An answer is
// a row from its first word on and is updated while it streams, so after a crash the part that had arrived is there. Nothing
// that a person deletes is lost at once: a conversation or transcript goes to the trash, and an answer that is tried again, or
// a question that is edited, stays beside the new one. A damaged file is kept: it is renamed, and a new one
// is created with what can be read of it (see Open).
package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"soberano/app/problem"
)

// Role says who wrote a message.
type Role string

// The two roles that are stored; a system message is part of the settings, not of a conversation.
const (
	User      Role = "user"
	Assistant Role = "assistant"
)

// State says how far an answer has come.
type State string

// The states of a message. A partial answer is still being written, or was being written when the program was killed.
const (
	Complete State = "complete"
	Stopped  State = "stopped"
	Failed   State = "failed"
	Partial  State = "partial"
	Cut      State = "cut" // the context was full
)

// ErrNotFound reports that there is no such conversation, message or transcript.
var ErrNotFound = errors.New("store: not found")

// Conversation is one entry in the list of conversations.
type Conversation struct {
	ID               int64
	Title            string  // "" until the first message is sent
	Model            string  // the name of the model that answered last
	Draft            string  // text that was typed and not sent
	Images           []Image // of the draft
	Created, Updated time.Time
	Messages         int
}

// Message is a question or an answer.
type Message struct {
	ID           int64
	Conversation int64
	Turn         int64 // the ID of the question to which it belongs; 0 for an answer that is to be appended: the last question
	Role         Role
	Content      string
	Images       []Image // of a question, in their order
	State        State
	Problem      problem.Problem // why it failed or was cut; None in rows of older schema versions
	Note         string          // the problem as text with all technical details
	Model        string          // the name of the model that answered
	Tokens       int             // of the whole conversation after this answer; 0: not known
	Created      time.Time
	Version      int // number of this answer among the answers of its turn, or of this question among its versions, from 1
	Versions     int // how many of them are kept; one of them is shown
}

// Store is the opened file. Its methods may be called from any goroutine.
type Store struct {
	db        *sql.DB
	connector *connector
	now       func() time.Time

	mu     sync.Mutex // guards the following fields
	path   string
	notice problem.Problem
	copied *copied // of a store of Copy, until Save has succeeded
}

// Path returns the path of the file; "" for a store in memory.
func (s *Store) Path() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.path
}

// Notice returns the problem that Open, Copy or Save found and the user should know; usually None.
func (s *Store) Notice() problem.Problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notice
}

// Close closes the store. All changes are on the disk already.
func (s *Store) Close() error { return s.db.Close() }

var columns = `c.id, c.title, c.model, c.draft, c.created, c.updated,
	(SELECT count(*) FROM shown m WHERE m.conversation = c.id), ` + imagesOf(`a.conversation = c.id AND a.message IS NULL`)

type scanner interface{ Scan(...any) error }

func scanConversation(row scanner, more ...any) (c Conversation, err error) {
	var created, updated int64
	err = row.Scan(append([]any{&c.ID, &c.Title, &c.Model, &c.Draft, &created, &updated, &c.Messages, (*images)(&c.Images)}, more...)...)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	c.Created, c.Updated = time.UnixMilli(created), time.UnixMilli(updated)
	return c, err
}

// New returns a conversation without messages, and without a draft and images: an existing one, or else a new one.
func (s *Store) New() (Conversation, error) {
	return s.empty(` AND c.draft = '' AND NOT EXISTS (SELECT 1 FROM attachments a WHERE a.conversation = c.id)`)
}

// Start returns the conversation with which the window opens: the latest one without messages, with its draft if it has one, or
// else a new one.
func (s *Store) Start() (Conversation, error) { return s.empty(``) }

func (s *Store) empty(condition string) (Conversation, error) {
	row := s.db.QueryRow(`SELECT ` + columns + ` FROM conversations c WHERE c.deleted = 0 AND c.title = ''
		AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.conversation = c.id)` + condition + ` ORDER BY c.updated DESC, c.id DESC LIMIT 1`)
	c, err := scanConversation(row)
	if err == nil {
		c.Updated = s.now()
		return c, s.change(`UPDATE conversations SET updated = ? WHERE id = ?`, c.Updated.UnixMilli(), c.ID)
	}
	if !errors.Is(err, ErrNotFound) {
		return c, fmt.Errorf("store: new conversation: %w", err)
	}
	now := s.now().UnixMilli()
	res, err := s.db.Exec(`INSERT INTO conversations (created, updated) VALUES (?, ?)`, now, now)
	if err != nil {
		return c, fmt.Errorf("store: new conversation: %w", err)
	}
	id, err := res.LastInsertId()
	return Conversation{ID: id, Created: time.UnixMilli(now), Updated: time.UnixMilli(now)}, err
}

// Conversations lists all conversations that are not deleted, the latest first.
func (s *Store) Conversations() ([]Conversation, error) {
	rows, err := s.db.Query(`SELECT ` + columns + ` FROM conversations c WHERE c.deleted = 0 ORDER BY c.updated DESC, c.id DESC`)
	if err != nil {
		return nil, fmt.Errorf("store: list: %w", err)
	}
	defer rows.Close()
	var list []Conversation
	for rows.Next() {
		c, err := scanConversation(rows)
		if err != nil {
			return nil, fmt.Errorf("store: list: %w", err)
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// Conversation returns one conversation, or ErrNotFound.
func (s *Store) Conversation(id int64) (Conversation, error) {
	return scanConversation(s.db.QueryRow(`SELECT `+columns+` FROM conversations c WHERE c.id = ? AND c.deleted = 0`, id))
}

// Rename gives a conversation a title chosen by the user.
func (s *Store) Rename(conversation int64, title string) error {
	return s.change(`UPDATE conversations SET title = ? WHERE id = ?`, strings.TrimSpace(title), conversation)
}

// Draft stores text that is typed and not sent.
func (s *Store) Draft(conversation int64, text string) error {
	return s.change(`UPDATE conversations SET draft = ? WHERE id = ?`, text, conversation)
}

// EditDraft replaces the draft of a conversation, which may be deleted, by what edit makes of it. It returns the new draft, also if it
// could not be stored, or ErrNotFound.
func (s *Store) EditDraft(conversation int64, edit func(draft string) string) (draft string, err error) {
	err = s.db.QueryRow(`SELECT draft FROM conversations WHERE id = ?`, conversation).Scan(&draft)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("store: draft: %w", err)
	}
	draft = edit(draft)
	return draft, s.Draft(conversation, draft)
}

func (s *Store) change(query string, args ...any) error {
	res, err := s.db.Exec(query, args...)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if n, err := res.RowsAffected(); err == nil && n == 0 {
		return ErrNotFound
	}
	return nil
}

func (s *Store) transact(work func(*sql.Tx) error) error {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	if err := work(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
