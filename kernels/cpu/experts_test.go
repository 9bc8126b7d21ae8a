package cpu

import (
	"math"
	"slices"
	"strings"
	"testing"

	"soberano/kernels"
	"soberano/kernels/contract"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// TestRoute checks probabilities, the bias that affects only the choice, ties, NaN,
// and groups that contain each row once for each of its experts.
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
	// This is the example in the documentation of kernels.Choice.
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

// TestLoadExpertsRefuses checks that errors name the inconsistent dimensions of experts, and that nothing stays loaded.
func TestLoadExpertsRefuses(t *testing.T) {
	d := device2(t, generic, 1, false)
	r := devicetest.Rand()
	for want, w := range map[string]kernels.Weights{
		"need":                    {Type: quant.F32, Rows: 1, Cols: 8, Data: make([]byte, 95), Experts: 3},
		"biases":                  {Type: quant.F32, Rows: 1, Cols: 8, Data: make([]byte, 96), Experts: 3, Bias: make([]float32, 2)},
		"where the first part":    {Type: quant.F32, Rows: 1, Cols: 8, Data: make([]byte, 64), Experts: 2},
		"are not whole blocks":    {Type: quant.Q8_0, Rows: 1, Cols: 8, Data: make([]byte, 99), Experts: 3},
		"unknown weight format":   {Type: 77, Rows: 1, Cols: 8, Data: make([]byte, 99), Experts: 3},
		"columns where the first": {Type: quant.F32, Rows: 1, Cols: 4, Data: make([]byte, 48), Experts: 3},
	} {
		if _, err := d.Load(devicetest.ExpertWeights(r, quant.F32, 3, 1, 8, false), w); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, n := range []int{-1, kernels.MaxExperts + 1} {
		if _, err := d.Load(kernels.Weights{Type: quant.F32, Rows: 1, Cols: 1, Data: make([]byte, 4*kernels.MaxExperts+4), Experts: n}); err == nil {
			t.Errorf("%d experts were loaded", n)
		}
	}
	if len(d.segments) != 0 {
		t.Errorf("%d segments are left of matrices that were refused", len(d.segments))
	}
}

// TestExpertsDoNotAllocate checks that a step with experts and a convolution allocates nothing after its first runs.
func TestExpertsDoNotAllocate(t *testing.T) {
	const n, cols, experts, used = 9, 64, 4, 2
	d := device2(t, best(), 2, false)
	r := devicetest.Rand()
	load := func(w ...kernels.Weights) kernels.Matrix {
		m, err := d.Load(w...)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	gateUp := load(devicetest.ExpertWeights(r, quant.Q8_0, experts, 96, cols, false), devicetest.ExpertWeights(r, quant.Q8_0, experts, 96, cols, false))
	down, kernel := load(devicetest.ExpertWeights(r, quant.F32, experts, cols, 96, false)), vectorOf(t, d, devicetest.Gauss(r, 3*cols))
	state, err := d.NewState(kernels.StateShape{Cap: 512, Layers: []kernels.Layer{{Kind: kernels.Recurrent, Rows: 2, Cols: cols}}})
	if err != nil {
		t.Fatal(err)
	}
	values, logits := devicetest.Gauss(r, n*cols), devicetest.Gauss(r, n*experts)
	batch := &kernels.Batch{Spans: []kernels.Span{{State: state, N: n}}}
	route := &kernels.Routing{Used: used, Scale: 1, Normalize: true, Bias: vectorOf(t, d, make([]float32, experts))}
	var dev kernels.Device = d
	step := func() {
		st := dev.Begin(batch)
		x, h, l := st.New(n, cols), st.New(n, cols), st.New(n, experts)
		rows, hidden := st.New(n*used, cols), st.New(n*used, 96)
		st.Write(x, values)
		st.Write(l, logits)
		st.ShortConv(h, x, kernel, 0)
		st.Mul(h, x)
		c := st.Route(l, route)
		st.Gather(rows, h, c)
		st.MatMulGatedExperts(hidden, rows, gateUp, c, kernels.SiLU)
		st.MatMulExperts(rows, hidden, down, c)
		st.Combine(x, rows, c)
		if st.Read(x); st.End() != nil {
			panic("no end")
		}
		batch.Spans[0].Pos += n
	}
	for range contract.StepsKept {
		step()
	}
	if got := testing.AllocsPerRun(20, step); got != 0 {
		t.Errorf("%g allocations a step", got)
	}
}
