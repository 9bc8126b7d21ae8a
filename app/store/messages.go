package store

import (
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// messageColumns are the columns that scanMessage reads. The subqueries number the answers of a turn.
const messageColumns = `m.id, m.conversation, m.turn, m.role, m.content, m.state, m.problem, m.note, m.model, m.tokens, m.created,
	(SELECT count(*) FROM messages v WHERE v.conversation = m.conversation AND v.turn = m.turn AND v.role = 'assistant' AND m.role = 'assistant' AND v.id <= m.id),
	(SELECT count(*) FROM messages v WHERE v.conversation = m.conversation AND v.turn = m.turn AND v.role = 'assistant' AND m.role = 'assistant')`

func scanMessage(row scanner) (m Message, err error) {
	var created int64
	err = row.Scan(&m.ID, &m.Conversation, &m.Turn, &m.Role, &m.Content, &m.State, (*fault)(&m.Problem), &m.Note, &m.Model, &m.Tokens, &created,
		&m.Version, &m.Versions)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	m.Created = time.UnixMilli(created)
	return m, err
}

// Messages returns the messages of a conversation that are shown: each question with its answer.
func (s *Store) Messages(conversation int64) ([]Message, error) {
	rows, err := s.db.Query(`SELECT `+messageColumns+` FROM messages m WHERE m.conversation = ? AND m.replaced = 0 ORDER BY m.turn, m.id`, conversation)
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
	m.Created = time.UnixMilli(now.UnixMilli())
	err := s.transact(func(tx *sql.Tx) error { return appendMessage(tx, &m, now.UnixMilli()) })
	if err != nil {
		m.ID = 0 // the transaction was rolled back
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
		if _, err = tx.Exec(`UPDATE conversations SET title = ? WHERE id = ? AND title = ''`, Title(m.Content), m.Conversation); err != nil {
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
		if err := tx.QueryRow(`SELECT coalesce(max(id), ?) FROM messages WHERE conversation = ? AND role = ?`,
			m.ID, m.Conversation, User).Scan(&m.Turn); err != nil {
			return err
		}
	}
	_, err := tx.Exec(`UPDATE messages SET turn = ? WHERE id = ?`, m.Turn, m.ID)
	return err
}

// Update stores the present text and state of an answer.
func (s *Store) Update(m Message) error {
	return s.change(`UPDATE messages SET content = ?, state = ?, problem = ?, note = ?, model = ?, tokens = ? WHERE id = ?`,
		m.Content, m.State, fault(m.Problem), m.Note, m.Model, m.Tokens, m.ID)
}

// Other shows another answer of the same turn in place of an answer: the one that was written before it (-1) or after it (1).
// It returns that answer, or ErrNotFound if there is none.
func (s *Store) Other(answer int64, by int) (other Message, err error) {
	err = s.transact(func(tx *sql.Tx) error {
		query := ` AND v.id < a.id ORDER BY v.id DESC LIMIT 1`
		if by > 0 {
			query = ` AND v.id > a.id ORDER BY v.id LIMIT 1`
		}
		var id int64
		err := tx.QueryRow(`SELECT v.id FROM messages a JOIN messages v ON v.conversation = a.conversation AND v.turn = a.turn AND v.role = a.role
			WHERE a.id = ?`+query, answer).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE messages SET replaced = CASE WHEN id = ?1 THEN 0 ELSE ?2 END WHERE id IN (?1, ?3)`,
			id, s.now().UnixMilli(), answer); err != nil {
			return err
		}
		other, err = scanMessage(tx.QueryRow(`SELECT `+messageColumns+` FROM messages m WHERE m.id = ?`, id))
		return err
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("store: other answer: %w", err)
	}
	return other, err
}
