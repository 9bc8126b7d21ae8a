package registry

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/models"
)

// three returns a library with three models whose names begin alike.
func three(t *testing.T) *Library {
	t.Helper()
	l, dir := library(t), t.TempDir()
	for i, name := range []string{"SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct.Q8_0.gguf", "Gemma-3-270m.Q4_K_M.gguf"} {
		mustImport(t, l, save(t, dir, name, chatModel(t, byte(i+1), 4096, nil)), Link, ImportOptions{})
	}
	return l
}

// A reference finds the one model to which it can belong, by name, alias or words.
func TestLookup(t *testing.T) {
	l := three(t)
	if _, err := l.Alias("smollm2-135m-instruct.q8_0", "smollm2:best", false); err != nil {
		t.Fatal(err)
	}
	for reference, want := range map[string]string{
		"smollm2-135m-instruct.q4_1": "smollm2-135m-instruct.q4_1", "smollm2:135m-q4": "smollm2-135m-instruct.q4_1", "SmolLM2:Q8_0": "smollm2-135m-instruct.q8_0",
		"smollm2:best": "smollm2-135m-instruct.q8_0", "gemma": "gemma-3-270m.q4_k_m", "gemma-3:q4_k_m": "gemma-3-270m.q4_k_m", "gem": "gemma-3-270m.q4_k_m", "270M": "gemma-3-270m.q4_k_m", "q8_0": "smollm2-135m-instruct.q8_0", "best": "smollm2-135m-instruct.q8_0",
	} {
		for what, find := range map[string]func() (Entry, error){"Lookup": func() (Entry, error) { return l.Lookup(reference) }, "Resolve": func() (Entry, error) { return Resolve(l, reference, nil) }} {
			if e, err := find(); err != nil || e.Name != want {
				t.Errorf("%s %s: %q, %v", what, reference, e.Name, err)
			}
		}
	}
	for _, reference := range []string{"smol-", "136m", "smollm2:q5", ":q8_0", "gemma:q4-270m", "", ":", "gemma-3-270m-q4-k-m-x"} {
		if e, err := l.Lookup(reference); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("%q: %q, %v", reference, e.Name, err)
		}
	}
	for _, reference := range []string{"smollm2", "smol", "135m"} {
		_, err := Resolve(l, reference, nil)
		if several, ok := errors.AsType[*AmbiguousError](err); !ok || strings.Join(several.Names, " ") != "smollm2-135m-instruct.q4_1 smollm2-135m-instruct.q8_0" {
			t.Errorf("%s: %v", reference, err)
		}
	}
}

// An alias belongs to one model, and is no name of another.
func TestAlias(t *testing.T) {
	l := three(t)
	const a, b = "smollm2-135m-instruct.q4_1", "smollm2-135m-instruct.q8_0"
	alias := func(name, alias string, move bool) error { _, err := l.Alias(name, alias, move); return err }
	for _, bad := range []string{"", "a:b:c", "a/b", ":x", "x:", "A", "con", "a b"} {
		if alias(a, bad, false) == nil {
			t.Errorf("%q becomes an alias", bad)
		}
	}
	if err := errors.Join(alias(a, "smol:v1", false), alias(a, "smol:v1", false)); err != nil {
		t.Fatal(err)
	}
	taken, ok := errors.AsType[*TakenError](alias(b, "smol:v1", false))
	if !ok || taken.Name != a {
		t.Errorf("%v", taken)
	}
	if _, ok := errors.AsType[*TakenError](alias(b, a, true)); !ok {
		t.Error("a name becomes an alias of another model")
	}
	if err := alias(b, "smol:v1", true); err != nil {
		t.Fatal(err)
	}
	if e, err := l.Lookup("smol:v1"); err != nil || e.Name != b {
		t.Errorf("%s, %v", e.Name, err)
	}
	if _, err := l.Unalias(a, "smol:v1"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := l.Unalias(b, "smol:v1"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Lookup("smol:v1"); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// A renamed model is found by both names, keeps its files and aliases, and its earlier name is not given to another one.
func TestRename(t *testing.T) {
	l, dir := library(t), t.TempDir()
	path := save(t, dir, "a.gguf", chatModel(t, 1, 4096, nil))
	mustImport(t, l, path, Copy, ImportOptions{})
	mustImport(t, l, save(t, dir, "b.gguf", chatModel(t, 2, 4096, nil)), Link, ImportOptions{})
	if _, err := l.Alias("a", "a:v1", false); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"b", "B", "", "x:y"} {
		if _, err := l.Rename("a", to); err == nil {
			t.Errorf("a is renamed to %q", to)
		}
	}
	if e, err := l.Rename("a", "first"); err != nil || e.Name != "first" {
		t.Fatalf("%+v, %v", e, err)
	}
	for _, reference := range []string{"a", "first", "a:v1"} {
		if e, err := l.Lookup(reference); err != nil || e.Name != "first" || e.Becomes != "" {
			t.Errorf("%s: %+v, %v", reference, e, err)
		}
	}
	mustVerify(t, l, "first")
	if err := os.WriteFile(path, chatModel(t, 3, 4096, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if e := mustImport(t, l, path, Copy, ImportOptions{}); e.Name != "a-2" {
		t.Errorf("another model becomes %s", e.Name)
	}
	if e, err := l.Rename("first", "a"); err != nil || e.Name != "a" || len(e.Aliases) != 2 {
		t.Errorf("%+v, %v", e, err)
	}
}

// What a person sets while a hash is computed stays: recording the hash does not undo it.
func TestSetWhileVerified(t *testing.T) {
	l, dir := library(t), t.TempDir()
	path := save(t, dir, "a.gguf", chatModel(t, 1, 4096, nil))
	mustImport(t, l, path, Link, ImportOptions{})
	e, err := l.Find("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Alias("a", "a:v1", false); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, stopTime, stopTime); err != nil {
		t.Fatal(err)
	}
	if err := e.Unchanged(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	now, err := l.Lookup("a:v1")
	if err != nil || now.Files[0].Stamp != e.Files[0].Stamp {
		t.Errorf("%+v, %v", now, err)
	}
	if filepath.Base(now.dir) != "a" {
		t.Error(now.dir)
	}
}
