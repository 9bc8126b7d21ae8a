package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// everyLevel runs f on each instruction set, and says which ones this machine lacks.
func everyLevel(t *testing.T, f func(t *testing.T, lv level)) {
	for l := range levelNames {
		t.Run(levelNames[l], func(t *testing.T) {
			if !supports(level(l)) {
				t.Skipf("this machine has no %s: not tested", levelNames[l])
			}
			if level(l).asked() && os.Getenv("SOBERANO_CPU") != levelNames[l] {
				t.Skipf("%[1]s is used, and tested, only where it is asked for: SOBERANO_CPU=%[1]s", levelNames[l])
			}
			f(t, level(l))
		})
	}
}

func device2(t testing.TB, lv level, threads int, exact bool) *device {
	d, err := newDevice(Options{Threads: threads, Exact: exact}, lv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

var allTypes = []quant.Type{quant.F32, quant.F16, quant.BF16, quant.Q4_0, quant.Q4_1, quant.Q5_0, quant.Q5_1, quant.Q8_0,
	quant.Q2_K, quant.Q3_K, quant.Q4_K, quant.Q5_K, quant.Q6_K}

// scaleAt lists where the float16 scales of a block lie.
var scaleAt = map[quant.Type][]int{quant.Q4_0: {0}, quant.Q4_1: {0, 2}, quant.Q5_0: {0}, quant.Q5_1: {0, 2}, quant.Q8_0: {0},
	quant.Q2_K: {80, 82}, quant.Q3_K: {108}, quant.Q4_K: {0, 2}, quant.Q5_K: {0, 2}, quant.Q6_K: {208}}

// randomWeights makes rows × cols of type t: any bits, scales of an ordinary size.
func randomWeights(r *rand.Rand, t quant.Type, rows, cols int) kernels.Weights {
	data := make([]byte, rows*t.RowBytes(cols))
	switch t {
	case quant.F32, quant.F16, quant.BF16:
		x := gauss(r, rows*cols)
		quant.Quantize(t, data, x)
	default:
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		for b := 0; b < len(data); b += t.BlockBytes() {
			for _, at := range scaleAt[t] {
				h := quant.F32ToF16(float32(r.NormFloat64()) * 0.01)
				data[b+at], data[b+at+1] = byte(h), byte(h>>8)
			}
		}
	}
	return kernels.Weights{Type: t, Rows: rows, Cols: cols, Data: data}
}

func gauss(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func values(w kernels.Weights) []float32 {
	out := make([]float32, w.Rows*w.Cols)
	quant.Dequantize(w.Type, out, w.Data)
	return out
}

// distance is ‖got-want‖ / ‖want‖.
func distance(got []float32, want []float64) float64 {
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

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// tensorOf writes rows × cols values into a fresh tensor.
func tensorOf(s *step, x []float32, rows, cols int) kernels.Tensor {
	t := s.New(rows, cols)
	s.Write(t, x)
	return t
}

// begin ends the step in progress, if there is one, and starts another.
func begin(d *device, b *kernels.Batch) *step {
	if s := &d.steps[d.step]; s.open {
		_ = s.End() // of the CPU, which can't fail
	}
	if b == nil {
		b = &noBatch
	}
	return d.begin(b)
}

func vectorOf(t testing.TB, d *device, x []float32) kernels.Vector {
	t.Helper()
	v, err := d.NewVector(x)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func flat(t kernels.Tensor) []float32 {
	var out []float32
	for r := range t.Rows {
		out = append(out, t.Row(r)...)
	}
	return out
}

// TestMatMul: each format, few and many tokens, odd row counts, bias, adding, against
// float64 on the dequantised weights.
func TestMatMul(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for _, exact := range []bool{false, true} {
			d := device2(t, lv, 2, exact)
			for _, ty := range allTypes {
				for _, s := range [][3]int{{1, 48, 512}, {3, 7, 256}, {17, 70, 256}} {
					t.Run(fmt.Sprintf("exact=%v/%v/%v", exact, ty, s), func(t *testing.T) {
						testMatMul(t, d, ty, s[0], s[1], s[2])
					})
				}
			}
			for _, ty := range []quant.Type{quant.F32, quant.F16, quant.BF16} {
				testMatMul(t, d, ty, 14, 33, 37)
				testMatMul(t, d, ty, 61, 45, 700) // many tokens, more columns than are widened at once
			}
		}
	})
}

// TestMatMulFloats: floating-point weights in the forms that Options asks for.
func TestMatMulFloats(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for _, f := range []Floats{BFloat16, Bits8} {
			d := device2(t, lv, 2, false)
			d.floats = f
			for _, ty := range []quant.Type{quant.F32, quant.F16, quant.BF16, quant.Q4_K} {
				for _, s := range [][3]int{{1, 48, 512}, {3, 7, 256}, {17, 70, 256}} {
					testMatMul(t, d, ty, s[0], s[1], s[2])
				}
			}
			testMatMul(t, d, quant.F16, 14, 33, 37) // not whole blocks
		}
	})
}

// TestMatMulGated: as the product of both halves and their activation, each by itself.
func TestMatMulGated(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		d := device2(t, lv, 2, false)
		r := newRand()
		for _, ty := range []quant.Type{quant.F32, quant.F16, quant.Q4_1, quant.Q6_K} {
			for i, s := range [][2]int{{1, 64}, {5, 45}, {61, 96}, {130, 33}} {
				n, rows := s[0], s[1]
				w := []kernels.Weights{randomWeights(r, ty, rows, 256), randomWeights(r, quant.Q8_0, rows, 256)}
				if i%2 == 1 {
					w[0].Bias, w[1].Bias = gauss(r, rows), gauss(r, rows)
				}
				st := begin(d, nil)
				m, err := d.Load(w...)
				if err != nil {
					t.Fatal(err)
				}
				x := tensorOf(st, gauss(r, n*256), n, 256)
				got, both := st.New(n, rows), st.New(n, 2*rows)
				st.MatMul(both, x, m)
				want := st.New(n, rows)
				f := []kernels.Activation{kernels.SiLU, kernels.GELUTanh, kernels.GELUErf}[i%3]
				st.Activate(want, both.Slice(0, rows), both.Slice(rows, rows), f)
				st.MatMulGated(got, x, m, f)
				w64 := make([]float64, 0, n*rows)
				for _, v := range flat(want) {
					w64 = append(w64, float64(v))
				}
				if e := distance(flat(got), w64); !(e < 1e-5) {
					t.Errorf("%v, %v: error %g", ty, s, e)
				}
			}
		}
	})
}

