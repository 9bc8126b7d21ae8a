package store

import (
	"database/sql"
	"fmt"
	"time"
)

// TrashTime is how long a deleted conversation or transcript is kept.
const TrashTime = 30 * 24 * time.Hour

// Trashed is a deleted conversation or transcript, which can be restored until it is purged.
type Trashed struct {
	ID         int64
	Transcript bool   // it is a transcript, with an ID of its own kind
	Title      string // of a conversation: its name; see Conversation.Name
	Deleted    time.Time
}

// Delete puts a conversation into the trash; Restore takes it out again.
func (s *Store) Delete(conversation int64) error {
	gone, err := s.DeleteAll([]int64{conversation})
	if err == nil && len(gone) == 0 {
		return ErrNotFound
	}
	return err
}

// DeleteAll puts conversations into the trash, all of them or none, and returns those that were not there before.
func (s *Store) DeleteAll(conversations []int64) (gone []int64, err error) {
	at := s.now().UnixMilli()
	err = s.transact(func(tx *sql.Tx) error {
		for _, id := range conversations {
			res, err := tx.Exec(`UPDATE conversations SET deleted = ? WHERE id = ? AND deleted = 0`, at, id)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil {
				return err
			} else if n > 0 {
				gone = append(gone, id)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: delete: %w", err)
	}
	return gone, nil
}

// Restore undoes Delete.
func (s *Store) Restore(conversation int64) error {
	return s.change(`UPDATE conversations SET deleted = 0 WHERE id = ?`, conversation)
}

// DeleteTranscript puts a transcript into the trash; RestoreTranscript takes it out again.
func (s *Store) DeleteTranscript(id int64) error {
	return s.change(`UPDATE transcripts SET deleted = ? WHERE id = ? AND deleted = 0`, s.now().UnixMilli(), id)
}

// RestoreTranscript undoes DeleteTranscript.
func (s *Store) RestoreTranscript(id int64) error {
	return s.change(`UPDATE transcripts SET deleted = 0 WHERE id = ?`, id)
}

// Trash lists what is in the trash, the latest first, except conversations in which nothing was written.
func (s *Store) Trash() ([]Trashed, error) {
	rows, err := s.db.Query(`SELECT id, 0, title, draft, deleted FROM conversations c WHERE deleted > 0
			AND (title <> '' OR draft <> '' OR EXISTS (SELECT 1 FROM messages m WHERE m.conversation = c.id) OR EXISTS (SELECT 1 FROM attachments a WHERE a.conversation = c.id))
		UNION ALL SELECT id, 1, title, '', deleted FROM transcripts WHERE deleted > 0 ORDER BY 5 DESC, 1 DESC`)
	if err != nil {
		return nil, fmt.Errorf("store: trash: %w", err)
	}
	defer rows.Close()
	var list []Trashed
	for rows.Next() {
		var t Trashed
		var draft string
		var deleted int64
		if err := rows.Scan(&t.ID, &t.Transcript, &t.Title, &draft, &deleted); err != nil {
			return nil, fmt.Errorf("store: trash: %w", err)
		}
		if !t.Transcript {
			t.Title = Conversation{Title: t.Title, Draft: draft}.Name()
		}
		t.Deleted = time.UnixMilli(deleted)
		list = append(list, t)
	}
	return list, rows.Err()
}

// Erase removes one conversation or transcript from the trash for good.
func (s *Store) Erase(t Trashed) error {
	if t.Transcript {
		return s.change(`DELETE FROM transcripts WHERE id = ? AND deleted > 0`, t.ID)
	}
	return s.change(`DELETE FROM conversations WHERE id = ? AND deleted > 0`, t.ID)
}

// Purge removes for good what was deleted before that time.
func (s *Store) Purge(before time.Time) error {
	for _, table := range []string{"conversations", "transcripts"} {
		if _, err := s.db.Exec(`DELETE FROM `+table+` WHERE deleted > 0 AND deleted < ?`, before.UnixMilli()); err != nil {
			return fmt.Errorf("store: purge: %w", err)
		}
	}
	return nil
}
