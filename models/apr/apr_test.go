package apr

import (
	"bytes"
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
)

func tensor(name string, typ quant.Type, shape ...int) models.Tensor {
	n, ok := models.Bytes(typ, shape)
	if !ok {
		panic(fmt.Sprint(name, typ, shape))
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*5 + len(name))
	}
	return models.Tensor{Name: name, Type: typ, Shape: shape, Data: b}
}

func encode(t testing.TB, meta models.Metadata, lists map[string][]byte, tensors ...models.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, meta, tensors, lists); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// image builds a file from entries and metadata, unchecked, with correct checksums.
func image(meta string, all ...entry) []byte {
	h := &header{flags: flagRowMajor, count: uint32(len(all)), metaAt: headerBytes, metaSize: uint32(len(meta))}
	b := pad(append(make([]byte, headerBytes), meta...))
	h.indexAt = uint64(len(b))
	b = pad(appendIndex(b, all))
	h.dataAt = uint64(len(b))
	h.put(b)
	for _, x := range all {
		b = pad(append(b, x.data...))
	}
	return seal(b)
}

// seal appends a checksum to a file without one and corrects the header's.
func seal(b []byte) []byte {
	le.PutUint32(b[40:], crc32.Update(crc32.ChecksumIEEE(b[:40]), crc32.IEEETable, b[44:headerBytes]))
	return le.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func open1(b []byte) (*models.File, error) {
	f := &models.File{Path: "x.apr"}
	o := &opening{f: f, weights: true, values: map[dtype]int{}, where: map[string]int{}}
	p, err := o.read(f.Path, b)
	if err != nil {
		return f, err
	}
	o.add(p, 0)
	return f, errors.Join(o.err, o.end())
}

func values(t models.Tensor) []float32 {
	out := make([]float32, t.Len())
	quant.Dequantize(t.Type, out, t.Data)
	return out
}

// TestGolden reads the reference implementation's own files.
func TestGolden(t *testing.T) {
	for _, name := range []string{"golden_v2.apr", "golden_v2_skip_none.apr"} {
		f, err := Open(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Meta["model_type"] != "linear_regression" || f.Meta["param_count"] != int64(8) || f.Meta["apr.checksum"] != true || len(f.Tensors) != 2 {
			t.Errorf("%s: %v, %d tensors", name, f.Meta, len(f.Tensors))
		}
		if _, null := f.Meta["license"]; null {
			t.Errorf("%s: a null is a key: %v", name, f.Meta)
		}
		b, err := f.Need("bias", 1)
		if err != nil || values(b)[0] != 0.125 {
			t.Error(err, values(b))
		}
		w, err := f.Need("weights", 8)
		if want := []float32{1, 2, 0.5, -0.5, 4, -2, 0.25, 8}; err != nil || !slices.Equal(values(w), want) {
			t.Error(err, values(w))
		}
	}
	if _, err := Open("testdata/golden_v1.apr"); !errors.Is(err, models.ErrUnsupported) || !strings.Contains(err.Error(), "another version") {
		t.Error(err)
	}
}

// TestWriteGolden checks that Write puts the reference's tensors at the same offsets.
func TestWriteGolden(t *testing.T) {
	want, err := os.ReadFile("testdata/golden_v2_skip_none.apr")
	if err != nil {
		t.Fatal(err)
	}
	f, err := open1(want)
	if err != nil {
		t.Fatal(err)
	}
	got := encode(t, f.Meta, nil, f.Tensors...)
	h1, _, _ := parse("", want)
	h2, _, err := parse("", got)
	if err != nil || !bytes.Equal(want[h1.indexAt:len(want)-4], got[h2.indexAt:len(got)-4]) {
		t.Errorf("%v\n got %q\nwant %q", err, got, want)
	}
}

// TestRoundTrip checks that Open returns what Write wrote.
func TestRoundTrip(t *testing.T) {
	types := quant.Types()
	rapid.Check(t, func(r *rapid.T) {
		meta := models.Metadata{"name": rapid.String().Draw(r, "name"), "n": rapid.Int64().Draw(r, "n"), "x": 0.5, "list": []int64{1, 2}, "texts": []string{"a"}, "yes": true,
			"floats": []float64{1, 2}, "bools": []bool{true, false}, "sharp": 1e300, "model_card.name": "n", "html": "<|im_end|>"}
		lists := map[string][]byte{"__vocab__": rapid.SliceOfN(rapid.Byte(), 1, 99).Draw(r, "list")}
		var tensors []models.Tensor
		for i := range rapid.IntRange(0, 5).Draw(r, "tensors") {
			typ := rapid.SampledFrom(types).Draw(r, "type")
			shape := append(rapid.SliceOfN(rapid.IntRange(1, 3), 0, 3).Draw(r, "shape"), typ.BlockValues()*rapid.IntRange(1, 3).Draw(r, "columns"))
			tensors = append(tensors, tensor(fmt.Sprint("t", i), typ, shape...))
		}
		var b bytes.Buffer
		packing := rapid.SampledFrom([]Compression{Plain, LZ4, ZSTD}).Draw(r, "compression")
		if err := WriteSources(&b, meta, models.Sources(tensors), lists, Options{Compression: packing}); err != nil {
			r.Fatal(err)
		}
		f, err := open1(b.Bytes())
		if err != nil {
			r.Fatal(err)
		}
		for key, want := range meta {
			if !reflect.DeepEqual(f.Meta[key], want) {
				r.Fatalf("key %s: read %v, wrote %v", key, f.Meta[key], want)
			}
		}
		if len(f.Tensors) != len(tensors) || !bytes.Equal(f.Aux["__vocab__"], lists["__vocab__"]) || f.Meta["apr.checksum"] != true {
			r.Fatalf("%d tensors, %v", len(f.Tensors), f.Aux)
		}
		for i, x := range f.Tensors {
			w := tensors[i]
			if x.Name != w.Name || x.Type != w.Type || !slices.Equal(x.Shape, w.Shape) || !bytes.Equal(x.Data, w.Data) {
				r.Fatalf("read %+v, wrote %+v", x, w)
			}
		}
	})
}

// TestBlocks checks that converted APR blocks have the same values.
func TestBlocks(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		cols := rapid.SampledFrom([]int{32, 64, 5, 40}).Draw(r, "columns")
		x := entry{name: "w", shape: []int{3, cols}, dtype: q4}
		n := 3 * cols
		want := make([]float32, n)
		if rapid.Bool().Draw(r, "eight") {
			x.dtype = q8
			scale := rapid.Float32Range(-2, 2).Draw(r, "scale")
			x.data = le.AppendUint32(nil, math.Float32bits(scale))
			for i := range n {
				q := rapid.Int8().Draw(r, "q")
				x.data, want[i] = append(x.data, byte(q)), scale*float32(q)
			}
		} else {
			for b := 0; b < n; b += 32 {
				scale := quant.F32ToF16(rapid.Float32Range(-2, 2).Draw(r, "scale"))
				x.data = le.AppendUint16(x.data, scale)
				for i := b; i < b+32; i += 2 {
					q := rapid.Byte().Draw(r, "q")
					x.data = append(x.data, q)
					for j, half := range []byte{q & 15, q >> 4} {
						if i+j < n {
							want[i+j] = quant.F16ToF32(scale) * (float32(half) - 8)
						}
					}
				}
			}
		}
		x.size = uint64(len(x.data))
		old := x
		old.name, old.dtype = "w1", map[dtype]dtype{q4: oldQ4, q8: oldQ8}[x.dtype]
		old.offset = padded(x.size)
		f, err := open1(image("{}", x, old))
		if err != nil {
			r.Fatal(err)
		}
		for _, got := range f.Tensors {
			if !slices.Equal(values(got), want) {
				r.Fatalf("%v %v: %v, expected %v", x.dtype, got.Type, values(got), want)
			}
		}
		if cols%32 == 0 && x.dtype == q4 && f.Tensors[0].Type != quant.Q4_0 {
			r.Fatalf("APR_Q4 became %v", f.Tensors[0].Type)
		}
	})
}

