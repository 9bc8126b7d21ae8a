package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"soberano/app/problem"
)

// table is a table whose rows are saved.
type table struct {
	name string
	keys []string
}

// tables are all tables, each after those to which its rows refer.
var tables = []table{{"conversations", []string{"id"}}, {"images", []string{"hash"}}, {"messages", []string{"id"}},
	{"attachments", []string{"id"}}, {"transcripts", []string{"id"}}, {"segments", []string{"transcript", "number"}}}

// number returns the second column of the key of a row, or 0 if the key has one.
func (t table) number(row string) string {
	if len(t.keys) == 1 {
		return "0"
	}
	return row + "." + t.keys[1]
}

// connector opens the connection of a store, to its file or to a database in memory.
type connector struct {
	driver driver.Driver
	mu     sync.Mutex
	name   string // of the data source
}

// Connect implements driver.Connector.
func (c *connector) Connect(context.Context) (driver.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.driver.Open(c.name)
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return c.driver }

func (c *connector) set(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.name = name
}

// Save writes the changes of a store of Copy into the file, all or none of them, and makes the store that of the file, with what the
// file had besides. It returns an error if the file still can't be written; then nothing is changed. For any other store it does
// nothing.
func (s *Store) Save() error {
	copied := s.waiting()
	if copied == nil {
		return nil
	}
	file, err := Open(copied.path)
	if err != nil {
		return err
	}
	notice := file.Notice()
	if err := file.Close(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	full, err := filepath.Abs(copied.path)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	c, err := s.db.Conn(context.Background()) // all other calls wait for this, the only connection
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := saveRows(c, full, notice.Code == problem.StoreDamaged || notice.Code == problem.StoreRescued); err != nil {
		return errors.Join(fmt.Errorf("store: save: %w", err), c.Close())
	}
	s.connector.set(source(full))
	s.mu.Lock()
	s.copied, s.notice, s.path = nil, notice, copied.path
	s.mu.Unlock()
	err = c.Raw(func(any) error { return driver.ErrBadConn }) // closes the connection to the database in memory
	if !errors.Is(err, driver.ErrBadConn) {
		return fmt.Errorf("store: save: %w", err)
	}
	return nil
}

// saveRows writes the rows that were changed in the database of a connection into a file; with all, every row that the file lacks too.
func saveRows(c *sql.Conn, path string, all bool) (err error) {
	ctx := context.Background()
	if _, err := c.ExecContext(ctx, `ATTACH DATABASE ? AS disk`, path); err != nil {
		return err
	}
	defer func() {
		_, detachErr := c.ExecContext(ctx, `DETACH DATABASE disk`)
		err = errors.Join(err, detachErr)
	}()
	if _, err := c.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
		return err
	}
	if err = saveTables(ctx, c, all); err == nil {
		_, err = c.ExecContext(ctx, `COMMIT`)
	}
	if err != nil {
		_, rollbackErr := c.ExecContext(ctx, `ROLLBACK`)
		if rollbackErr != nil && strings.Contains(rollbackErr.Error(), "no transaction is active") { // SQLite has rolled back by itself
			rollbackErr = nil
		}
		err = errors.Join(err, rollbackErr)
	}
	return err
}

func saveTables(ctx context.Context, c *sql.Conn, all bool) error {
	for _, t := range tables {
		if err := saveTable(ctx, c, t, all); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	for i := len(tables) - 1; i >= 0; i-- {
		t := tables[i]
		if t.name == "images" {
			continue // a trigger of the file deletes those that have no attachment
		}
		query := fmt.Sprintf(`DELETE FROM disk.%[1]s AS d WHERE EXISTS (SELECT 1 FROM changed c WHERE c.tab = '%[1]s' AND c.key = d.%[2]s AND c.number = %[3]s)
			AND NOT EXISTS (SELECT 1 FROM main.%[1]s m WHERE %[4]s)`, t.name, t.keys[0], t.number("d"), t.same("m", "d"))
		if _, err := c.ExecContext(ctx, query); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return nil
}

// same returns the condition that two rows have the same key.
func (t table) same(a, b string) string {
	list := make([]string, len(t.keys))
	for i, k := range t.keys {
		list[i] = a + "." + k + " = " + b + "." + k
	}
	return strings.Join(list, " AND ")
}

func saveTable(ctx context.Context, c *sql.Conn, t table, all bool) error {
	var names, updates string
	err := c.QueryRowContext(ctx, `SELECT group_concat(name, ', '), group_concat(name || ' = excluded.' || name, ', ') FROM pragma_table_info(?, 'main')`, t.name).Scan(&names, &updates)
	if err != nil {
		return err
	}
	query := fmt.Sprintf(`INSERT INTO disk.%[1]s (%[2]s) SELECT %[2]s FROM main.%[1]s AS m
		WHERE EXISTS (SELECT 1 FROM changed c WHERE c.tab = '%[1]s' AND c.key = m.%[3]s AND c.number = %[4]s)
		OR ?1 AND NOT EXISTS (SELECT 1 FROM disk.%[1]s d WHERE %[5]s) ON CONFLICT (%[6]s) DO UPDATE SET %[7]s`,
		t.name, names, t.keys[0], t.number("m"), t.same("m", "d"), strings.Join(t.keys, ", "), updates)
	_, err = c.ExecContext(ctx, query, all)
	return err
}
