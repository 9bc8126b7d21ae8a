package quant

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// encodable are the types that have a search, with an upper bound of the error of Encode for normally distributed values, as a share of their
// standard deviation.
var encodable = map[Type]float64{Q2_K: 0.3, Q3_K: 0.18, Q4_K: 0.085, Q5_K: 0.045, Q6_K: 0.022, IQ4_NL: 0.085, IQ4_XS: 0.095, Q4_0: 0.12, Q4_1: 0.09, Q5_0: 0.06, Q5_1: 0.05}

// normals returns so many random values, of which the blocks have different magnitudes.
func normals(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// errorOf returns the square root of the mean of the squared errors of x after it was encoded.
func errorOf(t Type, x, weights []float32, encode func(t Type, dst []byte, src []float32)) float64 {
	b, y := make([]byte, t.RowBytes(len(x))), make([]float32, len(x))
	encode(t, b, x)
	Dequantize(t, y, b)
	sum, all := 0.0, 0.0
	for i := range x {
		w := 1.0
		if weights != nil {
			w = float64(weights[i])
		}
		sum += w * float64(x[i]-y[i]) * float64(x[i]-y[i])
		all += w
	}
	return math.Sqrt(sum / all)
}

// TestEncode checks the error of each format, and that the search makes it smaller than without one; with weights, the weighted error.
func TestEncode(t *testing.T) {
	x := normals(1 << 14)
	ones, weights := make([]float32, len(x)), make([]float32, len(x))
	for i := range weights {
		ones[i], weights[i] = 1, []float32{0.01, 1, 0.1, 20}[i%4]
	}
	for typ, bound := range encodable {
		searched := func(w []float32) func(Type, []byte, []float32) {
			return func(t Type, dst []byte, src []float32) { Encode(t, dst, src, w) }
		}
		if e := errorOf(typ, x, nil, searched(nil)); e > bound {
			t.Errorf("%v: the error is %.4f, expected at most %.4f", typ, e, bound)
		}
		if with, without := errorOf(typ, x, weights, searched(weights)), errorOf(typ, x, weights, searched(ones)); with >= 0.99*without {
			t.Errorf("%v: with weights the weighted error is %.4f, without %.4f", typ, with, without)
		}
		if formats[typ].quantize == nil || !formats[typ].searches {
			continue
		}
		if with, without := errorOf(typ, x, nil, searched(nil)), errorOf(typ, x, nil, Quantize); with > without {
			t.Errorf("%v: with the search the error is %.4f, without %.4f", typ, with, without)
		}
	}
}

// TestEncodeExact checks that values of a block that can be represented exactly stay so, and that blocks of zeros and of one value do.
func TestEncodeExact(t *testing.T) {
	for typ := range encodable {
		for name, value := range map[string]func(i int) float32{"zeros": func(int) float32 { return 0 }, "ones": func(int) float32 { return 1 }, "minus": func(int) float32 { return -0.5 }} {
			x := make([]float32, 256)
			for i := range x {
				x[i] = value(i)
			}
			if e := errorOf(typ, x, nil, func(t Type, dst []byte, src []float32) { Encode(t, dst, src, nil) }); e > 0.02 {
				t.Errorf("%v: the error of %s is %g", typ, name, e)
			}
		}
	}
}

// TestEncodeAny checks that any finite values are encoded as finite values near them, and that others do not end the program.
func TestEncodeAny(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		x, w := make([]float32, 256), make([]float32, 256)
		scale := rapid.SampledFrom([]float32{1e-30, 1e-6, 0.01, 1, 1000}).Draw(r, "scale")
		seed := rapid.Uint64().Draw(r, "seed")
		g := rand.New(rand.NewPCG(seed, 3))
		zeros := rapid.IntRange(0, 4).Draw(r, "zeros")
		for i := range x {
			w[i] = float32(g.ExpFloat64())
			if g.IntN(4) >= zeros {
				x[i] = scale * float32(g.NormFloat64())
			}
		}
		weights := w
		if rapid.Bool().Draw(r, "alike") {
			weights = nil
		}
		spread := math.Sqrt(float64(spreadOf(x)))
		for typ, bound := range encodable {
			b, y := make([]byte, typ.RowBytes(256)), make([]float32, 256)
			Encode(typ, b, x, weights)
			Dequantize(typ, y, b)
			for i, v := range y {
				if scale >= 0.01 && !(math.Abs(float64(v-x[i])) <= 30*bound*spread+1e-7) {
					r.Fatalf("%v: value %d is %g, was %g; the spread is %g", typ, i, v, x[i], spread)
				}
			}
			x[7] = float32(math.Inf(1))
			Encode(typ, b, x, weights)
			x[7] = float32(math.NaN())
			Encode(typ, b, x, weights)
			x[7] = 0
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	x := normals(1 << 16)
	for _, typ := range []Type{Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS} {
		b.Run(typ.String(), func(b *testing.B) {
			dst := make([]byte, typ.RowBytes(len(x)))
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				Encode(typ, dst, x, nil)
			}
		})
	}
}
