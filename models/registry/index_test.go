package registry

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// indexAtOnce has records put into the index as soon as they are written.
func indexAtOnce(t *testing.T) {
	old := settled
	settled = -time.Hour
	t.Cleanup(func() { settled = old })
}

// listed returns the list of a library that is opened anew.
func listed(t interface{ Fatal(...any) }, root string) []Entry {
	l, err := Open(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	entries, broken := l.List()
	if len(broken) > 0 {
		t.Fatal(broken)
	}
	return entries
}

// TestIndex checks that the index has what the records say, and that whatever happens to it the list is that of the records, after which the index is whole again.
func TestIndex(t *testing.T) {
	indexAtOnce(t)
	l := three(t)
	want := listed(t, l.root)
	path := filepath.Join(l.root, indexFile)
	whole, err := os.ReadFile(path)
	if err != nil || len(want) != 3 {
		t.Fatal(err, want)
	}
	holds := func(t interface{ Fatal(...any) }) {
		x := openIndex(l.root)
		if len(x.known) != 3 {
			t.Fatal(fmt.Sprint("the index holds ", len(x.known)))
		}
		for _, e := range want {
			if _, err := x.read(filepath.Join(e.dir, entryFile)); err != nil || len(x.fresh) > 0 {
				t.Fatal(err, e.Name, "is not in the index")
			}
		}
	}
	holds(t)
	rapid.Check(t, func(t *rapid.T) {
		b := append([]byte(nil), whole...)
		switch rapid.SampledFrom([]string{"missing", "cut", "other bytes", "bits", "empty", "folder"}).Draw(t, "damage") {
		case "cut":
			b = b[:rapid.IntRange(0, len(b)-1).Draw(t, "length")]
		case "other bytes":
			at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
			copy(b[at:], rapid.SliceOfN(rapid.Byte(), 1, 4096).Draw(t, "bytes"))
		case "bits":
			for range rapid.IntRange(1, 64).Draw(t, "number") {
				b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			}
		case "empty":
			b = nil
		case "missing":
			b = []byte("missing")
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if string(b) == "missing" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 { // at the third time, damage was noticed and repaired
			if got := listed(t, l.root); !reflect.DeepEqual(got, want) {
				t.Fatalf("the list is %+v", got)
			}
		}
		holds(t)
	})
}

// The views show what the records contain.
func TestIndexViews(t *testing.T) {
	indexAtOnce(t)
	l := three(t)
	entries := listed(t, l.root)
	x := openIndex(l.root)
	err := x.open(func(db *sql.DB) error {
		for _, e := range entries {
			var title, blake3 string
			err := db.QueryRow(`SELECT title, blake3 FROM models JOIN files ON model = name WHERE name = ?`, e.Name).Scan(&title, &blake3)
			if err != nil || title != e.Title || blake3 != e.Files[0].BLAKE3 || blake3 == "" {
				return fmt.Errorf("%s: %q, %q, %w", e.Name, title, blake3, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A record that is changed in any way, by the library or by hand, is listed as its file is.
func TestIndexFollows(t *testing.T) {
	indexAtOnce(t)
	l := three(t)
	listed(t, l.root)
	const name = "gemma-3-270m.q4_k_m"
	if _, err := l.Alias(name, "gem:1", false); err != nil {
		t.Fatal(err)
	}
	if e, ok := named(listed(t, l.root), "gem:1"); !ok || e.Name != name {
		t.Error("an alias is not listed")
	}
	path := filepath.Join(l.dir, name, entryFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(b[:len(b)-2], []byte(`, "note": "by hand"}`)...), 0o600); err != nil {
		t.Fatal(err)
	}
	if e, _ := named(listed(t, l.root), name); e.Note != "by hand" {
		t.Errorf("a change by hand is not listed: %+v", e)
	}
	if err := errors.Join(l.Remove(name), os.RemoveAll(filepath.Join(l.dir, "smollm2-135m-instruct.q8_0"))); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, l.root); len(got) != 1 {
		t.Errorf("%d are listed", len(got))
	}
	if x := openIndex(l.root); len(x.known) != 1 {
		t.Errorf("the index has %d", len(x.known))
	}
}

// A record that was changed a moment ago is not put into the index: another change within the clock's resolution could not be told from it.
func TestIndexSettles(t *testing.T) {
	l := three(t)
	listed(t, l.root)
	if x := openIndex(l.root); len(x.known) != 0 {
		t.Errorf("%d records are in the index", len(x.known))
	}
}

// Libraries that share a folder, as those of two processes, list what is on the disk while all of them change it.
func TestIndexShared(t *testing.T) {
	indexAtOnce(t)
	root, dir := t.TempDir(), t.TempDir()
	var all sync.WaitGroup
	for i := range 3 {
		path := save(t, dir, fmt.Sprintf("m%d.gguf", i), chatModel(t, byte(i+1), 4096, nil))
		all.Go(func() {
			l, err := Open(root, nil)
			if err != nil {
				t.Error(err)
				return
			}
			e := mustImport(t, l, path, Link, ImportOptions{})
			for k := range 5 {
				alias := fmt.Sprintf("%s:v%d", e.Name, k)
				if _, err := l.Alias(e.Name, alias, false); err != nil {
					t.Error(err)
				}
				if entries, broken := l.List(); len(broken) > 0 {
					t.Error(broken)
				} else if found, ok := named(entries, alias); !ok || found.Name != e.Name {
					t.Errorf("%s is not listed", alias)
				}
			}
		})
	}
	all.Wait()
	entries := listed(t, root)
	for _, e := range entries {
		if len(e.Aliases) != 5 {
			t.Errorf("%+v", e.Aliases)
		}
	}
	if len(entries) != 3 {
		t.Errorf("%d are listed", len(entries))
	}
}

func BenchmarkList(b *testing.B) {
	l := library(b)
	dir := b.TempDir()
	for i := range 20 {
		mustImport(b, l, save(b, dir, fmt.Sprintf("m%d.gguf", i), chatModel(b, byte(i+1), 4096, nil)), Link, ImportOptions{})
	}
	time.Sleep(settled)
	for b.Loop() {
		if entries, _ := l.List(); len(entries) != 20 {
			b.Fatal(len(entries))
		}
	}
}
