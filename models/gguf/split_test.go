package gguf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
)

// parts writes a model of three files and returns their paths.
func parts(t *testing.T, dir string) []string {
	t.Helper()
	var paths []string
	for i := range 3 {
		meta := models.Metadata{"split.no": uint64(i), "split.count": uint64(3), "split.tensors.count": int64(4)}
		tensors := []models.Tensor{tensorOf(fmt.Sprint("t", i), quant.F32, byte(i), 8)}
		if i == 0 {
			meta["general.architecture"] = "llama"
			tensors = append(tensors, tensorOf("first", quant.Q8_0, 9, 2, 32))
		}
		paths = append(paths, save(t, dir, fmt.Sprintf("m-%05d-of-00003.gguf", i+1), encode(t, meta, tensors...)))
	}
	return paths
}

// TestSplit checks that a split model opens as one model, given any of its files.
func TestSplit(t *testing.T) {
	paths := parts(t, t.TempDir())
	for _, path := range paths {
		f := mustOpen(t, path)
		var names []string
		for _, x := range f.Tensors {
			names = append(names, x.Name)
		}
		if strings.Join(names, " ") != "t0 first t1 t2" || f.Meta["general.architecture"] != "llama" || len(f.Paths) != 3 {
			t.Errorf("%s: tensors %v, keys %v, paths %v", path, names, f.Meta, f.Paths)
		}
		if x, err := f.Need("t2", 8); err != nil || x.Data[0] != 2 {
			t.Error(x, err)
		}
	}
}

func TestSplitHostile(t *testing.T) {
	part := func(no, count, total int, name string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			b := encode(t, models.Metadata{"split.no": uint64(no), "split.count": uint64(count), "split.tensors.count": uint64(total)}, tensorOf(name, quant.F32, 1, 8))
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	cases := []struct {
		name   string
		part   int // the part that is changed
		change func(t *testing.T, path string)
		kind   error
		want   string
	}{
		{"missing", 1, func(t *testing.T, path string) { os.Remove(path) }, models.ErrNotFound, "m-00002-of-00003.gguf is not there: it is file 2 of the 3"},
		{"renamed", 0, func(t *testing.T, path string) { os.Rename(path, filepath.Join(filepath.Dir(path), "model.gguf")) }, models.ErrCorrupt, "does not say which"},
		{"other count", 0, part(0, 4, 4, "t0"), models.ErrCorrupt, "says inside that the model has 4 files"},
		{"other number", 2, part(1, 3, 4, "t2"), models.ErrCorrupt, "file 2 of 3, its name says 3 of 3"},
		{"same tensor", 2, part(2, 3, 4, "t1"), models.ErrCorrupt, `tensor "t1", which is also in m-00002`},
		{"lost tensor", 0, part(0, 3, 4, "t0"), models.ErrCorrupt, "promises 4 tensors in its 3 files, but they hold 3"},
		{"many", 0, part(0, 5000, 4, "t0"), models.ErrCorrupt, "more than the 1,024 allowed"},
		{"cut", 2, func(t *testing.T, path string) { os.Truncate(path, 100) }, models.ErrCorrupt, "m-00003-of-00003.gguf is cut short"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			paths := parts(t, dir)
			c.change(t, paths[c.part])
			open := paths[0]
			if _, err := os.Stat(open); err != nil {
				open = filepath.Join(dir, "model.gguf")
			}
			_, err := Open(open)
			if !errors.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}