func testMatMul(t *testing.T, d *device, ty quant.Type, n, rows, cols int) {
	r := newRand()
	w := []kernels.Weights{randomWeights(r, ty, rows, cols), randomWeights(r, ty, 33, cols)}
	w[1].Bias = gauss(r, 33)
	x := gauss(r, n*cols)
	st := begin(d, nil)
	m, err := d.Load(w...)
	if err != nil {
		t.Fatal(err)
	}
	if m.Rows() != rows+33 || m.Cols() != cols || m.Bytes() <= 0 {
		t.Fatalf("%d × %d, %d bytes", m.Rows(), m.Cols(), m.Bytes())
	}
	want := product(x, n, w)
	dst, xt := st.New(n, m.Rows()), tensorOf(st, x, n, cols)
	st.MatMul(dst, xt, m)
	limit := 0.0
	for _, p := range w {
		limit = max(limit, d.productLimit(p))
	}
	if e := distance(flat(dst), want); !(e < limit) {
		t.Errorf("MatMul: error %g", e)
	}
	st.MatMulAdd(dst, xt, m)
	for i := range want {
		want[i] *= 2
	}
	if e := distance(flat(dst), want); !(e < limit) {
		t.Errorf("MatMulAdd: error %g", e)
	}
}

// productLimit is how far products with w may be from those in float64.
func (d *device) productLimit(w kernels.Weights) float64 {
	switch k := d.kindOf(w); {
	case k == kindPairs:
		return 0.005
	case k.float():
		return 1e-5
	}
	return 0.02 // 8-bit activations, and minima that cancel what scales give
}

// product is x·wᵀ + bias in float64.
func product(x []float32, n int, parts []kernels.Weights) []float64 {
	rows := 0
	for _, w := range parts {
		rows += w.Rows
	}
	out := make([]float64, n*rows)
	first := 0
	for _, w := range parts {
		v := values(w)
		for t := range n {
			for r := range w.Rows {
				s := 0.0
				if w.Bias != nil {
					s = float64(w.Bias[r])
				}
				for c := range w.Cols {
					s += float64(v[r*w.Cols+c]) * float64(x[t*w.Cols+c])
				}
				out[t*rows+first+r] = s
			}
		}
		first += w.Rows
	}
	return out
}

func roundHalf(v float32) float32 { return quant.F16ToF32(quant.F32ToF16(v)) }
