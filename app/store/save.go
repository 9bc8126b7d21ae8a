package store

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// original is the file of which a store is a copy in memory.
type original struct {
	path  string
	mark  mark
	saved int64 // the number of changes of the copy, when it was like the file
}

// mark tells whether a file and its log have changed.
type mark [2]struct {
	size int64
	time time.Time
}

func markOf(path string) (m mark) {
	for i, end := range []string{"", "-wal"} {
		if info, err := os.Stat(path + end); err == nil && info.Mode().IsRegular() {
			m[i].size, m[i].time = info.Size(), info.ModTime()
		}
	}
	return m
}

// ErrChanged reports that the file of a copy was changed by another program, so that it is not replaced.
var ErrChanged = errors.New("store: the file was changed by another program")

// Saves reports whether Save can write the content of this store of Copy into its file, once that can be written.
func (s *Store) Saves() bool { return s.original != nil }

// Save writes the content of a store of Copy into its file, and reports whether it did. It does nothing if nothing has changed, and
// for other stores. The content of the file is replaced in one transaction, so it stays as it is after an error.
func (s *Store) Save() (did bool, err error) {
	o := s.original
	if o == nil {
		return false, nil
	}
	now, err := s.changes()
	if err != nil || now == o.saved {
		return false, err
	}
	if markOf(o.path) != o.mark {
		return false, ErrChanged
	}
	defer func() { o.mark = markOf(o.path) }()
	file, err := open(o.path)
	if err != nil {
		return false, err
	}
	if err = errors.Join(file.replace(s), file.Close()); err != nil {
		return false, fmt.Errorf("store: %s: %w", o.path, err)
	}
	o.saved = now
	s.began, err = s.written()
	return true, err
}

// changes returns the number of rows that were changed since the store was opened.
func (s *Store) changes() (n int64, err error) {
	err = s.db.QueryRow(`SELECT total_changes()`).Scan(&n)
	return n, err
}

// replace replaces the content of s by that of another store.
func (s *Store) replace(by *Store) error {
	return by.transact(func(from *sql.Tx) error {
		return s.transact(func(to *sql.Tx) error {
			if _, err := to.Exec(`PRAGMA defer_foreign_keys = ON`); err != nil {
				return err
			}
			tables, err := tablesOf(from)
			if err != nil {
				return err
			}
			for _, table := range tables {
				if _, err := to.Exec(`DELETE FROM ` + table); err != nil {
					return err
				}
			}
			for _, table := range tables {
				if err := copyTable(from, to, table); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// tablesOf returns the names of all tables, the one with the latest numbers last: rows that are inserted change it.
func tablesOf(tx *sql.Tx) (names []string, err error) {
	rows, err := tx.Query(`SELECT name FROM sqlite_schema WHERE type = 'table' AND (name NOT LIKE 'sqlite_%' OR name = 'sqlite_sequence') ORDER BY name = 'sqlite_sequence', name`)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		names = append(names, name)
	}
	return names, errors.Join(rows.Err(), rows.Close())
}

// copyTable copies the rows of a table, which has none where they go but, in the table of the latest numbers, those of other tables.
func copyTable(from, to *sql.Tx, table string) error {
	if table == "sqlite_sequence" {
		if _, err := to.Exec(`DELETE FROM sqlite_sequence`); err != nil {
			return err
		}
	}
	rows, err := from.Query(`SELECT * FROM ` + table)
	if err != nil {
		return err
	}
	columns, err := rows.Columns()
	if err != nil {
		return errors.Join(err, rows.Close())
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	insert := `INSERT INTO ` + table + ` (` + strings.Join(columns, `, `) + `) VALUES (?` + strings.Repeat(`, ?`, len(columns)-1) + `)`
	for rows.Next() {
		err := rows.Scan(into...)
		if err == nil {
			_, err = to.Exec(insert, values...)
		}
		if err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
