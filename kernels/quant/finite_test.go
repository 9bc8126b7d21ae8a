package quant

import (
	"math"
	"math/rand/v2"
	"testing"
)

// NonFinite finds exactly the first block of random bytes of which a value is no number, in every format and at every place.
func TestNonFinite(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, typ := range Types() {
		found := 0
		for range 400 {
			blocks := 1 + r.IntN(80)
			b := make([]byte, blocks*typ.BlockBytes())
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			want := firstNonFinite(typ, b)
			if got := NonFinite(typ, b); got != want {
				t.Fatalf("%v: %d, expected %d of %d blocks", typ, got, want, blocks)
			}
			if want > 0 {
				found++
				if got := NonFinite(typ, b[:want*typ.BlockBytes()]); got != -1 {
					t.Fatalf("%v: %d in blocks that are finite", typ, got)
				}
			}
		}
		if found < 20 {
			t.Errorf("%v: only %d cases", typ, found)
		}
	}
}

// firstNonFinite finds the block by its values, or of the formats in which GGML reads numbers from the scales that stand for NaN, by these.
func firstNonFinite(typ Type, b []byte) int {
	values := make([]float32, typ.BlockValues())
	for i := 0; len(b) > 0; i, b = i+1, b[typ.BlockBytes():] {
		Dequantize(typ, values, b[:typ.BlockBytes()])
		nan := typ == MXFP4 && b[0] == 255
		for _, e := range b[:min(4, len(b))] {
			nan = nan || typ == NVFP4 && e&127 == 127
		}
		for _, x := range values {
			nan = nan || typ != MXFP4 && (math.IsNaN(float64(x)) || math.IsInf(float64(x), 0))
		}
		if nan {
			return i
		}
	}
	return -1
}

// Zero holds of the blocks that are made of zeros, and of none that has another value.
func TestZero(t *testing.T) {
	for _, typ := range Types() {
		if !CanEncode(typ) {
			continue
		}
		values := make([]float32, 4096)
		b := make([]byte, typ.RowBytes(len(values)))
		Encode(typ, b, values, nil)
		if !Zero(typ, b) {
			t.Errorf("%v: zeros are not zero", typ)
		}
		values[3000] = 1
		Encode(typ, b, values, nil)
		if Zero(typ, b) {
			t.Errorf("%v: a value is not seen", typ)
		}
	}
}

// BenchmarkNonFinite measures the rate at which tensors are searched, in memory.
func BenchmarkNonFinite(b *testing.B) {
	for _, typ := range []Type{F32, F16, Q4_0, Q8_0, Q4_K, Q6_K, MXFP4} {
		src := make([]byte, 64<<20/typ.BlockBytes()*typ.BlockBytes())
		b.Run("type="+typ.String(), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				if NonFinite(typ, src) != -1 {
					b.Fatal()
				}
			}
		})
	}
}
