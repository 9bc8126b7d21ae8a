package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"soberano/kernels/quant"
	"soberano/models"
)

func tensor(name string, typ quant.Type, shape ...int) models.Tensor {
	n, _ := models.Values(shape)
	b := make([]byte, n*dtypes[dtypeName(typ)].bytes)
	for i := range b {
		b[i] = byte(i*5 + len(name))
	}
	return models.Tensor{Name: name, Type: typ, Shape: shape, Data: b}
}

func encode(t testing.TB, meta models.Metadata, tensors ...models.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, meta, tensors); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// raw builds a file with the given header, unchecked, and n bytes of data.
func raw(head string, n int) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...), make([]byte, n)...)
}

// directory creates a folder with the given files.
func directory(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func mustOpen(t testing.TB, path string) *models.File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestRoundTrip checks that Open returns what Write wrote.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var tensors []models.Tensor
		for i := range rapid.IntRange(0, 6).Draw(r, "tensors") {
			typ := rapid.SampledFrom([]quant.Type{quant.F32, quant.F16, quant.BF16}).Draw(r, "type")
			tensors = append(tensors, tensor(fmt.Sprint("t\"", i), typ, rapid.SliceOfN(rapid.IntRange(1, 4), 0, 4).Draw(r, "shape")...))
		}
		meta, got, err := parse("x", encode(t, models.Metadata{"format": "pt"}, tensors...))
		if err != nil || meta["format"] != "pt" || len(got) != len(tensors) {
			r.Fatal(meta, len(got), err)
		}
		slices.SortFunc(got, func(a, b models.Tensor) int { return strings.Compare(a.Name, b.Name) })
		for i, x := range got {
			w := tensors[i]
			if x.Name != w.Name || x.Type != w.Type || !slices.Equal(x.Shape, w.Shape) || !bytes.Equal(x.Data, w.Data) {
				r.Fatalf("read %+v, wrote %+v", x, w)
			}
		}
	})
}

func TestOpen(t *testing.T) {
	a, b, i := tensor("a", quant.F16, 2, 3), tensor("b", quant.F32), tensor("i", 27, 2)
	dir := directory(t, map[string][]byte{
		Weights: encode(t, nil, a, b), "config.json": []byte("{}"), "merges.txt": []byte("x"), "pytorch_model.bin": nil,
		"other.safetensors": encode(t, nil, a, i), Index: []byte(`{"weight_map": {"a": "gone.safetensors"}}`),
	})
	for _, path := range []string{dir, filepath.Join(dir, Weights)} {
		f := mustOpen(t, path)
		if len(f.Tensors) != 2 || string(f.Aux["config.json"]) != "{}" || len(f.Paths) != 3 || filepath.Base(f.Paths[0]) != Weights {
			t.Errorf("%s: %d tensors, %v", path, len(f.Tensors), f.Paths)
		}
	}
	other := filepath.Join(dir, "other.safetensors")
	if _, err := Open(other); !errors.Is(err, models.ErrUnsupported) || !strings.Contains(err.Error(), `"i" as I64`) {
		t.Error(err)
	}
	f, err := Peek(other)
	if err != nil || len(f.Tensors) != 2 {
		t.Fatal(err)
	}
	f.Close()
}

