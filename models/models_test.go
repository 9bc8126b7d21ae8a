package models

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestGrouped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		s := Grouped(n)
		back, err := strconv.ParseInt(strings.ReplaceAll(s, ",", ""), 10, 64)
		if err != nil || back != n {
			t.Fatalf("%d became %s", n, s)
		}
		for i, group := range strings.Split(strings.TrimPrefix(s, "-"), ",") {
			if len(group) != 3 && (i > 0 || len(group) > 3 || group == "") {
				t.Fatalf("%d became %s", n, s)
			}
		}
	})
	if s := Grouped(uint64(18446744073709551615)); s != "18,446,744,073,709,551,615" {
		t.Error(s)
	}
}

// TestInFile checks which errors become errors of a file, and that their text says what is wrong once.
func TestInFile(t *testing.T) {
	whole := Corrupt("dir/a.gguf", "is cut short")
	for _, c := range []struct {
		err, kind error
		want      string
	}{
		{fmt.Errorf("key %q is missing: %w", "k", ErrCorrupt), ErrCorrupt, `a.gguf is damaged: key "k" is missing; download it again`},
		{fmt.Errorf("a mixture: %w", ErrUnsupported), ErrUnsupported, "a.gguf can't be run by this version: a mixture"},
		{whole, ErrCorrupt, whole.Error()},
		{fmt.Errorf("no memory: %w", fs.ErrPermission), fs.ErrPermission, "dir/a.gguf: no memory: permission denied"},
	} {
		err := InFile("dir/a.gguf", c.err)
		if !errors.Is(err, c.kind) || err.Error() != c.want {
			t.Errorf("%v, expected %s", err, c.want)
		}
	}
	if err := InFile("a", nil); err != nil {
		t.Error(err)
	}
}

func TestMap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	for _, text := range []string{"", "hello", strings.Repeat("x", 100000)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b, release, err := Map(path)
		if err != nil || string(b) != text {
			t.Fatalf("%d bytes became %d, %v", len(text), len(b), err)
		}
		if err := release(); err != nil {
			t.Error(err)
		}
		if small, err := ReadSmall(path, 100); err == nil && string(small) != text || (err == nil) != (len(text) <= 100) {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
	if _, _, err := Map(filepath.Join(t.TempDir(), "none")); !errors.Is(err, ErrNotFound) || !errors.Is(err, fs.ErrNotExist) || err.Error() != "none is not there" {
		t.Error(err)
	}
	if _, _, err := Map(t.TempDir()); !errors.Is(err, ErrUnknownFormat) {
		t.Error(err)
	}
}

func TestNeed(t *testing.T) {
	f := &File{Path: "m", Tensors: []Tensor{{Name: "w", Shape: []int{4, 3, 2}}, {Name: "s"}}}
	w, err := f.Need("w", 4, 3, 2)
	if err != nil || w.Rows() != 12 || w.Cols() != 2 || w.Len() != 24 {
		t.Error(w, err)
	}
	if s, err := f.Need("s"); err != nil || s.Rows() != 1 || s.Cols() != 1 || s.Len() != 1 {
		t.Error(s, err)
	}
	for _, shape := range [][]int{{4, 3}, {4, 3, 1}, nil} {
		if _, err := f.Need("w", shape...); !errors.Is(err, ErrCorrupt) {
			t.Error(shape, err)
		}
	}
	if _, err := f.Need("v", 1); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), `"v"`) {
		t.Error(err)
	}
}

// TestMetadata checks that a getter returns the value, the default for an absent key, and an error for
// a value of another type.
func TestMetadata(t *testing.T) {
	m := Metadata{"s": "x", "u": uint64(7), "i": int64(-7), "f": 1.5, "b": true, "big": uint64(1 << 63), "us": []uint64{1, 2}, "huge": []uint64{1 << 63}, "ss": []string{"a"}, "fs": []float64{1}}
	type got struct {
		v   any
		err error
	}
	call := func(v any, err error) got { return got{v, err} }
	get := func(key string) []got {
		return []got{call(m.String(key, "d")), call(m.Int(key, 9)), call(m.Float(key, 9)), call(m.Bool(key, true))}
	}
	for key, want := range map[string][]any{
		"s": {"x", nil, nil, nil}, "u": {nil, 7, 7., nil}, "i": {nil, -7, -7., nil}, "f": {nil, nil, 1.5, nil}, "b": {nil, nil, nil, true},
		"big": {nil, nil, float64(1 << 63), nil}, "us": {nil, nil, nil, nil}, "none": {"d", 9, 9., true},
	} {
		for i, g := range get(key) {
			if want[i] == nil && !errors.Is(g.err, ErrCorrupt) || want[i] != nil && (g.err != nil || g.v != want[i]) {
				t.Errorf("key %s, getter %d: %v, %v; expected %v", key, i, g.v, g.err, want[i])
			}
		}
	}
	if ints, err := m.Ints("us"); err != nil || len(ints) != 2 || ints[1] != 2 {
		t.Error(ints, err)
	}
	for _, err := range []error{second(m.Ints("huge")), second(m.Ints("ss")), second(m.Floats("us")), second(m.Strings("fs"))} {
		if !errors.Is(err, ErrCorrupt) {
			t.Error(err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
