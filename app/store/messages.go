package store

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// messageColumns are the columns that scanMessage reads. The subqueries number the answers of a turn, and the versions of a question.
var messageColumns = `m.id, m.conversation, m.turn, m.role, m.content, m.state, m.problem, m.note, m.model, m.tokens, m.created,
	(SELECT count(*) FROM messages v WHERE v.conversation = m.conversation AND v.turn = m.turn AND v.role = 'assistant' AND m.role = 'assistant' AND v.id <= m.id)
		+ (SELECT count(*) FROM messages v WHERE v.place > 0 AND v.place = m.place AND v.id <= m.id),
	(SELECT count(*) FROM messages v WHERE v.conversation = m.conversation AND v.turn = m.turn AND v.role = 'assistant' AND m.role = 'assistant')
		+ (SELECT count(*) FROM messages v WHERE v.place > 0 AND v.place = m.place),
	` + imagesOf(`a.message = m.id`)

func scanMessage(row scanner) (m Message, err error) {
	var created int64
	err = row.Scan(&m.ID, &m.Conversation, &m.Turn, &m.Role, &m.Content, &m.State, (*fault)(&m.Problem), &m.Note, &m.Model, &m.Tokens, &created,
		&m.Version, &m.Versions, (*images)(&m.Images))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	m.Created = time.UnixMilli(created)
	return m, err
}

// Messages returns the messages of a conversation that are shown: each question with its answer.
func (s *Store) Messages(conversation int64) ([]Message, error) {
	rows, err := s.db.Query(`SELECT `+messageColumns+` FROM shown m WHERE m.conversation = ? ORDER BY m.position, m.turn, m.id`, conversation)
	if err != nil {
		return nil, fmt.Errorf("store: messages: %w", err)
	}
	defer rows.Close()
	var list []Message
	for rows.Next() {
		m, err := scanMessage(rows)
		if err != nil {
			return nil, fmt.Errorf("store: messages: %w", err)
		}
		list = append(list, m)
	}
	return list, rows.Err()
}

// Append adds a message at the end of a conversation, or an answer to its turn, and returns it with its ID and its place. An
// answer with a Turn replaces the answer that was shown there; Other brings that one back. The first message of a
// conversation gives it its title.
func (s *Store) Append(m Message) (Message, error) {
	if m.State == "" {
		m.State = Complete
	}
	now := s.now()
	given := m.Images
	m.Images = slices.Clone(given)
	m.Created = time.UnixMilli(now.UnixMilli())
	err := s.transact(func(tx *sql.Tx) error { return appendMessage(tx, &m, now.UnixMilli()) })
	if err != nil {
		m.ID, m.Images = 0, given // the transaction was rolled back
		return m, fmt.Errorf("store: append: %w", err)
	}
	return m, nil
}

