package cpu

import (
	"testing"

	"soberano/kernels"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// convState makes a state of one layer that keeps keys and values and one for
// convolutions of cols columns and that width.
func convState(t *testing.T, d *device, width, cols int) kernels.State {
	t.Helper()
	s, err := d.NewState(kernels.StateShape{Cap: 512, Layers: []kernels.Layer{
		{KVHeads: 1, KeyDim: 32, ValueDim: 32}, {Kind: kernels.Recurrent, Rows: width - 1, Cols: cols},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// A step with experts and a convolution allocates nothing after its first times.
func TestNoAllocationsMore(t *testing.T) {
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
	gateUp := load(expertsOf(r, quant.Q8_0, experts, 96, cols, false), expertsOf(r, quant.Q8_0, experts, 96, cols, false))
	down, kernel := load(expertsOf(r, quant.F32, experts, cols, 96, false)), vectorOf(t, d, devicetest.Gauss(r, 3*cols))
	values, logits := devicetest.Gauss(r, n*cols), devicetest.Gauss(r, n*experts)
	batch := &kernels.Batch{Spans: []kernels.Span{{State: convState(t, d, 3, cols), N: n}}}
	route := &kernels.Routing{Used: used, Scale: 1, Normalize: true, Bias: vectorOf(t, d, make([]float32, experts))}
	var dev kernels.Device = d
	step := func() {
		st := dev.Begin(batch)
		x, h, l := st.New(n, cols), st.New(n, cols), st.New(n, experts)
		rows, hidden := st.New(n*used, cols), st.New(n*used, 96)
		st.Write(x, values)
		st.Write(l, logits)
		st.ShortConv(h, x, kernel, 1)
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
	for range stepsKept {
		step()
	}
	if got := testing.AllocsPerRun(20, step); got != 0 {
		t.Errorf("%g allocations a step", got)
	}
}