func TestMetadata(t *testing.T) {
	f, err := open1(image(`{"a":{"b":{"c":1.5},"d":null},"l":[1,2.5],"m":[1,"x"],"n":[[1],{"y":2}],"big":12345678901234567890,"t":["x","y"],"e":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := models.Metadata{"a.b.c": 1.5, "l": []float64{1, 2.5}, "m": []any{int64(1), "x"}, "n": []any{nil, nil}, "big": 12345678901234567890.0,
		"t": []string{"x", "y"}, "e": []string(nil), "apr.checksum": true, "apr.stored": "F32"}
	if !reflect.DeepEqual(f.Meta, want) {
		t.Errorf("%#v", f.Meta)
	}
	for bad, want := range map[string]string{
		"": "not a JSON object", "[]": "not a JSON object", "{": "the metadata", `{"a":1,"a":2}`: "twice", `{"a":{"b":1,"b":1}}`: "twice", `{}x`: "after its end",
		`{"a":{"b":1},"a.b":2}`: "twice", `{"a":1e999}`: "the metadata",
		`{"a":` + strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 21): "too deep", `{"a":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + "}": "too deep",
	} {
		if _, err := open1(image(bad)); !errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestHostile checks that each kind of damaged file has an error message of its own.
func TestHostile(t *testing.T) {
	w := entry{name: "w", shape: []int{2}, size: 8, data: make([]byte, 8)}
	with := func(change func(*entry)) []byte {
		x := w
		x.shape = slices.Clone(w.shape)
		change(&x)
		return image("{}", x)
	}
	head := func(change func(b []byte)) []byte {
		b := image("{}", w)
		change(b)
		return seal(b[:len(b)-4])
	}
	flag := func(n uint16) []byte { return head(func(b []byte) { le.PutUint16(b[6:], n|flagRowMajor) }) }
	flip := func(at int) []byte {
		b := image("{}", w)
		b[(at+len(b))%len(b)] ^= 1
		return b
	}
	v, next := w, w
	v.name, v.offset, next.offset = "v", 32, 64
	cases := []struct {
		name string
		b    []byte
		kind error
		want string
	}{
		{"empty", nil, models.ErrCorrupt, "cut short"},
		{"magic", head(func(b []byte) { b[3] = 'X' }), models.ErrUnknownFormat, "does not begin"},
		{"version", head(func(b []byte) { b[4] = 3 }), models.ErrUnsupported, "another version"},
		{"header", flip(9), models.ErrCorrupt, "the header's checksum"},
		{"footer", flip(-1), models.ErrCorrupt, "its checksum is"},
		{"data", flip(-40), models.ErrCorrupt, "its checksum is"},
		{"lz4", flag(1), models.ErrCorrupt, "decompressed"},
		{"zstd", flag(2), models.ErrCorrupt, "decompressed"},
		{"both", flag(3), models.ErrCorrupt, "in two ways"},
		{"encrypted", flag(4), models.ErrUnsupported, "is encrypted in a way"},
		{"signed", flag(8), models.ErrUnsupported, "is signed in a way"},
		{"sharded", flag(16), models.ErrCorrupt, "does not say of how many"},
		{"columns", flag(0x800), models.ErrUnsupported, "column by column"},
		{"count", head(func(b []byte) { le.PutUint32(b[8:], 1<<31) }), models.ErrCorrupt, "count of tensors is 2,147,483,648"},
		{"two", head(func(b []byte) { le.PutUint32(b[8:], 2) }), models.ErrCorrupt, `tensor "" has 0 bytes`},
		{"metadata", head(func(b []byte) { le.PutUint32(b[20:], 1<<30) }), models.ErrCorrupt, "metadata of 1,073,741,824"},
		{"metadata's place", head(func(b []byte) { le.PutUint64(b[12:], math.MaxUint64) }), models.ErrCorrupt, "metadata of"},
		{"index", head(func(b []byte) { le.PutUint64(b[24:], 1<<40) }), models.ErrCorrupt, "index at"},
		{"place of the data", head(func(b []byte) { le.PutUint64(b[32:], 1<<63) }), models.ErrCorrupt, "data at"},
		{"index in the data", head(func(b []byte) { le.PutUint64(b[32:], le.Uint64(b[24:])) }), models.ErrCorrupt, "behind the beginning of the data"},
		{"name", with(func(x *entry) { x.name = strings.Repeat("n", 300) }), models.ErrCorrupt, "300 bytes"},
		{"no UTF-8", with(func(x *entry) { x.name = "\xff" }), models.ErrCorrupt, "no UTF-8"},
		{"rank", with(func(x *entry) { x.shape = make([]int, 9) }), models.ErrCorrupt, "9 dimensions"},
		{"zero", with(func(x *entry) { x.shape[0] = 0 }), models.ErrCorrupt, "shape [0]"},
		{"overflow", with(func(x *entry) { x.shape = []int{1 << 32, 1 << 32} }), models.ErrCorrupt, "impossible shape"},
		{"rows", with(func(x *entry) { x.dtype = dtype(quant.Q4_0) }), models.ErrCorrupt, "for Q4_0"},
		{"bytes", with(func(x *entry) { x.size = 12 }), models.ErrCorrupt, "needs 8"},
		{"type", with(func(x *entry) { x.dtype = 77 }), models.ErrUnsupported, `"w" as type 77`},
		{"double", with(func(x *entry) { x.dtype, x.shape = f64, []int{1} }), models.ErrUnsupported, `"w" as F64`},
		{"offset", with(func(x *entry) { x.offset = math.MaxUint64 }), models.ErrCorrupt, "cut short"},
		{"far", with(func(x *entry) { x.offset = 1 << 20 }), models.ErrCorrupt, "cut short"},
		{"order", image("{}", w, v), models.ErrCorrupt, "in order"},
		{"shared", image("{}", v, entry{name: "w", shape: []int{2}, offset: 36, size: 8, data: w.data}), models.ErrCorrupt, "share bytes"},
		{"rest", image("{}", w)[:len(image("{}", w))-1], models.ErrCorrupt, "too few for a checksum"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.apr")
			if err := os.WriteFile(path, c.b, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path)
			var fe *models.FileError
			if !errors.Is(err, c.kind) || !errors.As(err, &fe) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	b := image("{}", w)
	if f, err := open1(b[:len(b)-4]); err != nil || f.Meta["apr.checksum"] != false {
		t.Errorf("without a checksum: %v", err)
	}
	for n := range len(b) - 4 {
		if _, err := open1(b[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were read", n, len(b))
		}
	}
}

// FuzzOpen checks that reading ends for any bytes, and that an accepted file is consistent.
// It corrects the checksums first, since a wrong one would end the reading early.
func FuzzOpen(f *testing.F) {
	for _, name := range []string{"golden_v2.apr", "golden_v1.apr"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(image(`{"a":{"b":[1,"x"]}}`, entry{name: "v", dtype: q4, shape: []int{33}, size: 36, data: make([]byte, 36)}, entry{name: "w", dtype: q8, shape: []int{2}, offset: 64, size: 6, data: make([]byte, 6)}))
	for _, o := range []Options{{Key: testKey}, {Lock: testLock, Key: testKey}, {Compression: LZ4, Key: testKey}} {
		f.Add(sealed(f, o))
	}
	if err := unlock("x.apr", sealed(f, Options{Lock: testLock}), []byte("pass")); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if b = slices.Clone(b); len(b) > headerBytes+4 {
			b = seal(b[:len(b)-4])
		}
		file, err := open1(b)
		if err != nil {
			var fe *models.FileError
			if !errors.As(err, &fe) || fe.Reason == "" {
				t.Fatalf("%v is no FileError", err)
			}
			return
		}
		for _, x := range file.Tensors {
			values(x)
		}
	})
}
