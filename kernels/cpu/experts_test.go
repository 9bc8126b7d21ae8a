package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"soberano/kernels"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// expertsOf joins n matrices into one tensor of experts.
func expertsOf(r *rand.Rand, ty quant.Type, n, rows, cols int, biased bool) kernels.Weights {
	w := kernels.Weights{Type: ty, Rows: rows, Cols: cols, Experts: n}
	for range n {
		w.Data = append(w.Data, devicetest.RandomWeights(r, ty, rows, cols).Data...)
	}
	if biased {
		w.Bias = devicetest.Gauss(r, n*rows)
	}
	return w
}

// expert is the weights of expert e of w.
func expert(t *testing.T, w kernels.Weights, e int) kernels.Weights {
	t.Helper()
	var one kernels.Weights
	if err := splitExperts(&one, w, w.Experts, e); err != nil {
		t.Fatal(err)
	}
	return one
}

// TestExperts: each format, few and many rows, against the products of each expert's matrix
// with all rows, by routing in float64.
func TestExperts(t *testing.T) {
	const experts, used = 5, 2
	everyLevel(t, func(t *testing.T, lv level) {
		for _, exact := range []bool{false, true} {
			d := device2(t, lv, 3, exact)
			for _, ty := range []quant.Type{quant.F32, quant.BF16, quant.Q8_0, quant.Q4_K} {
				for _, s := range [][3]int{{1, 70, 256}, {9, 32, 512}, {150, 33, 256}} {
					t.Run(fmt.Sprintf("exact=%v/%v/%v", exact, ty, s), func(t *testing.T) {
						testExperts(t, d, expertsOf(devicetest.Rand(), ty, experts, s[1], s[2], s[0] == 9), s[0], used)
					})
				}
			}
		}
	})
}

func testExperts(t *testing.T, d *device, w kernels.Weights, n, used int) {
	r := devicetest.Rand()
	x, logits, base := devicetest.Gauss(r, n*w.Cols), devicetest.Gauss(r, n*w.Experts), devicetest.Gauss(r, n*w.Rows)
	m, err := d.Load(w)
	if err != nil {
		t.Fatal(err)
	}
	st := begin(d, nil)
	c := st.Route(tensorOf(st, logits, n, w.Experts), &kernels.Routing{Used: used, Scale: 1.5})
	rows, y, sum := st.New(n*used, w.Cols), st.New(n*used, w.Rows), tensorOf(st, base, n, w.Rows)
	st.Gather(rows, tensorOf(st, x, n, w.Cols), c)
	st.MatMulExperts(y, rows, m, c)
	st.Combine(sum, y, c)

	want := make([]float64, n*w.Rows)
	for i, v := range base {
		want[i] = float64(v)
	}
	for e := range w.Experts {
		all := devicetest.Product(x, n, expert(t, w, e))
		for i := range n {
			weight := plainWeight(logits[i*w.Experts:][:w.Experts], e, used)
			for j := range w.Rows {
				want[i*w.Rows+j] += 1.5 * weight * all[i*w.Rows+j]
			}
		}
	}
	if e := devicetest.Distance(flat(sum), want); !(e < d.productLimit(w)) {
		t.Errorf("error %g", e)
	}
}

// plainWeight is the probability of expert e, or 0 where used others are more probable.
func plainWeight(logits []float32, e, used int) float64 {
	sum, before := 0.0, 0
	for i, v := range logits {
		sum += math.Exp(float64(v))
		if v > logits[e] || v == logits[e] && i < e {
			before++
		}
	}
	if before >= used {
		return 0
	}
	return math.Exp(float64(logits[e])) / sum
}

// TestGatedExperts: as the gated products of each expert by itself, for groups of a few
// rows and of many.
func TestGatedExperts(t *testing.T) {
	const experts, used, cols, ff = 4, 2, 256, 45
	everyLevel(t, func(t *testing.T, lv level) {
		d := device2(t, lv, 2, false)
		r := devicetest.Rand()
		gate, up := expertsOf(r, quant.Q4_1, experts, ff, cols, true), expertsOf(r, quant.F16, experts, ff, cols, false)
		up.Bias = make([]float32, experts*ff)
		m, err := d.Load(gate, up)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 11, 130} {
			st := begin(d, nil)
			c := st.Route(tensorOf(st, devicetest.Gauss(r, n*experts), n, experts), &kernels.Routing{Used: used, Scale: 1})
			rows, got := st.New(n*used, cols), st.New(n*used, ff)
			st.Gather(rows, tensorOf(st, devicetest.Gauss(r, n*cols), n, cols), c)
			st.MatMulGatedExperts(got, rows, m, c, kernels.SiLU)
			ch := st.chosen("test", c)
			for e := range experts {
				one, err := d.Load(expert(t, gate, e), expert(t, up, e))
				if err != nil {
					t.Fatal(err)
				}
				from, size := int(ch.first[e]), int(ch.first[e+1]-ch.first[e])
				want := st.New(size, ff)
				st.MatMulGated(want, rows.Sub(from, size), one, kernels.SiLU)
				var w64 []float64
				for _, v := range flat(want) {
					w64 = append(w64, float64(v))
				}
				if d := devicetest.Distance(flat(got.Sub(from, size)), w64); !(d < 1e-5) {
					t.Errorf("%d rows, expert %d: error %g", n, e, d)
				}
			}
		}
	})
}

