package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"soberano/app/problem"
	"soberano/app/search"
)

// steps are the SQL statements that bring a file from schema version i to i+1.
var steps = []string{
	`CREATE TABLE conversations (
		id      INTEGER PRIMARY KEY AUTOINCREMENT,
		title   TEXT    NOT NULL DEFAULT '',
		model   TEXT    NOT NULL DEFAULT '',
		draft   TEXT    NOT NULL DEFAULT '',
		created INTEGER NOT NULL,
		updated INTEGER NOT NULL,
		deleted INTEGER NOT NULL DEFAULT 0
	);
	CREATE TABLE messages (
		id           INTEGER PRIMARY KEY AUTOINCREMENT,
		conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
		role         TEXT    NOT NULL,
		content      TEXT    NOT NULL,
		state        TEXT    NOT NULL,
		note         TEXT    NOT NULL DEFAULT '',
		model        TEXT    NOT NULL DEFAULT '',
		tokens       INTEGER NOT NULL DEFAULT 0,
		created      INTEGER NOT NULL
	);
	CREATE INDEX messages_conversation ON messages (conversation, id);
	CREATE INDEX conversations_updated ON conversations (deleted, updated);`,
	`CREATE TABLE transcripts (
		id       INTEGER PRIMARY KEY AUTOINCREMENT,
		path     TEXT    NOT NULL,
		title    TEXT    NOT NULL,
		asked    TEXT    NOT NULL DEFAULT '',
		language TEXT    NOT NULL DEFAULT '',
		model    TEXT    NOT NULL DEFAULT '',
		state    TEXT    NOT NULL,
		note     TEXT    NOT NULL DEFAULT '',
		length   INTEGER NOT NULL DEFAULT 0,
		created  INTEGER NOT NULL,
		updated  INTEGER NOT NULL,
		deleted  INTEGER NOT NULL DEFAULT 0
	);
	CREATE TABLE segments (
		transcript INTEGER NOT NULL REFERENCES transcripts (id) ON DELETE CASCADE,
		number     INTEGER NOT NULL,
		began      INTEGER NOT NULL,
		ended      INTEGER NOT NULL,
		text       TEXT    NOT NULL,
		heard      TEXT    NOT NULL,
		details    TEXT    NOT NULL DEFAULT '',
		PRIMARY KEY (transcript, number)
	) WITHOUT ROWID;`,
	`ALTER TABLE transcripts ADD COLUMN translate INTEGER NOT NULL DEFAULT 0;`,
	// The problem as JSON. Rows of earlier schema versions have only the English text of their notes; the notes on which the
	// program acts are converted here once.
	`ALTER TABLE messages ADD COLUMN problem TEXT NOT NULL DEFAULT '';
	ALTER TABLE transcripts ADD COLUMN problem TEXT NOT NULL DEFAULT '';
	UPDATE messages SET problem = '{"code":"message-too-long"}' WHERE state = 'failed'
		AND (note LIKE 'the prompt has % tokens, the context holds % with the answer' OR note LIKE '%the context is full%');
	UPDATE transcripts SET problem = CASE
		WHEN note LIKE 'The file is empty.%' THEN '{"code":"audio-empty"}'
		WHEN note LIKE 'The file ends after %' THEN json_object('code', 'audio-too-short', 'args', json_object('detail', note))
		WHEN note LIKE 'This is text, no sound%' THEN json_object('code', 'audio-text', 'args', json_object('detail', note))
		WHEN note LIKE '%It is no recording, or a damaged one; ffmpeg says: %'
			THEN json_object('code', 'audio-refused', 'args', json_object('detail', substr(note, instr(note, 'ffmpeg says: ') + 13)))
		WHEN note LIKE '%It holds no sound%' THEN '{"code":"audio-no-sound"}'
		ELSE '' END WHERE state = 'failed';`,
	// The turn of a message is the ID of its question, so that answers follow their question in whatever order they were
	// written; replaced is when another answer of the turn was shown instead, 0 for a message that is shown.
	`ALTER TABLE messages ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
	ALTER TABLE messages ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;
	UPDATE messages SET turn = CASE WHEN role = 'user' THEN id ELSE coalesce((SELECT max(q.id) FROM messages q
		WHERE q.conversation = messages.conversation AND q.role = 'user' AND q.id < messages.id), id) END;
	DROP INDEX messages_conversation;
	CREATE INDEX messages_turn ON messages (conversation, turn, id);`,
	// Questions with the same place are versions of one, of which one is shown: the place is the ID of the first. An answer is
	// shown if it is not replaced and its question is shown. The remarks of a transcript are those after the first, as JSON.
	`ALTER TABLE messages ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
	UPDATE messages SET place = id WHERE role = 'user';
	CREATE INDEX messages_place ON messages (place) WHERE place > 0;
	CREATE VIEW shown AS SELECT m.*, CASE WHEN q.place > 0 THEN q.place ELSE m.turn END AS position
		FROM messages m LEFT JOIN messages q ON q.id = m.turn WHERE m.replaced = 0 AND coalesce(q.replaced, 0) = 0;
	ALTER TABLE transcripts ADD COLUMN track INTEGER NOT NULL DEFAULT 0;
	ALTER TABLE transcripts ADD COLUMN remarks TEXT NOT NULL DEFAULT '';`,
	// The images of messages, and of drafts, which have no message. The last attachment takes the file of its image with it.
	`CREATE TABLE images (
		hash   TEXT    PRIMARY KEY,
		width  INTEGER NOT NULL,
		height INTEGER NOT NULL,
		data   BLOB    NOT NULL
	);
	CREATE TABLE attachments (
		id           INTEGER PRIMARY KEY AUTOINCREMENT,
		conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
		message      INTEGER REFERENCES messages (id) ON DELETE CASCADE,
		image        TEXT    NOT NULL REFERENCES images (hash),
		name         TEXT    NOT NULL DEFAULT ''
	);
	CREATE INDEX attachments_conversation ON attachments (conversation, message);
	CREATE INDEX attachments_message ON attachments (message);
	CREATE INDEX attachments_image ON attachments (image);
	CREATE TRIGGER attachments_last AFTER DELETE ON attachments WHEN NOT EXISTS (SELECT 1 FROM attachments WHERE image = OLD.image)
		BEGIN DELETE FROM images WHERE hash = OLD.image; END;`,
}

