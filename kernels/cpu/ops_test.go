package cpu

import (
	"strings"
	"testing"

	"soberano/kernels"
	"soberano/kernels/contract"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// TestLoadRefuses checks that Load returns an error that names the inconsistent dimensions.
func TestLoadRefuses(t *testing.T) {
	d := device2(t, generic, 1, false)
	good := devicetest.RandomWeights(devicetest.Rand(), quant.Q4_0, 4, 64)
	for want, w := range map[string]kernels.Weights{
		"unknown weight format": {Type: 77, Rows: 1, Cols: 32, Data: make([]byte, 99)},
		"not a matrix":          {Type: quant.F32, Rows: -1, Cols: 64},
		"columns where":         {Type: quant.F32, Rows: 1, Cols: 32, Data: make([]byte, 128)},
		"need":                  {Type: quant.F32, Rows: 1, Cols: 64, Data: make([]byte, 255)},
		"biases":                {Type: quant.F32, Rows: 1, Cols: 64, Data: make([]byte, 256), Bias: make([]float32, 2)},
	} {
		if _, err := d.Load(good, w); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", w.Type, err, want)
		}
	}
	if _, err := d.Load(kernels.Weights{Type: quant.Q4_K, Rows: 1, Cols: 64, Data: make([]byte, 144)}); err == nil {
		t.Error("64 columns of Q4_K were loaded")
	}
	if _, err := d.Load(); err == nil {
		t.Error("nothing was loaded")
	}
}

// TestNoAllocations checks that a step allocates nothing after its first run.
func TestNoAllocations(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		d := device2(t, lv, 2, false)
		r := devicetest.Rand()
		w, err := d.Load(devicetest.RandomWeights(r, quant.Q4_1, 100, 256), devicetest.RandomWeights(r, quant.F16, 28, 256))
		if err != nil {
			t.Fatal(err)
		}
		c, err := d.NewState(stateShape(1, 2, 64, 64))
		if err != nil {
			t.Fatal(err)
		}
		const n = 40
		x, weight := devicetest.Gauss(r, n*256), vectorOf(t, d, devicetest.Gauss(r, 256))
		a := &kernels.Attention{Heads: 4, KVHeads: 2, HeadDim: 64, Scale: 0.125, Causal: true}
		rope := &kernels.RoPE{HeadDim: 64, Freq: vectorOf(t, d, make([]float32, 32)), Scale: 1}
		batch := &kernels.Batch{Positions: make([]int32, n), Spans: []kernels.Span{{State: c, N: n}}}
		var dev kernels.Device = d
		step := func() {
			st := dev.Begin(batch)
			h, y := st.New(n, 256), st.New(n, 128)
			st.Write(h, x)
			st.RMSNorm(h, h, weight, 1e-5)
			st.MatMul(y, h, w)
			st.MatMulAdd(y, h, w)
			st.Rotate(h, rope)
			st.Store(y, y, 0, a)
			st.Attend(h, h, 0, a)
			st.Activate(h, h, h, kernels.SiLU)
			rows := st.Read(h)
			if st.Read(y); st.End() != nil || len(rows.Row(1)) != 256 {
				panic("no rows")
			}
		}
		for range contract.StepsKept {
			step()
		}
		if got := testing.AllocsPerRun(20, step); got != 0 {
			t.Errorf("%g allocations a step", got)
		}
	})
}

// TestArena checks that tensors of one step do not overlap, even if it needs more than the slab has,
// and that the memory of a repeated step does not grow.
func TestArena(t *testing.T) {
	var a arena
	for round := range 4 {
		a.reset()
		var parts [][]float32
		for i := range 60 {
			p := a.take(i * 4001)
			for j := range p {
				p[j] = float32(i)
			}
			parts = append(parts, p)
		}
		for i, p := range parts {
			for _, v := range p {
				if v != float32(i) {
					t.Fatalf("round %d: part %d holds %g", round, i, v)
				}
			}
		}
		if round > 0 && len(a.slabs) != 1 {
			t.Fatalf("round %d: %d slabs", round, len(a.slabs))
		}
	}
}

func TestLevels(t *testing.T) {
	if _, err := choose("quantum"); err == nil || !strings.Contains(err.Error(), "generic") || !strings.Contains(err.Error(), "quantum") {
		t.Errorf("an unknown level: %v", err)
	}
	for _, l := range available() {
		if got, err := choose(l.String()); err != nil || got != l {
			t.Errorf("%v: %v, %v", l, got, err)
		}
	}
	t.Setenv("SOBERANO_CPU", "quantum")
	if _, err := New(Options{}); err == nil {
		t.Error("New took an unknown level")
	}
	if d, err := New(Options{Threads: 1, AnyLevel: true}); err != nil || d.Name() != levelTitles[best()]+", 1 thread" {
		t.Errorf("AnyLevel: %v, %v", d, err)
	}
	if _, err := Describe(); err == nil {
		t.Error("Describe took an unknown level")
	}
	t.Setenv("SOBERANO_CPU", "generic")
	d, err := New(Options{Threads: 1, Exact: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if d.Name() != "plain Go, 1 thread, exact" || Level() != "generic" {
		t.Errorf("%q, %q", d.Name(), Level())
	}
	if i, err := Describe(); err != nil || i.Cores < 1 || i.CPU == "" || i.Level != "generic" {
		t.Errorf("%+v, %v", i, err)
	}
}