// TestRoute: probabilities, the bias that chooses only, ties, values that are no numbers,
// and groups that hold each row once for each of its experts.
func TestRoute(t *testing.T) {
	d := device2(t, generic, 1, false)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	logit := func(p float64) float32 { return float32(math.Log(p)) }
	for name, c := range map[string]struct {
		r       kernels.Routing
		logits  []float32
		bias    []float32
		experts []int32
		weights []float64
	}{
		"softmax":    {r: kernels.Routing{Used: 2, Scale: 1}, logits: []float32{logit(.1), logit(.6), logit(.3)}, experts: []int32{1, 2}, weights: []float64{.6, .3}},
		"normalized": {r: kernels.Routing{Used: 2, Scale: 2, Normalize: true}, logits: []float32{logit(.1), logit(.6), logit(.3)}, experts: []int32{1, 2}, weights: []float64{4. / 3, 2. / 3}},
		"sigmoid":    {r: kernels.Routing{Used: 1, Scale: 1, Sigmoid: true}, logits: []float32{-1, 2, 0}, experts: []int32{1}, weights: []float64{1 / (1 + math.Exp(-2))}},
		"bias":       {r: kernels.Routing{Used: 1, Scale: 1}, logits: []float32{logit(.1), logit(.6), logit(.3)}, bias: []float32{.6, 0, 0}, experts: []int32{0}, weights: []float64{.1}},
		"ties":       {r: kernels.Routing{Used: 2, Scale: 1}, logits: []float32{1, 1, 1, 1}, experts: []int32{0, 1}, weights: []float64{.25, .25}},
		"all":        {r: kernels.Routing{Used: 3, Scale: 1}, logits: []float32{logit(.2), logit(.3), logit(.5)}, experts: []int32{2, 1, 0}, weights: []float64{.5, .3, .2}},
		"no sum":     {r: kernels.Routing{Used: 1, Scale: 1, Normalize: true, Sigmoid: true}, logits: []float32{-inf, -inf}, experts: []int32{0}, weights: []float64{0}},
		"no number":  {r: kernels.Routing{Used: 2, Scale: 1, Sigmoid: true}, logits: []float32{nan, -2, 0}, experts: []int32{2, 1}, weights: []float64{.5, 1 / (1 + math.Exp(2))}},
	} {
		st := begin(d, nil)
		if c.bias != nil {
			c.r.Bias = vectorOf(t, d, c.bias)
		}
		ch := st.chosen("test", st.Route(tensorOf(st, c.logits, 1, len(c.logits)), &c.r))
		if !slices.Equal(ch.expert, c.experts) {
			t.Errorf("%s: experts %v, expected %v", name, ch.expert, c.experts)
		}
		for i, w := range ch.weight {
			if math.Abs(float64(w)-c.weights[i]) > 1e-6 {
				t.Errorf("%s: weight %v, expected %v", name, w, c.weights[i])
			}
		}
	}
	// The example of kernels.Choice.
	st := begin(d, nil)
	ch := st.chosen("test", st.Route(tensorOf(st, []float32{
		0, 2, 0, 1,
		1, 0, 0, 2,
		0, 1, 0, 2}, 3, 4), &kernels.Routing{Used: 2, Scale: 1}))
	if !slices.Equal(ch.first, []int32{0, 1, 3, 3, 6}) || !slices.Equal(ch.source, []int32{1, 0, 2, 0, 1, 2}) {
		t.Errorf("groups from %v of rows %v", ch.first, ch.source)
	}
	for i, p := range ch.place {
		if int(ch.source[p]) != i/2 {
			t.Errorf("place %d of row %d holds row %d", p, i/2, ch.source[p])
		}
	}
}

