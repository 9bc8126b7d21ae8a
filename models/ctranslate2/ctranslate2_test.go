package ctranslate2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/defaults"
)

func appendText(b []byte, s string) []byte {
	return append(append(binary.LittleEndian.AppendUint16(b, uint16(len(s)+1)), s...), 0)
}

// encode builds a model.bin.
func encode(variables []variable, aliases ...alias) []byte {
	b := appendText([]byte{6, 0, 0, 0}, "WhisperSpec")
	b = binary.LittleEndian.AppendUint32(b, 3)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(variables)))
	for _, v := range variables {
		b = append(appendText(b, v.name), byte(len(v.shape)))
		for _, n := range v.shape {
			b = binary.LittleEndian.AppendUint32(b, uint32(n))
		}
		b = binary.LittleEndian.AppendUint32(append(b, v.typ), uint32(len(v.data)))
		b = append(b, v.data...)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(aliases)))
	for _, a := range aliases {
		b = appendText(appendText(b, a.name), a.of)
	}
	return b
}

func floats(v ...float32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func directory(t testing.TB, model []byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range map[string][]byte{Weights: model, "config.json": []byte("{}")} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func sample() []byte {
	return encode([]variable{
		{name: "encoder/num_heads", typ: int16Type, data: []byte{8, 0}},
		{name: "encoder/scale", typ: float16Type, data: []byte{0, 0x3e}},
		{name: "list", typ: int8Type, shape: []int{2}, data: []byte{1, 0xff}},
		{name: "a/weight", typ: int8Type, shape: []int{2, 3}, data: []byte{127, 0, 0x81, 1, 2, 3}},
		{name: "a/weight_scale", typ: float32Type, shape: []int{2}, data: floats(254, 2)},
		{name: "b/weight", typ: int16Type, shape: []int{1, 2}, data: []byte{0, 4, 0, 0xfc}},
		{name: "b/weight_scale", typ: float32Type, data: floats(1024)},
		{name: "c/weight", typ: float16Type, shape: []int{2}, data: []byte{0, 0x3c, 0, 0xbc}},
		{name: "d/weight", typ: int8Type, shape: []int{2, 1}, data: []byte{4, 2}},
	}, alias{"e/weight", "c/weight"}, alias{"d/weight_scale", "a/weight_scale"}, alias{"f", "encoder/num_heads"})
}

func TestOpen(t *testing.T) {
	f, err := Open(directory(t, sample()))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := map[string]any{"encoder/num_heads": int64(8), "encoder/scale": 1.5, "f": int64(8), "ctranslate2.stored": "INT8", "ctranslate2.revision": uint64(3)}
	for key, v := range want {
		if f.Meta[key] != v {
			t.Errorf("key %q is %v, expected %v", key, f.Meta[key], v)
		}
	}
	if list, err := f.Meta.Ints("list"); err != nil || !slices.Equal(list, []int64{1, -1}) {
		t.Error(list, err)
	}
	if string(f.Aux["config.json"]) != "{}" || len(f.Paths) != 2 {
		t.Errorf("side files %v, paths %v", f.Aux, f.Paths)
	}
	weights := map[string][]float32{
		"a/weight": {0.5, 0, -0.5, 0.5, 1, 1.5}, "b/weight": {1, -1}, "c/weight": {1, -1}, "d/weight": {4. / 254, 1}, "e/weight": {1, -1},
	}
	if len(f.Tensors) != len(weights) {
		t.Errorf("%d tensors, expected %d", len(f.Tensors), len(weights))
	}
	for name, want := range weights {
		x, _ := f.Tensor(name)
		got := make([]float32, len(want))
		quant.Dequantize(x.Type, got, x.Data)
		if !slices.Equal(got, want) {
			t.Errorf("%s is %v, expected %v", name, got, want)
		}
	}
}

// TestInt8 checks for any weights that dequantized values are at most half a step away.
func TestInt8(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows, cols := rapid.IntRange(1, 5).Draw(t, "rows"), rapid.IntRange(1, 9).Draw(t, "cols")
		w := rapid.SliceOfN(rapid.Float32Range(-100, 100), rows*cols, rows*cols).Draw(t, "w")
		v := variable{name: "w", typ: int8Type, shape: []int{rows, cols}, values: uint64(rows * cols)}
		var scales []float32
		for r := range rows {
			var most float32
			for _, x := range w[r*cols : (r+1)*cols] {
				most = max(most, max(x, -x))
			}
			if most < 1e-30 {
				most = 127
			}
			scales = append(scales, 127/most)
			for _, x := range w[r*cols : (r+1)*cols] {
				v.data = append(v.data, byte(int8(math.RoundToEven(float64(x*scales[r])))))
			}
		}
		b := dequantize(&v, &variable{typ: float32Type, values: uint64(rows), data: floats(scales...)})
		for i, x := range w {
			got := math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
			if step := 1 / scales[i/cols]; math.Abs(float64(got-x)) > 0.501*float64(step) {
				t.Fatalf("%v came back as %v, step %v", x, got, step)
			}
		}
	})
}

