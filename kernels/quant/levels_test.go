package quant

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// levelsGolden is testdata/levels.json.
type levelsGolden struct {
	rows    []float32
	formats map[Type]formatGolden
}

type formatGolden struct{ Blocks, Values, SHA256, Quantized string }

func readLevels(t *testing.T) levelsGolden {
	var raw map[string]json.RawMessage
	readJSON(t, "testdata/levels.json", &raw)
	g := levelsGolden{formats: map[Type]formatGolden{}}
	for name, v := range raw {
		var f formatGolden
		var to any = &f
		var rows string
		if name == "rows" {
			to = &rows
		}
		if err := json.Unmarshal(v, to); err != nil {
			t.Fatal(err)
		}
		if name == "rows" {
			b := unbase64(t, rows)
			g.rows = make([]float32, len(b)/4)
			dequantizeF32(g.rows, b)
			continue
		}
		g.formats[typeNamed(t, name)] = f
	}
	return g
}

// congruential returns n bytes of the generator of testdata/levels.py.
func congruential(n int) []byte {
	b, x := make([]byte, n), uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// TestLevelsGolden checks the values of each format with levels.
func TestLevelsGolden(t *testing.T) {
	g := readLevels(t)
	for typ, f := range formats {
		if _, ok := g.formats[typ]; ok != (f.coded != nil) {
			t.Errorf("%v: levels %v, golden %v", typ, f.coded != nil, ok)
		}
	}
	for typ, f := range g.formats {
		src, raw := unbase64(t, f.Blocks), unbase64(t, f.Values)
		dst := make([]float32, len(raw)/4)
		Dequantize(typ, dst, src)
		for i, got := range dst {
			if want := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])); !same(got, want) {
				t.Fatalf("%v: value %d is %v (%08x), expected %v (%08x)", typ, i, got, math.Float32bits(got), want, math.Float32bits(want))
			}
		}
		if got := hashOf(typ, 512); got != f.SHA256 {
			t.Errorf("%v: other values of 512 blocks than the reference's: %s", typ, got)
		}
	}
}

// hashOf returns the SHA-256 of the values of n blocks of congruential bytes.
func hashOf(typ Type, n int) string {
	src := congruential(n * typ.BlockBytes())
	dst := make([]float32, n*typ.BlockValues())
	Dequantize(typ, dst, src)
	out := make([]byte, 4*len(dst))
	for i, v := range dst {
		b := math.Float32bits(v)
		if v != v {
			b = 0x7fc00000
		}
		binary.LittleEndian.PutUint32(out[4*i:], b)
	}
	sum := sha256.Sum256(out)
	return hex.EncodeToString(sum[:])
}

// TestLevelsQuantized compares blocks with those that the reference makes.
func TestLevelsQuantized(t *testing.T) {
	g, n := readLevels(t), 0
	for typ, f := range g.formats {
		if f.Quantized == "" {
			continue
		}
		n++
		want, got := unbase64(t, f.Quantized), make([]byte, typ.RowBytes(len(g.rows)))
		Quantize(typ, got, g.rows)
		for i, size := 0, typ.BlockBytes(); i < len(want); i += size {
			if !bytes.Equal(got[i:i+size], want[i:i+size]) {
				t.Fatalf("%v: block %d is %x, expected %x", typ, i/size, got[i:i+size], want[i:i+size])
			}
		}
	}
	if n != 3 {
		t.Errorf("%d formats are quantized in the golden file, expected 3", n)
	}
}

// TestCodes checks that codes are places in the table of levels and give the values.
func TestCodes(t *testing.T) {
	for typ := range formats {
		levels, run := typ.Levels()
		if levels == nil {
			continue
		}
		rapid.Check(t, func(t *rapid.T) {
			block := rapid.SliceOfN(rapid.Byte(), typ.BlockBytes(), typ.BlockBytes()).Draw(t, "block")
			values := make([]float32, typ.BlockValues())
			Dequantize(typ, values, block)
			var code [256]uint8
			var scale [16]float32
			Codes(typ, &code, &scale, block)
			for i, v := range values {
				if int(code[i]) >= len(levels) || !same(v, scale[i/run]*float32(levels[code[i]])) {
					t.Fatalf("%v: code %d of value %d, %g", typ, code[i], i, v)
				}
			}
		})
	}
}

// FuzzDequantize checks that no block of any format causes a panic, and that values are not left out.
func FuzzDequantize(f *testing.F) {
	for typ := range formats {
		f.Add(uint32(typ), congruential(typ.BlockBytes()))
	}
	f.Fuzz(func(t *testing.T, number uint32, b []byte) {
		typ := Type(number)
		if !typ.Known() {
			return
		}
		n := len(b) / typ.BlockBytes() * typ.BlockValues()
		dst := make([]float32, n)
		mark := float32(math.Pi * 1e-30)
		for i := range dst {
			dst[i] = mark
		}
		Dequantize(typ, dst, b)
		for i, v := range dst {
			if v == mark && typ != F32 {
				t.Fatalf("%v: value %d was not written", typ, i)
			}
		}
	})
}