// TestExpertsMisuse: choices of another step, matrices of other experts, and a matrix of
// experts in ordinary products are found.
func TestExpertsMisuse(t *testing.T) {
	d := device2(t, generic, 1, false)
	r := devicetest.Rand()
	load := func(w kernels.Weights) kernels.Matrix {
		m, err := d.Load(w)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	four, three, plain := load(expertsOf(r, quant.F32, 4, 8, 8, false)), load(expertsOf(r, quant.F32, 3, 8, 8, false)), load(devicetest.RandomWeights(r, quant.F32, 8, 8))
	route := &kernels.Routing{Used: 2, Scale: 1}
	st := begin(d, nil)
	old := st.Route(tensorOf(st, devicetest.Gauss(r, 12), 3, 4), route)
	st = begin(d, nil)
	c := st.Route(tensorOf(st, devicetest.Gauss(r, 12), 3, 4), route)
	x, y, few := st.New(6, 8), st.New(6, 8), st.New(3, 8)
	for name, f := range map[string]func(){
		"a choice of another step":  func() { st.MatMulExperts(y, x, four, old) },
		"Gather of another step":    func() { st.Gather(y, few, old) },
		"Combine of another step":   func() { st.Combine(few, x, old) },
		"other experts":             func() { st.MatMulExperts(y, x, three, c) },
		"an ordinary matrix":        func() { st.MatMulExperts(y, x, plain, c) },
		"experts in MatMul":         func() { st.MatMul(y, x, four) },
		"experts in Embed":          func() { st.Embed(y, four, 1) },
		"rows that are no groups":   func() { st.MatMulExperts(few, few, four, c) },
		"dst is x":                  func() { st.MatMulExperts(x, x, four, c) },
		"Gather to too few rows":    func() { st.Gather(few, few, c) },
		"not a gate and its equal":  func() { st.MatMulGatedExperts(y, x, four, c, kernels.SiLU) },
		"more experts than logits":  func() { st.Route(few, &kernels.Routing{Used: 9, Scale: 1}) },
		"no experts":                func() { st.Route(few, &kernels.Routing{Scale: 1}) },
		"a bias of another length":  func() { st.Route(few, &kernels.Routing{Used: 1, Scale: 1, Bias: vectorOf(t, d, []float32{1})}) },
		"a closed matrix":           func() { m := load(expertsOf(r, quant.F32, 4, 8, 8, false)); m.Close(); st.MatMulExperts(y, x, m, c) },
		"Mul of different shapes":   func() { st.Mul(x, few) },
		"Mul of overlapping values": func() { st.Mul(x.Slice(0, 4), x.Slice(2, 4)) },
	} {
		if recovered(f) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	before := len(d.segments)
	for want, w := range map[string]kernels.Weights{
		"need":                    {Type: quant.F32, Rows: 1, Cols: 8, Data: make([]byte, 95), Experts: 3},
		"biases":                  {Type: quant.F32, Rows: 1, Cols: 8, Data: make([]byte, 96), Experts: 3, Bias: make([]float32, 2)},
		"where the first part":    {Type: quant.F32, Rows: 1, Cols: 8, Data: make([]byte, 64), Experts: 2},
		"not a matrix":            {Type: quant.F32, Rows: 0, Cols: 8, Experts: 3},
		"are not whole blocks":    {Type: quant.Q8_0, Rows: 1, Cols: 8, Data: make([]byte, 99), Experts: 3},
		"unknown weight format":   {Type: 77, Rows: 1, Cols: 8, Data: make([]byte, 99), Experts: 3},
		"columns where the first": {Type: quant.F32, Rows: 1, Cols: 4, Data: make([]byte, 48), Experts: 3},
	} {
		if _, err := d.Load(expertsOf(r, quant.F32, 3, 1, 8, false), w); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, n := range []int{-1, maxExperts + 1} {
		if _, err := d.Load(kernels.Weights{Type: quant.F32, Rows: 1, Cols: 1, Data: make([]byte, 4*maxExperts+4), Experts: n}); err == nil {
			t.Errorf("%d experts were loaded", n)
		}
	}
	if len(d.segments) != before {
		t.Errorf("%d segments are left of matrices that were refused", len(d.segments)-before)
	}
}

func TestMul(t *testing.T) {
	opsOn(t, func(t *testing.T, d *device) {
		for _, s := range [][2]int{{1, 5}, {90, 333}} {
			rows, cols := s[0], s[1]
			r := devicetest.Rand()
			a, b, one := devicetest.Gauss(r, rows*cols), devicetest.Gauss(r, rows*cols), devicetest.Gauss(r, cols)
			st := begin(d, nil)
			y := tensorOf(st, a, rows, cols)
			st.Mul(y, tensorOf(st, b, rows, cols))
			st.Mul(y, tensorOf(st, one, 1, cols))
			want := make([]float64, len(a))
			for i := range want {
				want[i] = float64(a[i]) * float64(b[i]) * float64(one[i%cols])
			}
			closeTo(t, "Mul", flat(y), want)
		}
	})
}