// TestParts opens a model in several files by each of them and by its index.
func TestParts(t *testing.T) {
	index := `{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}`
	files := map[string][]byte{
		"m-1.safetensors": encode(t, nil, tensor("a", quant.F32, 2)), "m-2.safetensors": encode(t, nil, tensor("b", quant.F32, 2)), Index: []byte(index),
		"loose.safetensors": encode(t, nil, tensor("c", quant.F32, 2)),
	}
	dir := directory(t, files)
	for _, name := range []string{"", Index, "m-1.safetensors", "m-2.safetensors"} {
		f := mustOpen(t, filepath.Join(dir, name))
		if len(f.Tensors) != 2 || len(f.Paths) != 3 || filepath.Base(f.Paths[0]) != Index {
			t.Errorf("%q: %d tensors, %v", name, len(f.Tensors), f.Paths)
		}
	}
	if f := mustOpen(t, filepath.Join(dir, "loose.safetensors")); len(f.Tensors) != 1 {
		t.Errorf("a file that the index does not name gives %d tensors", len(f.Tensors))
	}
	for bad, want := range map[string]string{
		`{"weight_map": {"a": "../m-1.safetensors"}}`:                           "impossible file",
		`{"weight_map": {"a": ".."}}`:                                           "impossible file",
		`{"weight_map": {}}`:                                                    "names 0 files",
		`{"weight_map": 1}`:                                                     "is damaged",
		`{"weight_map": {"x": "m-1.safetensors"}}`:                              `has tensor "x", and it has not`,
		`{"weight_map": {"a": "m-1.safetensors", "b": "gone.safetensors"}}`:     "is not there",
		`{"weight_map": {"a": "m-1.safetensors", "b": "m-1-copy.safetensors"}}`: "in two of its files",
	} {
		files[Index], files["m-1-copy.safetensors"] = []byte(bad), files["m-1.safetensors"]
		if _, err := Open(directory(t, files)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestHostile checks that each kind of damaged file has an error message of its own.
func TestHostile(t *testing.T) {
	one := func(dtype, shape, offsets string) []byte {
		return raw(fmt.Sprintf(`{"w":{"dtype":%q,"shape":%s,"data_offsets":%s}}`, dtype, shape, offsets), 8)
	}
	cases := []struct {
		name string
		b    []byte
		kind error
		want string
	}{
		{"empty", nil, models.ErrCorrupt, "cut short"},
		{"length", binary.LittleEndian.AppendUint64(nil, 1<<63), models.ErrCorrupt, "9,223,372,036,854,775,808"},
		{"cut header", raw(`{"w":`, 0)[:10], models.ErrCorrupt, "cut short"},
		{"no object", raw(`[]`, 0), models.ErrCorrupt, "not a JSON object"},
		{"half", raw(`{"w":`, 0), models.ErrCorrupt, "the header"},
		{"more", raw(`{}{}`, 0), models.ErrCorrupt, "after its end"},
		{"twice", raw(`{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), models.ErrCorrupt, "twice"},
		{"dtype", one("F4", "[2]", "[0,8]"), models.ErrUnsupported, `as "F4"`},
		{"dimensions", one("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), models.ErrCorrupt, "9 dimensions"},
		{"zero", one("F32", "[0]", "[0,0]"), models.ErrCorrupt, "shape [0]"},
		{"negative", one("F32", "[-2]", "[0,8]"), models.ErrCorrupt, "shape [-2]"},
		{"overflow", one("F32", "[4294967296,4294967296]", "[0,8]"), models.ErrCorrupt, "impossible shape"},
		{"fraction", one("F32", "[1.5]", "[0,8]"), models.ErrCorrupt, `tensor "w"`},
		{"no offsets", one("F32", "[2]", "[]"), models.ErrCorrupt, "offsets []"},
		{"backwards", one("F32", "[2]", "[8,0]"), models.ErrCorrupt, "offsets [8 0]"},
		{"bytes", one("F32", "[2]", "[0,4]"), models.ErrCorrupt, "needs 8"},
		{"beyond", one("F32", "[4]", "[0,16]"), models.ErrCorrupt, "byte 16 of the data, but there are 8"},
		{"gap", one("F32", "[1]", "[4,8]"), models.ErrCorrupt, "begins at byte 4"},
		{"rest", one("F32", "[1]", "[0,4]"), models.ErrCorrupt, "4 bytes behind the last tensor"},
		{"overlap", raw(`{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), models.ErrCorrupt, "byte 8 is expected"},
		{"metadata", raw(`{"__metadata__":{"a":1}}`, 0), models.ErrCorrupt, "__metadata__"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(directory(t, map[string][]byte{Weights: c.b}))
			var fe *models.FileError
			if !errors.Is(err, c.kind) || !errors.As(err, &fe) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	good := encode(t, models.Metadata{"format": "pt"}, tensor("w", quant.F16, 2, 3))
	for n := range good {
		if _, _, err := parse("x", good[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were read", n, len(good))
		}
	}
}

// FuzzOpen checks that parse ends for any bytes, and that what it accepts is consistent.
func FuzzOpen(f *testing.F) {
	f.Add(encode(f, models.Metadata{"format": "pt"}, tensor("w", quant.F16, 2, 3), tensor("b", quant.F32)))
	f.Add(raw(`{"w":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}} `, 8))
	f.Add(raw(`{}`, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, tensors, err := parse("x", b)
		if err != nil {
			var fe *models.FileError
			if !errors.As(err, &fe) || fe.Reason == "" {
				t.Fatalf("%v is no FileError", err)
			}
			return
		}
		for _, x := range tensors {
			if x.Type.Known() {
				quant.Dequantize(x.Type, make([]float32, x.Len()), x.Data)
			}
		}
	})
}

// FuzzIndex checks that for any index only files in its own directory are opened.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}`))
	f.Add([]byte(`{"weight_map": {"a": "../x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := directory(t, map[string][]byte{Index: b})
		p, err := readIndex(dir, Index)
		if err != nil {
			return
		}
		for _, name := range p.files {
			if filepath.Dir(filepath.Join(dir, name)) != dir {
				t.Errorf("%q lies elsewhere", name)
			}
		}
	})
}