// TestHostile checks that each kind of damaged file has an error message of its own.
func TestHostile(t *testing.T) {
	one := func(v variable) []byte { return encode([]variable{v}) }
	ok := variable{name: "w", typ: float32Type, shape: []int{2}, data: floats(1, 2)}
	scaled := func(v variable) []byte {
		return encode([]variable{{name: "w", typ: int8Type, shape: []int{2}, data: []byte{1, 2}}, v})
	}
	cases := []struct {
		name string
		b    []byte
		kind error
		want string
	}{
		{"empty", nil, models.ErrCorrupt, "model.bin is cut short"},
		{"version", append([]byte{7}, one(ok)[1:]...), models.ErrUnsupported, "version 6"},
		{"kind", bytes.Replace(one(ok), []byte("WhisperSpec"), []byte("WhisperSpex"), 1), models.ErrUnsupported, "of kind"},
		{"no zero", bytes.Replace(one(ok), []byte("Spec\x00"), []byte("Spec!"), 1), models.ErrCorrupt, "only zero"},
		{"count", bytes.Replace(one(ok), []byte{3, 0, 0, 0, 1, 0, 0, 0}, []byte{3, 0, 0, 0, 255, 255, 255, 255}, 1), models.ErrCorrupt, "4,294,967,295"},
		{"twice", encode([]variable{ok, ok}), models.ErrCorrupt, "twice"},
		{"rank", one(variable{name: "w", shape: []int{1, 1, 1, 1, 1}, data: floats(1)}), models.ErrCorrupt, "5 dimensions"},
		{"zero", one(variable{name: "w", shape: []int{0}}), models.ErrCorrupt, "impossible size 0"},
		{"overflow", one(variable{name: "w", shape: []int{1 << 31, 1 << 31, 1 << 31}}), models.ErrCorrupt, "impossible size"},
		{"type", one(variable{name: "w", typ: 6, shape: []int{1}, data: floats(1)}), models.ErrCorrupt, "unknown type 6"},
		{"bytes", one(variable{name: "w", shape: []int{3}, data: floats(1)}), models.ErrCorrupt, "needs 12"},
		{"alias", encode([]variable{ok}, alias{"x", "y"}), models.ErrCorrupt, "not in the file"},
		{"alias twice", encode([]variable{ok}, alias{"x", "w"}, alias{"x", "w"}), models.ErrCorrupt, "twice"},
		{"rest", append(one(ok), 1), models.ErrCorrupt, "the end"},
		{"scale rows", scaled(variable{name: "w_scale", shape: []int{3}, data: floats(1, 2, 3)}), models.ErrCorrupt, "expected one or 2"},
		{"scale zero", scaled(variable{name: "w_scale", shape: []int{2}, data: floats(1, 0)}), models.ErrCorrupt, "row 1"},
		{"scale NaN", scaled(variable{name: "w_scale", data: floats(float32(math.NaN()))}), models.ErrCorrupt, "NaN"},
		{"scale type", scaled(variable{name: "w_scale", typ: int8Type, data: []byte{1}}), models.ErrCorrupt, "expected float32"},
		{"packed", one(variable{name: "w", typ: int32Type, shape: []int{8192}, data: make([]byte, 32768)}), models.ErrUnsupported, "int32 without a scale"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(directory(t, c.b))
			if !errors.Is(err, c.kind) || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("got %v", err)
			}
			var fe *models.FileError
			if !errors.As(err, &fe) {
				t.Errorf("%v is no FileError", err)
			}
		})
	}
	for n, b := 0, sample(); n < len(b); n++ {
		if _, err := parse(Weights, b[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were read", n, len(b))
		}
	}
}

func TestRealFiles(t *testing.T) {
	for folder, want := range map[string]struct {
		width, mels, vocab, heads int
	}{
		"whisper-base":    {512, 80, 51865, 8},
		"whisper-tiny.en": {384, 80, 51864, 6},
	} {
		t.Run(folder, func(t *testing.T) {
			f, err := Open(defaults.Need(t, folder))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			heads, err := f.Meta.Int("encoder/num_heads", 0)
			if err != nil || heads != want.heads || f.Meta["ctranslate2.stored"] != "F16" {
				t.Error(heads, err, f.Meta["ctranslate2.stored"])
			}
			e, err := f.Need("decoder/embeddings/weight", want.vocab, want.width)
			if err != nil {
				t.Error(err)
			}
			p, err := f.Need("decoder/projection/weight", want.vocab, want.width)
			if err != nil || &p.Data[0] != &e.Data[0] {
				t.Error("the alias has other bytes", err)
			}
			if _, err := f.Need("encoder/conv1/weight", want.width, want.mels, 3); err != nil {
				t.Error(err)
			}
			if _, err := f.Need("encoder/position_encodings/encodings", 1500, want.width); err != nil {
				t.Error(err)
			}
			for _, name := range []string{"config.json", "tokenizer.json"} {
				if len(f.Aux[name]) == 0 {
					t.Errorf("%s is missing", name)
				}
			}
		})
	}
}

// FuzzOpen checks that parse ends for any bytes, and that what it accepts is consistent.
func FuzzOpen(f *testing.F) {
	f.Add(sample())
	f.Add(encode(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parse(Weights, b)
		if err != nil {
			var fe *models.FileError
			if !errors.As(err, &fe) || fe.Reason == "" {
				t.Fatalf("%v is no FileError", err)
			}
			return
		}
		file := &models.File{}
		if err := s.fill(file, true); err != nil {
			return
		}
		for _, x := range file.Tensors {
			quant.Dequantize(x.Type, make([]float32, x.Len()), x.Data)
		}
	})
}
