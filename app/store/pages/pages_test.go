package pages

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

const schema = `CREATE TABLE notes (id INTEGER PRIMARY KEY, number, text TEXT, data BLOB, real REAL);
	CREATE TABLE parts (a INTEGER, b INTEGER, text TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
	CREATE INDEX notes_number ON notes (number);`

// numbers have each of the widths in which SQLite stores integers.
var numbers = []any{nil, int64(0), int64(1), int64(-1), int64(127), int64(-128), int64(40000), int64(-1 << 22), int64(1 << 31), int64(-1 << 40), int64(1<<63 - 1), int64(-1 << 63)}

// written returns the content of a file with rows in both tables, and these rows in order.
func written(t testing.TB, size int) (content []byte, notes, parts []Row) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := db.Exec(query, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(fmt.Sprintf("PRAGMA page_size = %d; %s BEGIN", size, schema))
	for i := range 600 {
		text, data := strings.Repeat(fmt.Sprint("ö", i, " "), i*i%1500), []byte(strings.Repeat("\x00\xff", i%9))
		n := numbers[i%len(numbers)]
		exec("INSERT INTO notes VALUES (?, ?, ?, ?, ?)", 1+i*i*i, n, text, data, float64(i)+0.5)
		exec("INSERT INTO parts VALUES (?, ?, ?)", i/7+100, i%7, text[:min(len(text), 900)])
		notes = append(notes, Row{ID: int64(1 + i*i*i), Values: []any{nil, n, text, data, float64(i) + 0.5}, Whole: 5})
		parts = append(parts, Row{Keyed: true, Values: []any{int64(i/7 + 100), int64(i % 7), text[:min(len(text), 900)]}, Whole: 3})
	}
	exec("COMMIT")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content, notes, parts
}

// found returns the rows of both tables by their keys.
func found(content []byte) map[string]Row {
	rows := map[string]Row{}
	for r := range Rows(content) {
		switch {
		case !r.Keyed && len(r.Values) == 5 && r.ID > 0 && r.Values[0] == nil:
			rows[fmt.Sprint(r.ID)] = r
		case r.Keyed && len(r.Values) == 3:
			rows[fmt.Sprint(r.Values[:2])] = r
		}
	}
	return rows
}

func TestAllRows(t *testing.T) {
	for _, size := range []int{512, 4096, 65536} {
		content, notes, parts := written(t, size)
		if got := Size(content); got != size {
			t.Fatalf("pages of %d bytes, expected %d", got, size)
		}
		rows := found(content)
		for _, want := range append(notes, parts...) {
			key := fmt.Sprint(want.ID)
			if want.Keyed {
				key = fmt.Sprint(want.Values[:2])
			}
			if got := rows[key]; !reflect.DeepEqual(got, want) {
				t.Fatalf("pages of %d bytes, row %s: %.200v, expected %.200v", size, key, fmt.Sprint(got), fmt.Sprint(want))
			}
		}
	}
}

// With every fifth page overwritten, the rows in the other pages are read; those that continue on a page that is overwritten are cut.
func TestOverwrittenPages(t *testing.T) {
	content, notes, _ := written(t, 4096)
	for n := 4; n < len(content)/4096; n += 5 {
		for i := range 4096 {
			content[n*4096+i] = byte(i*7 + n)
		}
	}
	rows, whole, cut := found(content), 0, 0
	for _, want := range notes {
		got, ok := rows[fmt.Sprint(want.ID)]
		if !ok {
			continue
		}
		if got.Whole == 5 {
			whole++
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("row %d: %.200v", want.ID, fmt.Sprint(got))
			}
			continue
		}
		cut++
		if text, _ := got.Values[2].(string); got.Whole != 2 || text == "" || !strings.HasPrefix(want.Values[2].(string), text) || got.Values[4] != nil {
			t.Fatalf("row %d, %d values are whole: %.200v", want.ID, got.Whole, fmt.Sprint(got))
		}
	}
	if whole < len(notes)/3 || cut < 20 {
		t.Errorf("%d of %d rows are whole and %d are cut", whole, len(notes), cut)
	}
}

func FuzzRows(f *testing.F) {
	content, _, _ := written(f, 512)
	f.Add(content[:40*512])
	f.Add([]byte("SQLite format 3\x00"))
	f.Fuzz(func(t *testing.T, content []byte) {
		for r := range Rows(content) {
			if r.Whole > len(r.Values) {
				t.Fatal(r)
			}
		}
		if len(content) > 512 { // a chain of overflow pages that has no end
			binary.BigEndian.PutUint32(content[len(content)-512:], 2)
			for range Rows(content) {
			}
		}
	})
}
