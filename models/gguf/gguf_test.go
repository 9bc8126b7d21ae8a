package gguf

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/defaults"
)

// tensorOf returns a tensor whose bytes all have the value fill.
func tensorOf(name string, typ quant.Type, fill byte, shape ...int) models.Tensor {
	t := models.Tensor{Name: name, Type: typ, Shape: shape}
	t.Data = bytes.Repeat([]byte{fill}, t.Rows()*typ.RowBytes(t.Cols()))
	return t
}

func encode(t testing.TB, meta models.Metadata, tensors ...models.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, meta, tensors); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func save(t testing.TB, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustOpen(t testing.TB, path string) *models.File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// TestRoundTrip checks that Open returns what Write wrote: keys of every type, tensors of every
// block format.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	types := quant.Types()
	rapid.Check(t, func(t *rapid.T) {
		meta := models.Metadata{"general.alignment": rapid.SampledFrom([]uint64{8, 32, 64, 4096}).Draw(t, "alignment")}
		for key, v := range rapid.MapOfN(rapid.StringN(1, 20, 40), value(), 0, 8).Draw(t, "meta") {
			meta[key] = v
		}
		var tensors []models.Tensor
		for i := range rapid.IntRange(0, 5).Draw(t, "tensors") {
			typ := rapid.SampledFrom(types).Draw(t, "type")
			shape := rapid.SliceOfN(rapid.IntRange(1, 3), 0, 3).Draw(t, "rows")
			if len(shape) > 0 || typ.BlockValues() > 1 {
				shape = append(shape, typ.BlockValues()*rapid.IntRange(1, 3).Draw(t, "blocks"))
			}
			tensors = append(tensors, tensorOf(fmt.Sprint("t", i), typ, byte(i+1), shape...))
		}
		var b bytes.Buffer
		if err := Write(&b, meta, tensors); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "m.gguf")
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if !reflect.DeepEqual(f.Meta, meta) {
			t.Fatalf("keys\n%#v\ncame back as\n%#v", meta, f.Meta)
		}
		if len(f.Tensors) != len(tensors) {
			t.Fatalf("%d tensors came back as %d", len(tensors), len(f.Tensors))
		}
		for i, got := range f.Tensors {
			want := tensors[i]
			if got.Name != want.Name || got.Type != want.Type || !slices.Equal(got.Shape, want.Shape) || !bytes.Equal(got.Data, want.Data) {
				t.Fatalf("tensor %q %v %v came back as %q %v %v", want.Name, want.Type, want.Shape, got.Name, got.Type, got.Shape)
			}
		}
	})
}

// value draws a value of any type that Metadata holds.
func value() *rapid.Generator[any] {
	number := rapid.OneOf(rapid.Float64Range(-1e300, 1e300), rapid.Map(rapid.Float32Range(-1e30, 1e30), func(x float32) float64 { return float64(x) }))
	return rapid.OneOf(
		rapid.Bool().AsAny(), rapid.String().AsAny(), rapid.Uint64().AsAny(), rapid.Int64().AsAny(), number.AsAny(),
		rapid.SliceOf(rapid.Bool()).AsAny(), rapid.SliceOf(rapid.String()).AsAny(), rapid.SliceOf(rapid.Uint64()).AsAny(),
		rapid.SliceOf(rapid.Int64()).AsAny(), rapid.SliceOf(number).AsAny(),
	)
}