func appendMessage(tx *sql.Tx, m *Message, at int64) error {
	if m.Role == Assistant && m.Turn != 0 {
		if _, err := tx.Exec(`UPDATE messages SET replaced = ? WHERE conversation = ? AND turn = ? AND role = ? AND replaced = 0`,
			at, m.Conversation, m.Turn, Assistant); err != nil {
			return err
		}
	}
	res, err := tx.Exec(`INSERT INTO messages (conversation, turn, role, content, state, problem, note, model, tokens, created) VALUES (?,?,?,?,?,?,?,?,?,?)`,
		m.Conversation, m.Turn, m.Role, m.Content, m.State, fault(m.Problem), m.Note, m.Model, m.Tokens, at)
	if err != nil {
		return err
	}
	if m.ID, err = res.LastInsertId(); err != nil {
		return err
	}
	if m.Role == User || m.Turn == 0 {
		if err := setTurn(tx, m); err != nil {
			return err
		}
	}
	if m.Role == User {
		if err := addImages(tx, m); err != nil {
			return err
		}
		if _, err = tx.Exec(`UPDATE conversations SET title = ? WHERE id = ? AND title = ''`, m.Title(), m.Conversation); err != nil {
			return err
		}
	} else if err := tx.QueryRow(`SELECT count(*), count(*) FROM messages WHERE conversation = ? AND turn = ? AND role = ?`,
		m.Conversation, m.Turn, Assistant).Scan(&m.Version, &m.Versions); err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE conversations SET updated = ?, model = CASE WHEN ? = '' THEN model ELSE ? END WHERE id = ?`,
		at, m.Model, m.Model, m.Conversation)
	return err
}

// setTurn gives a new message its turn: a question its own, an answer that of the last question.
func setTurn(tx *sql.Tx, m *Message) error {
	m.Turn = m.ID
	if m.Role == Assistant {
		err := tx.QueryRow(`SELECT id FROM shown WHERE conversation = ? AND role = ? ORDER BY position DESC LIMIT 1`, m.Conversation, User).Scan(&m.Turn)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	_, err := tx.Exec(`UPDATE messages SET turn = ?1, place = CASE WHEN role = 'user' THEN id ELSE 0 END WHERE id = ?2`, m.Turn, m.ID)
	return err
}

// Edit puts another text with images in the place of a question and returns the new question, which has no answer yet. The earlier one is kept
// with its answers; Other brings them back.
func (s *Store) Edit(question int64, text string, images ...Image) (m Message, err error) {
	now := s.now().UnixMilli()
	err = s.transact(func(tx *sql.Tx) error {
		m = Message{Role: User, Content: text, Images: slices.Clone(images), State: Complete}
		var place int64
		err := tx.QueryRow(`SELECT conversation, place FROM messages WHERE id = ? AND role = ?`, question, User).Scan(&m.Conversation, &place)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err == nil {
			err = appendMessage(tx, &m, now)
		}
		if err == nil {
			_, err = tx.Exec(`UPDATE messages SET place = ?1, replaced = CASE WHEN id = ?2 THEN 0 ELSE ?3 END WHERE id = ?2 OR place = ?1 AND replaced = 0`, place, m.ID, now)
		}
		if err == nil {
			m, err = scanMessage(tx.QueryRow(`SELECT `+messageColumns+` FROM messages m WHERE m.id = ?`, m.ID))
		}
		return err
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("store: edit: %w", err)
	}
	return m, err
}

// Answer returns the answer of a turn that is shown, or ErrNotFound.
func (s *Store) Answer(turn int64) (Message, error) {
	return scanMessage(s.db.QueryRow(`SELECT `+messageColumns+` FROM messages m WHERE m.turn = ? AND m.role = ? AND m.replaced = 0`, turn, Assistant))
}

// Update stores the present text and state of an answer.
func (s *Store) Update(m Message) error {
	return s.change(`UPDATE messages SET content = ?, state = ?, problem = ?, note = ?, model = ?, tokens = ? WHERE id = ?`,
		m.Content, m.State, fault(m.Problem), m.Note, m.Model, m.Tokens, m.ID)
}

// Other shows another answer of the same turn in place of an answer, or another version of a question in place of it: the one that was
// written before it (-1) or after it (1). It returns that message, or ErrNotFound if there is none.
func (s *Store) Other(message int64, by int) (other Message, err error) {
	err = s.transact(func(tx *sql.Tx) error {
		query := ` AND v.id < a.id ORDER BY v.id DESC LIMIT 1`
		if by > 0 {
			query = ` AND v.id > a.id ORDER BY v.id LIMIT 1`
		}
		var id int64
		err := tx.QueryRow(`SELECT v.id FROM messages a JOIN messages v ON v.conversation = a.conversation AND v.role = a.role
			AND CASE a.role WHEN 'user' THEN v.place = a.place ELSE v.turn = a.turn END WHERE a.id = ?`+query, message).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE messages SET replaced = CASE WHEN id = ?1 THEN 0 ELSE ?2 END WHERE id IN (?1, ?3)`,
			id, s.now().UnixMilli(), message); err != nil {
			return err
		}
		other, err = scanMessage(tx.QueryRow(`SELECT `+messageColumns+` FROM messages m WHERE m.id = ?`, id))
		return err
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("store: other version: %w", err)
	}
	return other, err
}
