package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"soberano/app/problem"
)

// Waiting is the state of a file that is to be transcribed. The other states of a transcript are those of a message.
const Waiting State = "waiting"

// Transcript is one recording and the state of its transcription:
//
//	waiting ──▶ partial ──▶ complete
//	   ▲           ├──▶ stopped ──╮ by the user; the segments are kept
//	   │           └──▶ failed  ──┤ with the reason
//	   ╰──────────────────────────╯ continues where the last segment ended
//
// A segment is on the disk when AddSegments has returned, so a kill loses only the audio that the model was processing at
// that moment.
type Transcript struct {
	ID               int64
	Path             string // of the audio file, which is not moved
	Track            int    // of the file, from 1 on; 0: the program's choice
	Title            string
	Asked            string // the language that was chosen; "": detected from the audio
	Translate        bool   // the text is to be English, whatever language is spoken
	Language         string // the language that was detected
	Model            string
	State            State
	Problem          problem.Problem   // why it failed, or a warning about a complete one; None in rows of older schema versions
	Remarks          []problem.Problem // on a complete one, after Problem
	Note             string            // the problem as text; in rows of newer schema versions with all technical details
	Length           time.Duration     // of the audio; 0: unknown
	Created, Updated time.Time
	Segments         int
	Heard            time.Duration // the end of the last segment
	Snippet          string        // the first words
}

// Segment is a section of a transcript.
type Segment struct {
	Number     int // from 0
	Start, End time.Duration
	Text       string // as the user left it
	Heard      string // as the model wrote it; an edit does not change it
	Details    string // further results of the model, in a form that the caller defines
}

const transcriptColumns = `t.id, t.path, t.track, t.title, t.asked, t.translate, t.language, t.model, t.state, t.problem, t.remarks, t.note, t.length, t.created, t.updated,
	coalesce((SELECT s.number + 1 FROM segments s WHERE s.transcript = t.id ORDER BY s.number DESC LIMIT 1), 0),
	coalesce((SELECT s.ended FROM segments s WHERE s.transcript = t.id ORDER BY s.number DESC LIMIT 1), 0),
	coalesce((SELECT s.text FROM segments s WHERE s.transcript = t.id AND s.text <> '' ORDER BY s.number LIMIT 1), '')`

func scanTranscript(row scanner) (t Transcript, err error) {
	var created, updated int64
	err = row.Scan(&t.ID, &t.Path, &t.Track, &t.Title, &t.Asked, &t.Translate, &t.Language, &t.Model, &t.State, (*fault)(&t.Problem), (*faults)(&t.Remarks), &t.Note, &t.Length, &created, &updated,
		&t.Segments, &t.Heard, &t.Snippet)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	t.Created, t.Updated = time.UnixMilli(created), time.UnixMilli(updated)
	return t, err
}

// AddTranscript puts a file at the end of the queue, and returns it with its ID.
func (s *Store) AddTranscript(t Transcript) (Transcript, error) {
	if t.State == "" {
		t.State = Waiting
	}
	now := s.now()
	t.Created, t.Updated = time.UnixMilli(now.UnixMilli()), time.UnixMilli(now.UnixMilli())
	res, err := s.db.Exec(`INSERT INTO transcripts (path, track, title, asked, translate, language, model, state, problem, remarks, note, length, created, updated) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		t.Path, t.Track, t.Title, t.Asked, t.Translate, t.Language, t.Model, t.State, fault(t.Problem), faults(t.Remarks), t.Note, t.Length, now.UnixMilli(), now.UnixMilli())
	if err != nil {
		return t, fmt.Errorf("store: add transcript: %w", err)
	}
	t.ID, err = res.LastInsertId()
	return t, err
}

// Transcripts lists all transcripts that are not deleted, the latest first.
func (s *Store) Transcripts() ([]Transcript, error) {
	rows, err := s.db.Query(`SELECT ` + transcriptColumns + ` FROM transcripts t WHERE t.deleted = 0 ORDER BY t.id DESC`)
	if err != nil {
		return nil, fmt.Errorf("store: transcripts: %w", err)
	}
	defer rows.Close()
	var list []Transcript
	for rows.Next() {
		t, err := scanTranscript(rows)
		if err != nil {
			return nil, fmt.Errorf("store: transcripts: %w", err)
		}
		list = append(list, t)
	}
	return list, rows.Err()
}

// Transcript returns one transcript, or ErrNotFound.
func (s *Store) Transcript(id int64) (Transcript, error) {
	return scanTranscript(s.db.QueryRow(`SELECT `+transcriptColumns+` FROM transcripts t WHERE t.id = ? AND t.deleted = 0`, id))
}

// UpdateTranscript stores the state of a transcript and the facts known about the audio.
func (s *Store) UpdateTranscript(t Transcript) error {
	return s.change(`UPDATE transcripts SET state = ?, problem = ?, remarks = ?, note = ?, asked = ?, language = ?, model = ?, length = ?, updated = ? WHERE id = ?`,
		t.State, fault(t.Problem), faults(t.Remarks), t.Note, t.Asked, t.Language, t.Model, t.Length, s.now().UnixMilli(), t.ID)
}

// RenameTranscript gives a transcript a title chosen by the user.
func (s *Store) RenameTranscript(id int64, title string) error {
	return s.change(`UPDATE transcripts SET title = ? WHERE id = ?`, strings.TrimSpace(title), id)
}

// AddSegments appends segments to a transcript, and numbers them.
func (s *Store) AddSegments(transcript int64, segments ...Segment) error {
	err := s.transact(func(tx *sql.Tx) error {
		for _, g := range segments {
			if g.Heard == "" {
				g.Heard = g.Text
			}
			if _, err := tx.Exec(`INSERT INTO segments (transcript, number, began, ended, text, heard, details)
				SELECT ?1, coalesce(max(number)+1, 0), ?2, ?3, ?4, ?5, ?6 FROM segments WHERE transcript = ?1`,
				transcript, g.Start, g.End, g.Text, g.Heard, g.Details); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`UPDATE transcripts SET updated = ? WHERE id = ?`, s.now().UnixMilli(), transcript)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: segments: %w", err)
	}
	return nil
}

// Segments returns the segments of a transcript in order, from number first on.
func (s *Store) Segments(transcript int64, first int) ([]Segment, error) {
	rows, err := s.db.Query(`SELECT number, began, ended, text, heard, details FROM segments WHERE transcript = ? AND number >= ? ORDER BY number`, transcript, first)
	if err != nil {
		return nil, fmt.Errorf("store: segments: %w", err)
	}
	defer rows.Close()
	var list []Segment
	for rows.Next() {
		var g Segment
		if err := rows.Scan(&g.Number, &g.Start, &g.End, &g.Text, &g.Heard, &g.Details); err != nil {
			return nil, fmt.Errorf("store: segments: %w", err)
		}
		list = append(list, g)
	}
	return list, rows.Err()
}

// EditSegment replaces the text of a segment by the user's; the model's text is kept.
func (s *Store) EditSegment(transcript int64, number int, text string) error {
	return s.change(`UPDATE segments SET text = ? WHERE transcript = ? AND number = ?`, text, transcript, number)
}
