package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"soberano/app/problem"
	"soberano/app/store/pages"
)

// stored describes the rows of a table as they are stored, by which they are recognised in a damaged file.
type stored struct {
	table string
	keyed bool // the table is WITHOUT ROWID
	// kinds has a letter for each column: k a key that is the rowid, i an integer, o an integer or NULL, t text, b bytes.
	kinds string
	least int                     // number of columns in the first schema version that has the table
	other []any                   // values of the last columns, for rows that are cut before
	valid func(values []any) bool // whether a row may be one of the table; nil: it may
	mend  func(values []any)      // changes what can't be read; nil: nothing
}

// lostRest is added to a text of which a part could be read.
const lostRest = "\n\n[The rest of this text was damaged and could not be read.]"

// allStored has all tables.
var allStored = []stored{
	{table: "conversations", kinds: "ktttiii", least: 7, other: []any{int64(0), int64(0), int64(0)}},
	{table: "messages", kinds: "kitttttiitiii", least: 9,
		other: []any{string(Stopped), "", "", int64(0), int64(0), "", int64(0), int64(0), int64(0)},
		valid: func(v []any) bool {
			return slices.Contains([]Role{User, Assistant}, Role(v[2].(string))) && slices.Contains([]State{Complete, Stopped, Failed, Partial, Cut}, State(v[4].(string)))
		},
		mend: func(v []any) { mendJSON(v, 9, new(fault)) }},
	{table: "transcripts", kinds: "ktttttttiiiiitit", least: 12,
		valid: func(v []any) bool {
			return slices.Contains([]State{Waiting, Complete, Stopped, Failed, Partial}, State(v[6].(string)))
		},
		mend: func(v []any) { mendJSON(v, 13, new(fault)); mendJSON(v, 15, new(faults)) }},
	{table: "segments", keyed: true, kinds: "iiiittt", least: 7, other: []any{"", ""}},
	{table: "images", kinds: "tiib", least: 4, valid: func(v []any) bool {
		sum := sha256.Sum256(v[3].([]byte))
		return hex.EncodeToString(sum[:]) == v[0]
	}},
	{table: "attachments", kinds: "kiott", least: 5, other: []any{""}},
}

// mendJSON empties a column that can't be read.
func mendJSON(values []any, column int, as sql.Scanner) {
	if column < len(values) && as.Scan(values[column]) != nil {
		values[column] = ""
	}
}

// values returns the values of a row, or false if it is not one of the table.
func (t stored) values(row pages.Row) ([]any, bool) {
	n := len(row.Values)
	if row.Keyed != t.keyed || n < t.least || n > len(t.kinds) {
		return nil, false
	}
	values := slices.Clone(row.Values)
	for i := row.Whole; i < n; i++ {
		text, isText := values[i].(string)
		from := len(t.kinds) - len(t.other)
		switch {
		case i == row.Whole && isText && t.kinds[i] == 't':
			values[i] = strings.ToValidUTF8(text, "") + lostRest // the last character may be cut
		case i < from:
			return nil, false
		default:
			values[i] = t.other[i-from]
		}
	}
	for i, v := range values {
		ok := false
		switch t.kinds[i] {
		case 'k':
			ok, values[i] = v == nil && row.ID > 0, row.ID
		case 'i':
			_, ok = v.(int64)
		case 'o':
			_, ok = v.(int64)
			ok = ok || v == nil
		case 't':
			var text string
			text, ok = v.(string)
			values[i] = strings.ToValidUTF8(text, "\ufffd")
		case 'b':
			_, ok = v.([]byte)
		}
		if !ok {
			return nil, false
		}
	}
	if t.valid != nil && !t.valid(values) {
		return nil, false
	}
	if t.mend != nil {
		t.mend(values)
	}
	return values, true
}

// rescue stores the rows that can be read in the content of a damaged file. It reports whether there were any.
func (s *Store) rescue(content []byte) (found bool, err error) {
	err = s.transact(func(tx *sql.Tx) error {
		if _, err := tx.Exec(`PRAGMA defer_foreign_keys = 1`); err != nil {
			return err
		}
		for row := range pages.Rows(content) {
			for _, t := range allStored {
				values, ok := t.values(row)
				if !ok {
					continue
				}
				if err := insert(tx, t.table, values); err != nil {
					return err
				}
				found = true
				break
			}
		}
		return s.complete(tx)
	})
	if err != nil {
		return false, fmt.Errorf("store: rescue: %w", err)
	}
	return found, nil
}

// insert stores the values of the first columns of a table.
func insert(tx *sql.Tx, table string, values []any) error {
	var names string
	err := tx.QueryRow(`SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_table_info(?) LIMIT ?)`, table, len(values)).Scan(&names)
	if err != nil {
		return err
	}
	_, err = tx.Exec(fmt.Sprintf(`INSERT OR REPLACE INTO %s (%s) VALUES (?%s)`, table, names, strings.Repeat(", ?", len(values)-1)), values...)
	return err
}

