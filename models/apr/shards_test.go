package apr

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
)

// writeShards writes a model with three tensors in two shards to a folder and returns the path of the manifest.
func writeShards(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	tensors := []models.Tensor{tensor("c", quant.F32, 40), tensor("a", quant.Q8_0, 32), tensor("b", quant.F16, 8)}
	meta := models.Metadata{"model_type": "x", "name": "n", "sharding.pattern": "old"}
	shards, manifest, err := Shards("m", meta, models.Sources(tensors), map[string][]byte{"__vocab__": {1, 2}}, 200, Options{})
	if err != nil || len(shards) != 2 {
		t.Fatal(len(shards), err)
	}
	for _, s := range shards {
		var b bytes.Buffer
		if err := s.Write(&b); err != nil {
			t.Fatal(err)
		}
		save(t, filepath.Join(dir, s.Name), b.Bytes())
	}
	path := filepath.Join(dir, "m"+ManifestSuffix)
	save(t, path, manifest)
	return path
}

func save(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestShards opens a sharded model by its manifest and by each of its files.
func TestShards(t *testing.T) {
	path := writeShards(t)
	dir := filepath.Dir(path)
	for _, name := range []string{filepath.Base(path), "m-00001-of-00002.apr", "m-00002-of-00002.apr"} {
		f, err := Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, x := range f.Tensors {
			names = append(names, x.Name)
			if want := tensor(x.Name, x.Type, x.Shape...); !bytes.Equal(x.Data, want.Data) {
				t.Errorf("%s: tensor %s differs", name, x.Name)
			}
		}
		if !slices.Equal(names, []string{"a", "b", "c"}) || f.Meta["name"] != "n" || !bytes.Equal(f.Aux["__vocab__"], []byte{1, 2}) || f.Meta["apr.checksum"] != true {
			t.Errorf("%s: %v, %v, %v", name, names, f.Meta, f.Aux)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDamagedShards checks that each fault of a sharded model has an error of its own.
func TestDamagedShards(t *testing.T) {
	rewrite := func(name, old, with string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || !bytes.Contains(b, []byte(old)) {
				t.Fatal(err)
			}
			save(t, filepath.Join(dir, name), bytes.ReplaceAll(b, []byte(old), []byte(with)))
		}
	}
	const index, first, second = "m" + ManifestSuffix, "m-00001-of-00002.apr", "m-00002-of-00002.apr"
	move := func(from, to string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		open   string
		change func(t *testing.T, dir string)
		kind   error
		want   string
	}{
		"missing": {first, move(second, "x"), models.ErrNotFound, "is not there"},
		"renamed": {"x.apr", move(first, "x.apr"), models.ErrCorrupt, "does not say which"},
		"count":   {"m-00001-of-00003.apr", move(first, "m-00001-of-00003.apr"), models.ErrCorrupt, "says something else"},
		"swapped": {first, func(t *testing.T, dir string) {
			move(first, "x")(t, dir)
			move(second, first)(t, dir)
			move("x", second)(t, dir)
		}, models.ErrCorrupt, "says inside"},
		"json":     {index, rewrite(index, "{", "["), models.ErrCorrupt, "damaged"},
		"outside":  {index, rewrite(index, first, "../"+first), models.ErrCorrupt, "shard 0"},
		"foreign":  {index, rewrite(index, `"b": 0`, `"b": 1`), models.ErrCorrupt, "is not in shard"},
		"tensors":  {index, rewrite(index, `"tensor_count": 4`, `"tensor_count": 5`), models.ErrCorrupt, "says 5"},
		"no shard": {index, rewrite(index, `"shard_count": 2`, `"shard_count": 3`), models.ErrCorrupt, "lists 2 shards"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Dir(writeShards(t))
			c.change(t, dir)
			f, err := Open(filepath.Join(dir, c.open))
			if _, ok := errors.AsType[*models.FileError](err); !errors.Is(err, c.kind) || !ok || !strings.Contains(err.Error(), c.want) {
				t.Error(f, err)
			}
		})
	}
}