func init() {
	// The SQL function holds(text, key) tells whether a text contains what is searched for; see package search.
	sqlite.MustRegisterDeterministicScalarFunction("holds", 2, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		text, isText := args[0].(string)
		key, isKey := args[1].(string)
		return isText && isKey && search.Contains(text, key), nil
	})
}

// Open opens the file at path; it creates the file and its folder if they are missing. A damaged file is renamed with its
// log, and a new one takes its place, with the rows that can be read in the damaged one; Notice then says so. A file written by a newer version of the program is not changed, and Open
// returns an error.
//
//	conversations.db               in use
//	conversations.damaged-….db     what was damaged, kept as it was
//	conversations.db.rescued       what can be read of it, until it gets its name
//
// modernc.org/sqlite is SQLite itself translated to Go. The pragmas: https://www.sqlite.org/pragma.html
func Open(path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := finish(path); err != nil {
		return nil, err
	}
	lost, err := logDamaged(path)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if !lost {
		s, err := open(path)
		if err == nil || !damaged(err) {
			return s, err
		}
	}
	notice, err := replace(path)
	if err != nil {
		return nil, err
	}
	s, err := open(path)
	if err != nil {
		return nil, err
	}
	s.notice = notice
	return s, nil
}

// Memory returns a store without a file, for tests and for a disk that can't be written.
func Memory() (*Store, error) { return connect("file::memory:"+pragmas, "") }

func open(path string) (*Store, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := private(full); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return connect(source(full), path)
}

// source returns the name of the data source for the file at an absolute path.
func source(full string) string {
	slashed := filepath.ToSlash(full)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/… on Windows
	}
	return (&url.URL{Scheme: "file", Path: slashed}).String() + pragmas
}

// private creates the file if it is missing, and removes other users' permissions for it and its log: SQLite would let them
// read a new file. A file system without permissions is accepted. An existing file is not opened here, because closing it
// would end the locks that this process has on it.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close() // SQLite gives the log the permissions of the file
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			err = os.Chmod(name, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	return nil // SQLite reports every other problem
}

// pragmas are the settings of a connection, as a part of the name of its data source.
var pragmas = "?" + url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "secure_delete(1)"},
	"_txlock": {"immediate"}}.Encode()

// registered returns the driver with the functions of init.
func registered() (driver.Driver, error) {
	db, err := sql.Open("sqlite", "")
	if err != nil {
		return nil, err
	}
	return db.Driver(), db.Close()
}

// connect returns a store with the data source of a name.
func connect(name, path string) (*Store, error) {
	d, err := registered()
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	c := &connector{driver: d, name: name}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1) // one writer; and ":memory:" is one database per connection
	s := &Store{db: db, connector: c, path: path, now: time.Now}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %s: %w", path, err), db.Close())
	}
	return s, nil
}

// errDamaged is returned if SQLite's own check finds an error in the file.
var errDamaged = errors.New("the file is damaged")

func (s *Store) prepare() error {
	var verdict string
	if err := s.db.QueryRow(`PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, verdict)
	}
	var version int
	if err := s.db.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	if version > len(steps) {
		return &problem.Problem{Code: problem.StoreNewer, Err: fmt.Errorf("the schema is version %d, this program knows %d", version, len(steps))}
	}
	for ; version < len(steps); version++ {
		err := s.transact(func(tx *sql.Tx) error {
			if _, err := tx.Exec(steps[version]); err != nil {
				return err
			}
			_, err := tx.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, version+1))
			return err
		})
		if err != nil {
			return fmt.Errorf("schema step %d: %w", version+1, err)
		}
	}
	// Writes the number that is there, which fails where nothing can be written, as on a full disk.
	if _, err := s.db.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, version)); err != nil {
		return err
	}
	_, err := s.db.Exec(`SELECT 1 FROM conversations, messages, transcripts, segments, images, attachments LIMIT 1`)
	return err
}

// damaged distinguishes a damaged file from a full disk or a missing permission.
func damaged(err error) bool {
	if errors.Is(err, errDamaged) {
		return true
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	code := e.Code() & 0xff
	return code == lib.SQLITE_CORRUPT || code == lib.SQLITE_NOTADB
}

// setAside renames the file and its journals to an unused name, and returns that name.
func setAside(path string) (string, error) {
	ext := filepath.Ext(path)
	base := strings.TrimSuffix(path, ext) + ".damaged-" + time.Now().Format("2006-01-02")
	kept := base + ext
	for i := 2; ; i++ {
		if _, err := os.Lstat(kept); errors.Is(err, os.ErrNotExist) {
			break
		}
		kept = fmt.Sprintf("%s-%d%s", base, i, ext)
	}
	if err := os.Rename(path, kept); err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	for _, journal := range []string{"-wal", "-shm"} {
		if err := os.Rename(path+journal, kept+journal); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("store: %w", err)
		}
	}
	return kept, nil
}