// complete makes rows to which others refer and that are lost, and removes what can't be shown without them.
func (s *Store) complete(tx *sql.Tx) error {
	now := s.now().UnixMilli()
	for _, query := range []string{
		`UPDATE messages SET place = id WHERE role = 'user' AND place = 0`,
		`UPDATE messages SET turn = CASE WHEN role = 'user' THEN id ELSE coalesce((SELECT max(q.id) FROM messages q
			WHERE q.conversation = messages.conversation AND q.role = 'user' AND q.id < messages.id), id) END WHERE turn = 0`,
		`INSERT INTO conversations (id, created, updated) SELECT conversation, min(created), max(created) FROM messages
			WHERE conversation NOT IN (SELECT id FROM conversations) GROUP BY conversation`,
		`UPDATE conversations SET created = ?1 WHERE created = 0`,
		`UPDATE conversations SET updated = created WHERE updated = 0`,
		`UPDATE messages SET created = (SELECT created FROM conversations c WHERE c.id = messages.conversation) WHERE created = 0`,
		`INSERT INTO transcripts (id, path, title, state, created, updated) SELECT DISTINCT transcript, '', 'Recording', 'complete', ?1, ?1 FROM segments
			WHERE transcript NOT IN (SELECT id FROM transcripts)`,
		`DELETE FROM attachments WHERE image NOT IN (SELECT hash FROM images) OR conversation NOT IN (SELECT id FROM conversations)
			OR message NOT IN (SELECT id FROM messages)`,
		`DELETE FROM images WHERE hash NOT IN (SELECT image FROM attachments)`,
	} {
		if _, err := tx.Exec(query, now); err != nil {
			return err
		}
	}
	return nameUntitled(tx)
}

// nameUntitled gives conversations that have messages and no title one, as sending their first message does.
func nameUntitled(tx *sql.Tx) error {
	rows, err := tx.Query(`SELECT c.id, (SELECT m.content FROM messages m WHERE m.conversation = c.id ORDER BY m.role = 'user' DESC, m.id LIMIT 1)
		FROM conversations c WHERE c.title = '' AND EXISTS (SELECT 1 FROM messages m WHERE m.conversation = c.id)`)
	if err != nil {
		return err
	}
	titles := map[int64]string{}
	for rows.Next() {
		var id int64
		var first string
		if err := rows.Scan(&id, &first); err != nil {
			return errors.Join(err, rows.Close())
		}
		titles[id] = Title(first)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for id, title := range titles {
		if _, err := tx.Exec(`UPDATE conversations SET title = ? WHERE id = ?`, title, id); err != nil {
			return err
		}
	}
	return nil
}

// readable returns the content of a damaged file with all of its log, also behind what is damaged in it.
func readable(path string) ([]byte, error) {
	content, log, err := readBoth(path)
	if err != nil {
		return nil, err
	}
	content, r := fold(content, log)
	return r.fold(content), nil
}

// logDamaged reports whether opening the file would lose what its log holds: SQLite removes what follows a damaged frame, and the whole
// log of an empty file.
func logDamaged(path string) (bool, error) {
	info, err := os.Stat(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) || err == nil && (info.Size() <= logHeader || !info.Mode().IsRegular()) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	content, log, err := readBoth(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	empty := len(content) == 0
	after, r := fold(content, log)
	return r.damaged() || empty && len(after) > 0, err
}

// replace puts a file with what can be read of the damaged one in its place, and returns the name under which the damaged one is
// kept. The new one gets its name when it is complete, so that an interruption at any moment leaves one of them.
func replace(path string) (problem.Problem, error) {
	content, err := readable(path)
	if err != nil {
		return problem.Problem{}, fmt.Errorf("store: %w", err)
	}
	to := rescuedName(path)
	if err := removeFile(to); err != nil {
		return problem.Problem{}, err
	}
	p := problem.Problem{Code: problem.StoreDamaged}
	s, err := open(to)
	if err != nil {
		return p, err
	}
	found, err := s.rescue(content)
	if found {
		p.Code = problem.StoreRescued
	}
	if err := errors.Join(err, s.Close()); err != nil {
		return p, errors.Join(err, removeFile(to))
	}
	if p.Args.File, err = setAside(path); err != nil {
		return p, err
	}
	return p, finish(path)
}

// rescuedName is the name of the file that replaces a damaged one, until that has been renamed.
func rescuedName(path string) string { return path + ".rescued" }

// finish completes what replace does, if it was interrupted between its last two steps: the damaged file has been renamed already.
func finish(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(rescuedName(path), path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// removeFile removes a database and its journals, if they are there.
func removeFile(path string) error {
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("store: %w", err)
		}
	}
	return nil
}
