package devicetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// Subject is a device to be tested.
type Subject struct {
	// Open returns a new device. The suite closes it.
	Open func(t testing.TB) kernels.Device
	// Product returns the permitted error of products with weights of a type, and Attention
	// that of attention, as measured by Distance. It is the loss of precision that the device accepts by storing them
	// with fewer bits. nil stands for Float.
	Product   func(t quant.Type, cols int) float64
	Attention func(a *kernels.Attention) float64
}

// Float is the permitted error where all values are float32.
const Float = 1e-5

// Run tests a device.
func Run(t *testing.T, s Subject) {
	Operations(t, s)
	t.Run("Misuse", func(t *testing.T) { Misuse(t, s) })
}

// Operations tests the operations of a device, used as they should be; with only, the tests of these names.
func Operations(t *testing.T, s Subject, only ...string) {
	if s.Product == nil {
		s.Product = func(quant.Type, int) float64 { return Float }
	}
	if s.Attention == nil {
		s.Attention = func(*kernels.Attention) float64 { return Float }
	}
	for _, c := range []struct {
		name string
		run  func(*suite)
	}{
		{"MatMul", (*suite).products},
		{"MatMulGated", (*suite).gated},
		{"MatMulViews", (*suite).productViews},
		{"Norms", (*suite).norms},
		{"Activate", (*suite).activations},
		{"AddConst", (*suite).sums},
		{"Mul", (*suite).elementProducts},
		{"Scale", (*suite).rowMaps},
		{"Mix", (*suite).mixing},
		{"Lookup", (*suite).lookups},
		{"Route", (*suite).routing},
		{"MatMulExperts", (*suite).expertProducts},
		{"LoadExperts", (*suite).expertLoading},
		{"MatMulHeads", (*suite).headProducts},
		{"AttendLatent", (*suite).latent},
		{"ShortConv", (*suite).convolutions},
		{"DeltaRule", (*suite).deltaRules},
		{"Scan", (*suite).scans},
		{"WKV", (*suite).wkvs},
		{"Unfold", (*suite).unfolding},
		{"Rotate", (*suite).rotation},
		{"Embed", (*suite).embedding},
		{"Attend", (*suite).attention},
		{"AttendOptions", (*suite).attentionOptions},
		{"Weights", (*suite).attentionWeights},
		{"States", (*suite).states},
		{"Forgotten", (*suite).forgotten},
		{"EmptySpans", (*suite).emptySpans},
		{"Rows", (*suite).rows},
		{"Close", (*suite).closing},
	} {
		if len(only) > 0 && !slices.Contains(only, c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			d := s.Open(t)
			c.run(&suite{T: t, d: d, s: s, r: Rand()})
			if err := d.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// suite is one test with a device.
type suite struct {
	*testing.T
	d kernels.Device
	s Subject
	r *rand.Rand
}

// step runs f in a step, and returns copies of the tensors that f returns, row by row.
func (s *suite) step(b *kernels.Batch, f func(st kernels.Step) []kernels.Tensor) (out [][]float32) {
	s.Helper()
	st := s.d.Begin(b)
	var all []*kernels.Rows
	for _, t := range f(st) {
		all = append(all, st.Read(t))
	}
	if err := st.End(); err != nil {
		s.Fatalf("End: %v", err)
	}
	for _, rows := range all {
		var x []float32
		for i := range rows.Len {
			x = append(x, rows.Row(i)...)
		}
		out = append(out, x)
	}
	return out
}

// tensor returns a tensor with the values x.
func tensor(st kernels.Step, x []float32, rows, cols int) kernels.Tensor {
	t := st.New(rows, cols)
	st.Write(t, x)
	return t
}

// view returns a rows × cols tensor within a larger one. Its values are x or, if x is nil,
// undefined.
func view(st kernels.Step, x []float32, rows, cols int) kernels.Tensor {
	t := st.New(rows+2, cols+40).Sub(1, rows).Slice(19, cols)
	if x != nil {
		st.Write(t, x)
	}
	return t
}

func (s *suite) vector(x []float32) kernels.Vector {
	s.Helper()
	v, err := s.d.NewVector(x)
	if err != nil {
		s.Fatalf("NewVector: %v", err)
	}
	if v.Len() != len(x) || v.Bytes() < 4*int64(len(x)) {
		s.Errorf("a vector of %d values has %d, in %d bytes", len(x), v.Len(), v.Bytes())
	}
	return v
}

func (s *suite) load(parts ...kernels.Weights) kernels.Matrix {
	s.Helper()
	m, err := s.d.Load(parts...)
	if err != nil {
		s.Fatalf("Load: %v", err)
	}
	return m
}

// near checks that the Distance of got and want is at most limit.
func (s *suite) near(what string, got []float32, want []float64, limit float64) {
	s.Helper()
	if len(got) != len(want) {
		s.Fatalf("%s: %d values, not %d", what, len(got), len(want))
	}
	if e := Distance(got, want); !(e <= limit) {
		s.Errorf("%s: error %g, at most %g is allowed", what, e, limit)
	}
}

// Distance returns ‖got-want‖ / ‖want‖.
func Distance(got []float32, want []float64) float64 {
	var d, n float64
	for i := range want {
		d += (float64(got[i]) - want[i]) * (float64(got[i]) - want[i])
		n += want[i] * want[i]
	}
	if n == 0 {
		return math.Sqrt(d)
	}
	return math.Sqrt(d / n)
}

// Rand returns a random source that yields the same numbers each time.
func Rand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// Gauss returns n normally distributed values.
func Gauss(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// Types lists the formats of weights to test.
var Types = []quant.Type{quant.F32, quant.F16, quant.BF16, quant.Q4_0, quant.Q4_1, quant.Q5_0, quant.Q5_1, quant.Q8_0,
	quant.Q2_K, quant.Q3_K, quant.Q4_K, quant.Q5_K, quant.Q6_K,
	quant.IQ1_S, quant.IQ1_M, quant.IQ2_XXS, quant.IQ2_XS, quant.IQ2_S, quant.IQ3_XXS, quant.IQ3_S, quant.IQ4_NL, quant.IQ4_XS,
	quant.TQ1_0, quant.TQ2_0, quant.MXFP4, quant.NVFP4}

// scaleAt lists the offsets of the float16 scales in a block.
var scaleAt = map[quant.Type][]int{quant.Q4_0: {0}, quant.Q4_1: {0, 2}, quant.Q5_0: {0}, quant.Q5_1: {0, 2}, quant.Q8_0: {0},
	quant.Q2_K: {80, 82}, quant.Q3_K: {108}, quant.Q4_K: {0, 2}, quant.Q5_K: {0, 2}, quant.Q6_K: {208},
	quant.IQ1_S: {0}, quant.IQ2_XXS: {0}, quant.IQ2_XS: {0}, quant.IQ2_S: {0}, quant.IQ3_XXS: {0}, quant.IQ3_S: {0},
	quant.IQ4_NL: {0}, quant.IQ4_XS: {0}, quant.TQ1_0: {52}, quant.TQ2_0: {64}}

// RandomWeights returns rows × cols weights of type t with random bits and scales of an ordinary size.
func RandomWeights(r *rand.Rand, t quant.Type, rows, cols int) kernels.Weights {
	data := make([]byte, rows*t.RowBytes(cols))
	switch t {
	case quant.F32, quant.F16, quant.BF16:
		quant.Quantize(t, data, Gauss(r, rows*cols))
	default:
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		for b := 0; b < len(data); b += t.BlockBytes() {
			randomScales(r, t, data[b:])
		}
	}
	return kernels.Weights{Type: t, Rows: rows, Cols: cols, Data: data}
}

// randomScales gives the block at the beginning of b scales of an ordinary size.
func randomScales(r *rand.Rand, t quant.Type, b []byte) {
	h := quant.F32ToF16(float32(r.NormFloat64()) * 0.01)
	switch t {
	case quant.MXFP4: // an exponent: 2⁻⁹ to 2⁻⁴
		b[0] = byte(119 + r.IntN(6))
	case quant.NVFP4: // four numbers of four bits of exponent and three of fraction: 2⁻⁴ to 1
		for i := range 4 {
			b[i] = byte(0x20 + r.IntN(0x20))
		}
	case quant.IQ1_M: // four bits of h above each of four times twelve bits
		for i := range 4 {
			b[49+2*i] = b[49+2*i]&15 | byte(h>>(4*i))<<4
		}
	}
	for _, at := range scaleAt[t] {
		b[at], b[at+1] = byte(h), byte(h>>8)
		h = quant.F32ToF16(float32(r.NormFloat64()) * 0.01)
	}
}

// Values returns the weights dequantized to float32.
func Values(w kernels.Weights) []float32 {
	out := make([]float32, w.Rows*w.Cols)
	quant.Dequantize(w.Type, out, w.Data)
	return out
}

// floats converts x to float64.
func floats(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

func name(format string, args ...any) string { return fmt.Sprintf(format, args...) }
