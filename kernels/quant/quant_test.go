package quant

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"testing"
)

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func unbase64(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func typeNamed(t *testing.T, name string) Type {
	t.Helper()
	for typ, f := range formats {
		if f.Name == name {
			return typ
		}
	}
	t.Fatalf("no format named %s", name)
	return 0
}

// same reports whether a and b have equal bits or are both NaN.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func TestDequantizeGolden(t *testing.T) {
	var golden map[string]struct{ Blocks, Values string }
	readJSON(t, "testdata/dequant.json", &golden)
	if len(golden) != 10 {
		t.Fatalf("%d formats in the golden file, expected 10", len(golden))
	}
	for name, g := range golden {
		typ := typeNamed(t, name)
		src, raw := unbase64(t, g.Blocks), unbase64(t, g.Values)
		dst := make([]float32, len(raw)/4)
		if typ.RowBytes(len(dst)) != len(src) {
			t.Fatalf("%s: %d values take %d bytes, the golden has %d", name, len(dst), typ.RowBytes(len(dst)), len(src))
		}
		Dequantize(typ, dst, src)
		for i, got := range dst {
			want := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
			if !same(got, want) {
				t.Fatalf("%s: value %d is %v (%08x), expected %v (%08x)", name, i,
					got, math.Float32bits(got), want, math.Float32bits(want))
			}
		}
	}
}

func TestQuantizeGolden(t *testing.T) {
	var golden map[string]string
	readJSON(t, "testdata/quant.json", &golden)
	raw := unbase64(t, golden["values"])
	src := make([]float32, len(raw)/4)
	dequantizeF32(src, raw)
	delete(golden, "values")
	if len(golden) != 7 {
		t.Fatalf("%d formats in the golden file, expected 7", len(golden))
	}
	for name, g := range golden {
		typ := typeNamed(t, name)
		want := unbase64(t, g)
		got := make([]byte, typ.RowBytes(len(src)))
		Quantize(typ, got, src)
		if len(got) != len(want) {
			t.Fatalf("%s: %d bytes, expected %d", name, len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				n := typ.BlockBytes()
				t.Fatalf("%s: block %d differs at byte %d:\n got %x\nwant %x", name, i/n, i%n, got[i/n*n:][:n], want[i/n*n:][:n])
			}
		}
	}
}
