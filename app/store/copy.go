package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"soberano/app/problem"
)

// copied is what a store of Copy has besides its content in memory.
type copied struct {
	path  string // of the file
	began string // what the store had when it was opened; see written
}

// Copy returns a store in memory with the content of the file at path, which could not be opened because of an error, such as that
// the disk is read-only or full. Save writes into the file what was written into the store; Changed reports whether there is such a
// thing, and Notice says why. Of a file that can't be read either, or that a newer version has written, it has no content.
func Copy(path string, why error) (*Store, error) {
	s, unread := contentInMemory(path)
	if unread != nil {
		if !errors.Is(unread, fs.ErrNotExist) {
			why = errors.Join(why, unread)
		}
		var err error
		if s, err = Memory(); err != nil {
			return nil, err
		}
	}
	if err := s.follow(path); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), s.Close())
	}
	s.notice = problem.Problem{Code: problem.StoreUnwritable, Args: problem.Args{Folder: filepath.Dir(path)}, Err: why}
	if p := problem.Of(why); p.Code == problem.StoreNewer {
		s.notice = p
	} else if unread != nil {
		s.notice.Code = problem.StoreUnread
	}
	return s, nil
}

// contentInMemory returns a store in memory with the content of the file at path and of its log, which are only read; of a damaged one, with what
// can be read of it.
func contentInMemory(path string) (*Store, error) {
	content, err := contentOf(path)
	if err != nil {
		return nil, err
	}
	s, err := Memory()
	if err != nil {
		return nil, err
	}
	err = s.raw(func(d serializer) error { return d.Deserialize(content) })
	if err == nil {
		err = s.prepare()
	}
	if err == nil {
		return s, nil
	}
	if err = errors.Join(err, s.Close()); !damaged(err) {
		return nil, err
	}
	return rescuedInMemory(path)
}

// rescuedInMemory returns a store in memory with what can be read of a damaged file.
func rescuedInMemory(path string) (*Store, error) {
	content, err := readable(path)
	if err != nil {
		return nil, err
	}
	s, err := Memory()
	if err != nil {
		return nil, err
	}
	found, err := s.rescue(content)
	if err == nil && !found {
		err = errDamaged
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// serializer is what the driver's connection can do besides SQL.
type serializer interface {
	Deserialize([]byte) error
}

// raw calls f with the only connection.
func (s *Store) raw(f func(serializer) error) error {
	c, err := s.db.Conn(context.Background())
	if err != nil {
		return err
	}
	err = c.Raw(func(driver any) error {
		d, ok := driver.(serializer)
		if !ok {
			return errors.ErrUnsupported
		}
		return f(d)
	})
	return errors.Join(err, c.Close())
}

// follow makes a store in memory record which rows are changed. New rows get IDs that the file does not have, even if it could not be
// read or is changed meanwhile: IDs grow, and these begin at the time in milliseconds.
func (s *Store) follow(path string) error {
	var sql strings.Builder
	sql.WriteString("CREATE TEMP TABLE changed (tab TEXT, key, number INTEGER, PRIMARY KEY (tab, key, number)) WITHOUT ROWID;\n")
	for _, t := range tables {
		for event, row := range map[string]string{"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"} {
			fmt.Fprintf(&sql, "CREATE TEMP TRIGGER changed_%[1]s_%[2]s AFTER %[2]s ON main.%[1]s BEGIN INSERT OR REPLACE INTO changed VALUES ('%[1]s', %[3]s.%[4]s, %[5]s); END;\n",
				t.name, event, row, t.keys[0], t.number(row))
		}
		if t.keys[0] == "id" {
			fmt.Fprintf(&sql, "INSERT INTO main.sqlite_sequence SELECT '%[1]s', max(%[2]d, coalesce((SELECT max(seq) FROM main.sqlite_sequence WHERE name = '%[1]s'), 0));\n", t.name, time.Now().UnixMilli())
			fmt.Fprintf(&sql, "DELETE FROM main.sqlite_sequence WHERE name = '%[1]s' AND rowid < (SELECT max(rowid) FROM main.sqlite_sequence WHERE name = '%[1]s');\n", t.name)
		}
	}
	if _, err := s.db.Exec(sql.String()); err != nil {
		return err
	}
	began, err := s.written()
	s.copied = &copied{path, began}
	return err
}

// written describes what a person wrote or said.
func (s *Store) written() (what string, err error) {
	err = s.db.QueryRow(`SELECT (SELECT count(*) || ' ' || coalesce(max(id), 0) FROM messages) || char(10)
		|| (SELECT count(*) || ' ' || coalesce(sum(length(text)), 0) FROM segments) || char(10)
		|| coalesce((SELECT group_concat(id || ' ' || draft, char(10)) FROM conversations WHERE draft <> ''), '')`).Scan(&what)
	return what, err
}

// Changed reports whether something was written into a store of Copy that is not in the file; it is lost when the program ends.
func (s *Store) Changed() (bool, error) {
	c := s.waiting()
	if c == nil {
		return false, nil
	}
	now, err := s.written()
	return now != c.began, err
}

// OnDisk reports whether the store is that of its file. If it is not, as one of Copy until Save, nothing that tells what it holds may be written elsewhere.
func (s *Store) OnDisk() bool { return s.waiting() == nil }

// waiting returns what is known about the file that could not be opened; nil if the store is that of its file.
func (s *Store) waiting() *copied {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.copied
}
