package registry

import (
	"database/sql"
	"encoding/hex"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"lukechampine.com/blake3"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"soberano/models"
)

// indexFile is the index of a library, in the data folder.
const indexFile = "library.db"

// indexVersion is the user_version of an index with the schema below.
const indexVersion = 2

// indexSchema keeps each record as it is in its file. The views are for people and other programs: they show what the records contain.
const indexSchema = `
CREATE TABLE records (
	path    TEXT PRIMARY KEY, -- of the file
	stamp   TEXT NOT NULL,    -- of the file when it was read
	content TEXT NOT NULL,
	sum     TEXT NOT NULL     -- the BLAKE3 hash of these
) WITHOUT ROWID;
CREATE VIEW models AS SELECT content->>'name' AS name, content->>'kind' AS kind, content->>'title' AS title, content->>'family' AS family,
	content->>'quantization' AS quantization, content->>'parameters' AS parameters, content->>'bytes' AS bytes, content->>'stage' AS stage, content->>'added' AS added,
	content->>'$.verified.at' AS verified, content->>'$.verified.damage' AS damage FROM records;
CREATE VIEW files AS SELECT content->>'name' AS model, value->>'path' AS path, value->>'bytes' AS bytes, value->>'blake3' AS blake3, value->>'sha256' AS sha256
	FROM records, json_each(content, '$.files');
PRAGMA user_version = 2;`

// settled is how long a record must not have been changed before it is put into the index: a file that is changed twice within the resolution of the file system's
// clock has the same stamp afterwards.
var settled = 2 * time.Second

// index is a copy of the library's records in SQLite, made of their files alone: a record in it counts only while its file has the stamp with which it was read. It
// is brought up to date by each List that can write it, and made anew if it is missing, damaged or of another version, so nothing depends on it. A nil *index reads files.
type index struct {
	path  string
	known map[string]record // what it contains, by the paths of the files
	valid map[string]bool   // those that were found to be up to date
	fresh []record          // that it does not contain
}

// record is a row of the index.
type record struct{ path, stamp, content string }

// sum returns the hash by which a damaged row is recognised.
func (r record) sum() string {
	h := blake3.Sum256([]byte(r.path + "\x00" + r.stamp + "\x00" + r.content))
	return hex.EncodeToString(h[:])
}

// openIndex reads the index of a data folder. What can't be read is empty.
func openIndex(root string) *index {
	x := &index{path: filepath.Join(root, indexFile), known: map[string]record{}, valid: map[string]bool{}}
	if !exists(x.path) {
		return x
	}
	if err := x.open(x.rows); err != nil {
		clear(x.known)
		x.failed(err)
	}
	return x
}

// open runs do with the opened index. There is no journal on the disk: an index whose writing was interrupted is damaged.
func (x *index) open(do func(db *sql.DB) error) error {
	name := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(x.path), RawQuery: "_pragma=synchronous(OFF)&_pragma=journal_mode(MEMORY)&_pragma=busy_timeout(100)&_txlock=immediate"}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	return errors.Join(do(db), db.Close())
}

// errOtherVersion is the error of an index that another version of the program has made.
var errOtherVersion = errors.New("the index has another schema")

// errDamaged is the error of an index in which a row is not what was written.
var errDamaged = errors.New("the index is damaged")

// rows reads the rows of the index.
func (x *index) rows(db *sql.DB) error {
	var version int
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	if version != indexVersion {
		return errOtherVersion
	}
	rows, err := db.Query(`SELECT path, stamp, content, sum FROM records`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r record
		var sum string
		if err := rows.Scan(&r.path, &r.stamp, &r.content, &sum); err != nil {
			return err
		}
		if sum != r.sum() {
			return errDamaged // also the order of the rows, by which they are found, may be wrong
		}
		x.known[r.path] = r
	}
	return rows.Err()
}

// failed deletes the index, which the next update makes anew, unless err says that it can't be read or written at this time.
func (x *index) failed(err error) {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_PROTOCOL, lib.SQLITE_PERM, lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_IOERR, lib.SQLITE_FULL, lib.SQLITE_NOMEM:
			return
		}
	}
	if exists(x.path) {
		_ = removeFile(x.path) // what can't be deleted is read again, and found damaged again
	}
}

// read returns the content of the record at path.
func (x *index) read(path string) ([]byte, error) {
	if x == nil {
		return models.ReadSmall(path, maxEntry)
	}
	stamp, changed, failed := models.Stamp(path)
	if r, ok := x.known[path]; ok && failed == nil && r.stamp == stamp {
		x.valid[path] = true
		return []byte(r.content), nil
	}
	b, err := models.ReadSmall(path, maxEntry)
	if err == nil && failed == nil && time.Since(changed) > settled {
		x.fresh = append(x.fresh, record{path, stamp, string(b)})
	}
	return b, err
}

// update writes what has changed. A library that can't be written, or whose index another process is writing, keeps the index that it has: nothing in it that is out of date
// is used.
func (x *index) update() {
	var gone []string
	for path := range x.known {
		if !x.valid[path] {
			gone = append(gone, path)
		}
	}
	if len(gone)+len(x.fresh) == 0 {
		return
	}
	err := change("write", x.path, func() error {
		return x.open(func(db *sql.DB) error { return x.write(db, gone) })
	}, func() {
		_ = os.WriteFile(x.path, []byte("SQLite format 3\x00, cut short"), 0o600)
	})
	if err != nil {
		x.failed(err)
	}
}

// write removes the rows of files that are gone and adds the fresh ones, in one transaction.
func (x *index) write(db *sql.DB, gone []string) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it does nothing after Commit
	var tables int
	if err := tx.QueryRow(`SELECT count(*) FROM sqlite_master`).Scan(&tables); err != nil {
		return err
	}
	if tables == 0 {
		if _, err := tx.Exec(indexSchema); err != nil {
			return err
		}
	}
	for _, path := range gone {
		if _, err := tx.Exec(`DELETE FROM records WHERE path = ?`, path); err != nil {
			return err
		}
	}
	for _, r := range x.fresh {
		if _, err := tx.Exec(`INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)`, r.path, r.stamp, r.content, r.sum()); err != nil {
			return err
		}
	}
	return tx.Commit()
}
