package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"soberano/app/problem"
)

// Copy returns a store in memory with the content of the file at path, which could not be opened because of an error, such as that
// the disk is read-only. What is written into it is not kept until Save succeeds; Changed reports whether there is such a thing, and Notice says why. Of
// a file that can't be read either, or that a newer version has written, it has no content.
func Copy(path string, why error) (*Store, error) {
	m := markOf(path)
	content, err := contentOf(path)
	known := err == nil && len(content) > 0 || errors.Is(err, fs.ErrNotExist)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		why = errors.Join(why, err)
	}
	s, err := Memory()
	if err != nil {
		return nil, err
	}
	if len(content) > 0 {
		err = s.restore(content)
	}
	if err == nil {
		s.began, err = s.written()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), s.Close())
	}
	s.notice = problem.Problem{Code: problem.StoreUnwritable, Args: problem.Args{Folder: filepath.Dir(path)}, Err: why}
	if p := problem.Of(why); p.Code == problem.StoreNewer {
		s.notice = p
	} else if len(content) == 0 {
		s.notice.Code = problem.StoreUnread
	}
	if s.notice.Code != problem.StoreNewer && known {
		s.original = &original{path: path, mark: m}
		s.original.saved, err = s.changes()
	}
	return s, err
}

// contentOf returns the content of the file at path, with that of its log, as of a file without a log. It works on a copy, which it
// removes.
func contentOf(path string) (content []byte, err error) {
	dir, err := os.MkdirTemp("", "soberano-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	to := filepath.Join(dir, "conversations.db")
	for _, end := range []string{"", "-wal"} {
		if err := copyFile(path+end, to+end); err != nil && (end == "" || !errors.Is(err, fs.ErrNotExist)) {
			return nil, err
		}
	}
	s, err := open(to)
	if err != nil {
		return nil, err
	}
	_, err = s.db.Exec(`PRAGMA journal_mode = DELETE`) // a database in memory can't have a log
	return s.serialized(), errors.Join(err, s.Close())
}

// copyFile copies a regular file; of anything else it reports that there is no file.
func copyFile(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(err, fs.ErrNotExist)
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, f)
	return errors.Join(err, out.Close())
}

// serializer is what the driver's connection can do besides SQL.
type serializer interface {
	Serialize() ([]byte, error)
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

// serialized returns the file as bytes; nil if that fails.
func (s *Store) serialized() (content []byte) {
	if s.raw(func(d serializer) (err error) { content, err = d.Serialize(); return err }) != nil {
		return nil
	}
	return content
}

// restore replaces the content of a store in memory.
func (s *Store) restore(content []byte) error {
	if err := s.raw(func(d serializer) error { return d.Deserialize(content) }); err != nil {
		return err
	}
	return s.prepare()
}

// written describes what a person wrote or said.
func (s *Store) written() (what string, err error) {
	var messages, drafts, segments sql.NullString
	err = s.db.QueryRow(`SELECT (SELECT count(*) || ' ' || coalesce(max(id), 0) FROM messages),
		(SELECT group_concat(id || ' ' || draft, char(10)) FROM conversations WHERE draft <> ''),
		(SELECT count(*) || ' ' || coalesce(sum(length(text)), 0) FROM segments)`).Scan(&messages, &drafts, &segments)
	return messages.String + "\n" + segments.String + "\n" + drafts.String, err
}

// Changed reports whether something was written into a store of Copy, which is lost when the program ends.
func (s *Store) Changed() (bool, error) {
	if s.notice.Code != problem.StoreUnwritable && s.notice.Code != problem.StoreUnread && s.notice.Code != problem.StoreNewer {
		return false, nil
	}
	now, err := s.written()
	return now != s.began, err
}
