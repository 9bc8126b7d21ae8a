package ggml

import (
	"bytes"
	"errors"
	"fmt"
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

// header returns the header of a file with three tokens and two mel bands.
func header(ftype uint64) models.Metadata {
	m := models.Metadata{filtersKey: []float64{0.5, 0.25, 0, 1}, TokensKey: []string{"a", " b", ""}}
	for i, key := range params {
		m[key] = uint64(i + 3)
	}
	m["ggml.n_mels"], m["ggml.ftype"] = uint64(2), ftype
	return m
}

func tensor(name string, typ quant.Type, shape ...int) models.Tensor {
	n, ok := models.Bytes(typ, shape)
	if !ok {
		panic(fmt.Sprint(name, typ, shape))
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + len(name))
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

func open(t testing.TB, b []byte) (*models.File, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ggml-x.bin")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if f != nil {
		t.Cleanup(func() { f.Close() })
	}
	return f, err
}

// TestRoundTrip checks for any tensors of any type that parse returns what Write wrote.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		meta := header(2007)
		tokens := rapid.SliceOfN(rapid.String(), 0, 3).Draw(r, "tokens")
		meta[TokensKey] = append([]string{}, tokens...)
		var tensors []models.Tensor
		for i := range rapid.IntRange(0, 5).Draw(r, "tensors") {
			typ := rapid.SampledFrom(quant.Types()).Draw(r, "type")
			shape := rapid.SliceOfN(rapid.IntRange(1, 3), 0, 3).Draw(r, "shape")
			if typ.BlockValues() > 1 || len(shape) > 0 {
				shape = append(shape, typ.BlockValues()*rapid.IntRange(1, 3).Draw(r, "columns"))
			}
			tensors = append(tensors, tensor(fmt.Sprint("t", i), typ, shape...))
		}
		gotMeta, got, err := parse("x.bin", encode(t, meta, tensors...))
		if err != nil {
			r.Fatal(err)
		}
		if !reflect.DeepEqual(gotMeta, meta) || len(got) != len(tensors) {
			r.Fatalf("read %v and %d tensors, wrote %v and %d", gotMeta, len(got), meta, len(tensors))
		}
		for i, x := range got {
			w := tensors[i]
			if x.Name != w.Name || x.Type != w.Type || !slices.Equal(x.Shape, w.Shape) || !bytes.Equal(x.Data, w.Data) {
				r.Fatalf("read %+v, wrote %+v", x, w)
			}
		}
	})
}

// TestLayout compares Write's output with the layout of whisper.cpp's converter, byte for byte.
func TestLayout(t *testing.T) {
	meta := header(1)
	meta[filtersKey], meta[TokensKey] = []float64{1, 0}, []string{"hi"}
	got := encode(t, meta, tensor("conv.bias", quant.F32, 2, 1))
	want := []byte("lmgg")
	for _, n := range []uint32{3, 4, 5, 6, 7, 8, 9, 10, 11, 2, 1, 2, 1, 0x3f800000, 0, 1, 2} {
		want = le.AppendUint32(want, n)
	}
	want = append(want, "hi"...)
	for _, n := range []uint32{2, 9, 0, 1, 2} { // the size that changes fastest comes first
		want = le.AppendUint32(want, n)
	}
	want = append(append(want, "conv.bias"...), tensor("conv.bias", quant.F32, 2, 1).Data...)
	if !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestHostile checks that each kind of damaged file has an error message of its own.
func TestHostile(t *testing.T) {
	good := encode(t, header(1), tensor("w", quant.F16, 2, 3))
	put := func(at int, n uint32) []byte {
		b := slices.Clone(good)
		le.PutUint32(b[at:], n)
		return b
	}
	const filters, tokens = 48, 48 + 8 + 16
	at := len(good) - 12 - 1 - 8 - 12 // start of the tensor's header
	old := encode(t, header(2), tensor("w", quant.Q4_0, 2, 32))
	cases := []struct {
		name string
		b    []byte
		kind error
		want string
	}{
		{"empty", nil, models.ErrCorrupt, "cut short: the header"},
		{"magic", append([]byte("lmgh"), good[4:]...), models.ErrUnknownFormat, "does not begin"},
		{"filters", put(filters, 1<<31), models.ErrCorrupt, "size of the mel filters"},
		{"filters overflow", put(filters+4, 1<<19), models.ErrCorrupt, "the mel filters"},
		{"bands", put(filters, 1), models.ErrCorrupt, "for 1 bands, the header says 2"},
		{"tokens", put(tokens, 4), models.ErrCorrupt, "is 4 for a vocabulary of 3"},
		{"token", put(tokens+4, 1<<30), models.ErrCorrupt, "token 0 has 1,073,741,824 bytes"},
		{"rank", put(at, 5), models.ErrCorrupt, "5 dimensions"},
		{"name", put(at+4, 1<<31), models.ErrCorrupt, "a name of 2,147,483,648"},
		{"type", put(at+8, 4), models.ErrUnsupported, `tensor "w" as type 4`},
		{"no type", put(at+8, 77), models.ErrCorrupt, `tensor "w" has type 77`},
		{"zero", put(at+12, 0), models.ErrCorrupt, `"w" has an impossible shape [2 0]`},
		{"rows", put(at+8, 2), models.ErrCorrupt, "shape [2 3] for type Q4_0"},
		{"size", put(at+16, 1<<31), models.ErrCorrupt, `tensor "w" needs`},
		{"twice", append(slices.Clone(good), good[at:]...), models.ErrCorrupt, "twice"},
		{"old blocks", old, models.ErrUnsupported, "version 0"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := open(t, c.b)
			var fe *models.FileError
			if !errors.Is(err, c.kind) || !errors.As(err, &fe) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "ggml-x.bin") {
				t.Errorf("got %v", err)
			}
		})
	}
	whole := 0
	for n := range good {
		if _, _, err := parse("x", good[:n]); err == nil {
			whole++
		}
	}
	if whole != 1 { // the cut is exactly before the tensor: only asr/whisper can find out
		t.Errorf("%d prefixes of the file were read as whole", whole)
	}
}

// FuzzOpen checks that parse ends for any bytes, and that what it accepts is consistent.
func FuzzOpen(f *testing.F) {
	f.Add(encode(f, header(1), tensor("w", quant.F16, 2, 3), tensor("b", quant.F32, 2, 1)))
	f.Add(encode(f, header(2008), tensor("w", quant.Q5_0, 2, 32)))
	f.Add([]byte(Magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, tensors, err := parse("x.bin", b)
		if err != nil {
			var fe *models.FileError
			if !errors.As(err, &fe) || fe.Reason == "" {
				t.Fatalf("%v is no FileError", err)
			}
			return
		}
		for _, x := range tensors {
			quant.Dequantize(x.Type, make([]float32, x.Len()), x.Data)
		}
	})
}
