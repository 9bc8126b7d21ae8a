package quant

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestDecodeEncodeBounds checks that decoded values are at most half a step of the block's scale away from
// the encoded ones, plus the rounding error of a scale and a minimum of 11 bits. In Q4_0 and Q5_0, whose
// positive range has one level less, it allows a whole step. The largest magnitude of IQ4_NL is 127 steps, and a value is
// at most 14 away from a level; MXFP4's is 4 to 8 units, of which it represents up to 6.
func TestDecodeEncodeBounds(t *testing.T) {
	steps := map[Type]float64{Q4_0: 8, Q4_1: 15, Q5_0: 16, Q5_1: 31, Q8_0: 127, IQ4_NL: 127, MXFP4: 4}
	rapid.Check(t, func(t *rapid.T) {
		scale := math.Pow(10, rapid.Float64Range(-2, 3).Draw(t, "exponent"))
		src := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) float32 {
			return float32(rapid.Float64Range(-scale, scale).Draw(t, "x"))
		}), 64, 64).Draw(t, "row")
		for typ, levels := range steps {
			enc := make([]byte, typ.RowBytes(len(src)))
			dec := make([]float32, len(src))
			Quantize(typ, enc, src)
			Dequantize(typ, dec, enc)
			for b := 0; b < len(src); b += 32 {
				lo, hi := extremes(src[b : b+32])
				most := max(math.Abs(float64(lo)), math.Abs(float64(hi)))
				step, slack := most/levels, 0.5
				switch typ {
				case Q4_1, Q5_1:
					step = float64(hi-lo) / levels
				case Q4_0, Q5_0, MXFP4:
					slack = 1
				case IQ4_NL:
					slack = 14
				}
				bound := slack*step*1.001 + most*0x1p-9 + 1e-6
				for i := b; i < b+32; i++ {
					if e := math.Abs(float64(dec[i] - src[i])); e > bound {
						t.Fatalf("%v: %v becomes %v, error %v, bound %v", typ, src[i], dec[i], e, bound)
					}
				}
			}
		}
	})
}

// TestDecodeEncodeBoundsK does the same for the K formats: half a step of the run, or a whole one at the end
// with one level less, plus the rounding error of the run's scale and minimum at the extreme level.
func TestDecodeEncodeBoundsK(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := make([]float32, 0, 512)
		for len(src) < cap(src) { // runs of different sizes, some of one sign
			scale := math.Pow(10, rapid.Float64Range(-2, 2).Draw(t, "exponent"))
			low := rapid.SampledFrom([]float64{-1, 0, 0.5}).Draw(t, "low") * scale
			for range 16 {
				src = append(src, float32(rapid.Float64Range(low, scale).Draw(t, "x")))
			}
		}
		for _, typ := range []Type{Q4_K, Q6_K, IQ4_XS, TQ1_0, TQ2_0} {
			enc := make([]byte, typ.RowBytes(len(src)))
			dec := make([]float32, len(src))
			Quantize(typ, enc, src)
			Dequantize(typ, dec, enc)
			for b := 0; b < len(src); b += 256 {
				most := math.Abs(float64(largest(src[b : b+256])))
				for i := b; i < b+256; i++ {
					lo, hi := extremes(src[i/32*32:][:32])
					bound := (float64(max(hi, 0)-min(lo, 0))/15+2*most*(15.0/15+1)/63)*0.51 + most*0x1p-9 + 1e-5
					if typ == Q6_K {
						run := math.Abs(float64(largest(src[i/16*16:][:16])))
						// The run's scale can't be +128, so a whole step of it may be lost.
						bound = run/32 + most/32/128*32*1.01 + most*0x1p-9 + 1e-5
					}
					switch typ {
					case IQ4_XS: // the scale of a run is up to half of a 32nd of the largest, or once all of it, wrong
						bound = 14*most/127 + most/32 + most*0x1p-9 + 1e-5
					case TQ1_0, TQ2_0:
						bound = most/2*1.001 + most*0x1p-9 + 1e-5
					}
					if e := math.Abs(float64(dec[i] - src[i])); e > bound {
						t.Fatalf("%v: %v becomes %v, error %v, bound %v", typ, src[i], dec[i], e, bound)
					}
				}
			}
		}
	})
}

// TestBlocksAreIndependent checks that the values of a block do not depend on its place in a row, and that
// encoding and decoding do not go beyond the row.
func TestBlocksAreIndependent(t *testing.T) {
	for typ, f := range formats {
		rapid.Check(t, func(t *rapid.T) {
			n := rapid.IntRange(1, 4).Draw(t, "blocks")
			src := rapid.SliceOfN(rapid.Byte(), n*f.Bytes, n*f.Bytes).Draw(t, "bytes")
			row := make([]float32, n*f.Values)
			Dequantize(typ, row, src)
			one := make([]float32, f.Values)
			for b := range n {
				Dequantize(typ, one, src[b*f.Bytes:][:f.Bytes:f.Bytes])
				for i := range one {
					if !same(one[i], row[b*f.Values+i]) {
						t.Fatalf("%v: value %d of block %d is %v alone, %v in the row", typ, i, b, one[i], row[b*f.Values+i])
					}
				}
			}
			if f.quantize == nil {
				return
			}
			enc := make([]byte, n*f.Bytes)
			Quantize(typ, enc, row)
		})
	}
}

// TestQuantizeOddValues checks that infinite and NaN values never cause a panic.
func TestQuantizeOddValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for typ := range formats {
		if !CanQuantize(typ) {
			continue
		}
		for _, odd := range []float32{inf, -inf, nan, math.MaxFloat32, math.SmallestNonzeroFloat32, 0} {
			src := make([]float32, 256)
			src[3], src[200] = odd, -odd
			enc := make([]byte, typ.RowBytes(len(src)))
			Quantize(typ, enc, src)
			dec := make([]float32, len(src))
			Dequantize(typ, dec, enc)
			if odd == 0 {
				for i, x := range dec {
					if x != 0 {
						t.Errorf("%v: zero %d becomes %v", typ, i, x)
					}
				}
			}
		}
	}
}

func TestTable(t *testing.T) {
	if len(formats) != 26 {
		t.Errorf("%d formats, expected 26", len(formats))
	}
	for typ, f := range formats {
		if !typ.Known() || typ.String() != f.Name || typ.BlockValues() != f.Values || typ.BlockBytes() != f.Bytes ||
			typ.RowBytes(3*f.Values) != 3*f.Bytes {
			t.Errorf("%v: the table and the methods disagree", typ)
		}
	}
	if Type(99).Known() || Type(99).String() != "type 99" || CanQuantize(Type(99)) {
		t.Error("type 99 is known")
	}
}