// TestEveryType checks that each narrower type is widened, also in arrays and in version 2.
func TestEveryType(t *testing.T) {
	le := func(n uint64, width int) []byte {
		var b []byte
		for range width {
			b, n = append(b, byte(n)), n>>8
		}
		return b
	}
	cases := []struct {
		typ   byte
		bytes []byte
		one   any
		many  any
	}{
		{tUint8, le(200, 1), uint64(200), []uint64{200, 200}},
		{tInt8, le(0xff, 1), int64(-1), []int64{-1, -1}},
		{tUint16, le(60000, 2), uint64(60000), []uint64{60000, 60000}},
		{tInt16, le(0xfffe, 2), int64(-2), []int64{-2, -2}},
		{tUint32, le(4e9, 4), uint64(4e9), []uint64{4e9, 4e9}},
		{tInt32, le(0xfffffffd, 4), int64(-3), []int64{-3, -3}},
		{tFloat32, le(0x3fc00000, 4), 1.5, []float64{1.5, 1.5}},
		{tBool, []byte{1}, true, []bool{true, true}},
		{tString, append(le(3, 8), "añ"...), "añ", []string{"añ", "añ"}},
		{tUint64, le(1<<63, 8), uint64(1 << 63), []uint64{1 << 63, 1 << 63}},
		{tInt64, le(1<<63, 8), int64(math.MinInt64), []int64{math.MinInt64, math.MinInt64}},
		{tFloat64, le(0x3ff8000000000000, 8), 1.5, []float64{1.5, 1.5}},
	}
	for version := byte(2); version <= 3; version++ {
		b := slices.Concat([]byte("GGUF"), []byte{version, 0, 0, 0}, le(0, 8), le(uint64(2*len(cases)), 8))
		for _, c := range cases {
			b = slices.Concat(b, le(2, 8), []byte{'o', 'a' + c.typ, c.typ, 0, 0, 0}, c.bytes)
			b = slices.Concat(b, le(2, 8), []byte{'m', 'a' + c.typ, tArray, 0, 0, 0}, []byte{c.typ, 0, 0, 0}, le(2, 8), c.bytes, c.bytes)
		}
		h, err := parse("x.gguf", b)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			for key, want := range map[string]any{"o": c.one, "m": c.many} {
				if got := h.meta[key+string('a'+c.typ)]; !reflect.DeepEqual(got, want) {
					t.Errorf("version %d, %s: got %#v, expected %#v", version, typeNames[c.typ], got, want)
				}
			}
		}
	}
}

// TestCutAnywhere checks that a file cut at any byte gives an error that says so.
func TestCutAnywhere(t *testing.T) {
	b := encode(t, models.Metadata{"general.architecture": "llama", "n": uint64(7), "list": []string{"a", "bc"}},
		tensorOf("a", quant.F32, 1, 2, 3), tensorOf("b", quant.Q8_0, 2, 2, 32))
	end := len(b)
	for b[end-1] == 0 { // padding after the last tensor is not needed
		end--
	}
	dir := t.TempDir()
	for n := range end {
		f, err := Open(save(t, dir, "cut.gguf", b[:n]))
		if err == nil {
			f.Close()
			t.Fatalf("the first %d of %d bytes opened", n, len(b))
		}
		if n >= 4 && !errors.Is(err, models.ErrCorrupt) || !strings.HasPrefix(err.Error(), "cut.gguf is ") {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}

// TestRealFiles compares the reader with another implementation; see testdata/README.md.
func TestRealFiles(t *testing.T) {
	for _, folder := range []string{"smollm2", "gemma3"} {
		t.Run(folder, func(t *testing.T) {
			f := mustOpen(t, defaults.Need(t, folder))
			want, err := os.ReadFile(filepath.Join("testdata", folder+".tsv"))
			if err != nil {
				t.Fatal(err)
			}
			got := list(f)
			lines := strings.Split(strings.TrimSpace(string(want)), "\n")
			for _, line := range lines {
				if !got[line] {
					t.Errorf("not found: %s", line)
				}
			}
			if len(got) != len(lines) {
				t.Errorf("%d keys and tensors, expected %d", len(got), len(lines))
			}
		})
	}
}

// list returns the lines that testdata/list.py writes for a file.
func list(f *models.File) map[string]bool {
	lines := map[string]bool{}
	for key, v := range f.Meta {
		lines[key2line(key, v)] = true
	}
	for _, x := range f.Tensors {
		shape := strings.ReplaceAll(strings.Trim(fmt.Sprint(x.Shape), "[]"), " ", "x")
		lines[fmt.Sprintf("tensor\t%s\t%v\t%s\t%d\t%08x", x.Name, x.Type, shape, len(x.Data), crc32.ChecksumIEEE(x.Data))] = true
	}
	return lines
}

func key2line(key string, v any) string {
	text := func(v any) string {
		if x, ok := v.(float64); ok {
			return fmt.Sprintf("%.9g", x)
		}
		return fmt.Sprint(v)
	}
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("text\t%s\t%d\t%x", key, len(v), sha256.Sum256([]byte(v)))
	case bool:
		return fmt.Sprintf("bool\t%s\t%v", key, v)
	case uint64, int64, float64:
		return fmt.Sprintf("number\t%s\t%s", key, text(v))
	}
	var all strings.Builder
	values := reflect.ValueOf(v)
	for i := range values.Len() {
		all.WriteString(text(values.Index(i).Interface()) + "\n")
	}
	return fmt.Sprintf("list\t%s\t%d\t%x", key, values.Len(), sha256.Sum256([]byte(all.String())))
}
