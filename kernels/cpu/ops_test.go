package cpu

import (
	"math"
	"strings"
	"testing"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// opsOn runs f on devices of every level; sizes in the tests make both the lone and
// the shared way of rowJob run.
func opsOn(t *testing.T, f func(t *testing.T, d *device)) {
	everyLevel(t, func(t *testing.T, lv level) { f(t, device2(t, lv, 3, false)) })
}

func closeTo(t *testing.T, name string, got []float32, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, not %d", name, len(got), len(want))
	}
	if e := distance(got, want); !(e < 1e-6) {
		t.Errorf("%s: error %g", name, e)
	}
}

func TestNorms(t *testing.T) {
	opsOn(t, func(t *testing.T, d *device) {
		for _, s := range [][3]int{{1, 7, 7}, {3, 96, 32}, {200, 130, 65}, {70, 576, 576}} {
			rows, cols, run := s[0], s[1], s[2]
			r := newRand()
			x, w, gamma, beta := gauss(r, rows*cols), gauss(r, run), gauss(r, cols), gauss(r, cols)
			for i := range x {
				x[i] = 3*x[i] + 5
			}
			st := begin(d, nil)
			xt := tensorOf(st, x, rows, cols)
			y := st.New(rows, cols)
			st.RMSNorm(y, xt, vectorOf(t, d, w), 1e-5)
			want := make([]float64, len(x))
			for i := 0; i < len(x); i += run {
				ss := 0.0
				for _, v := range x[i : i+run] {
					ss += float64(v) * float64(v)
				}
				for j := range run {
					want[i+j] = float64(x[i+j]) / math.Sqrt(ss/float64(run)+1e-5) * float64(w[j])
				}
			}
			closeTo(t, "RMSNorm", flat(y), want)

			for i := 0; i < len(x); i += cols {
				var mean, ss float64
				for _, v := range x[i : i+cols] {
					mean += float64(v) / float64(cols)
				}
				for _, v := range x[i : i+cols] {
					ss += (float64(v) - mean) * (float64(v) - mean)
				}
				for j := range cols {
					want[i+j] = (float64(x[i+j])-mean)/math.Sqrt(ss/float64(cols)+1e-5)*float64(gamma[j]) + float64(beta[j])
				}
			}
			st.LayerNorm(xt, xt, vectorOf(t, d, gamma), vectorOf(t, d, beta), 1e-5) // in place
			closeTo(t, "LayerNorm", flat(xt), want)
		}
	})
}

func TestActivateAddUnfold(t *testing.T) {
	opsOn(t, func(t *testing.T, d *device) {
		for _, s := range [][2]int{{1, 5}, {90, 333}} {
			rows, cols := s[0], s[1]
			r := newRand()
			g, u, one := gauss(r, rows*cols), gauss(r, rows*cols), gauss(r, cols)
			st := begin(d, nil)
			gt, ut, y := tensorOf(st, g, rows, cols), tensorOf(st, u, rows, cols), st.New(rows, cols)
			want := make([]float64, len(g))
			st.Activate(y, gt, ut, kernels.SiLU)
			for i, v := range g {
				want[i] = float64(v) / (1 + math.Exp(-float64(v))) * float64(u[i])
			}
			closeTo(t, "SiLU", flat(y), want)
			st.Activate(y, gt, ut, kernels.GELUTanh)
			for i := range g {
				v := float64(g[i])
				want[i] = 0.5 * v * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v))) * float64(u[i])
			}
			closeTo(t, "GELUTanh", flat(y), want)
			st.Activate(y, gt, kernels.Tensor{}, kernels.GELUErf)
			for i := range g {
				v := float64(g[i])
				want[i] = 0.5 * v * (1 + math.Erf(v/math.Sqrt2))
			}
			closeTo(t, "GELUErf", flat(y), want)
			st.Add(y, gt)
			st.Add(y, tensorOf(st, one, 1, cols))
			for i := range want {
				want[i] += float64(g[i]) + float64(one[i%cols])
			}
			closeTo(t, "Add", flat(y), want)
		}
		st := begin(d, nil)
		x := tensorOf(st, []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 5, 2)
		dst := st.New(3, 6)
		st.Unfold(dst, x, 3, 2, 1)
		closeTo(t, "Unfold", flat(dst), []float64{0, 0, 1, 2, 3, 4, 3, 4, 5, 6, 7, 8, 7, 8, 9, 10, 0, 0})
	})
}

// TestRotate: both orders of pairs, dimensions that stay, positions within the table
// and beyond it.
func TestRotate(t *testing.T) {
	opsOn(t, func(t *testing.T, d *device) {
		const dim, n = 12, 4
		for _, interleaved := range []bool{false, true} {
			freq := []float32{1, 0.3, 0.01, 1e-5}
			rope := &kernels.RoPE{HeadDim: dim, Freq: vectorOf(t, d, freq), Scale: 1.25, Interleaved: interleaved}
			pos := []int32{0, 5, 300, tabled + 3, 1_000_000}
			r := newRand()
			x := gauss(r, len(pos)*3*dim)
			st := begin(d, &kernels.Batch{Positions: pos})
			xt := tensorOf(st, x, len(pos), 3*dim)
			st.Rotate(xt, rope)
			want := make([]float64, len(x))
			for i, v := range x {
				want[i] = float64(v)
			}
			for row, p := range pos {
				for h := range 3 {
					v := want[(row*3+h)*dim:]
					for i, f := range freq {
						a, b := i, i+n
						if interleaved {
							a, b = 2*i, 2*i+1
						}
						sin, cos := math.Sincos(float64(p) * float64(f))
						v[a], v[b] = 1.25*(v[a]*cos-v[b]*sin), 1.25*(v[a]*sin+v[b]*cos)
					}
				}
			}
			closeTo(t, "Rotate", flat(xt), want)
		}
	})
}

func TestEmbed(t *testing.T) {
	d := device2(t, generic, 1, false)
	r := newRand()
	a, b := randomWeights(r, quant.Q4_K, 5, 256), randomWeights(r, quant.Q8_0, 4, 256)
	m, err := d.Load(a, b)
	if err != nil {
		t.Fatal(err)
	}
	v := append(values(a), values(b)...)
	ids := []int32{8, 0, 4, 5}
	st := begin(d, &kernels.Batch{Tokens: ids})
	dst := st.New(4, 256)
	st.Embed(dst, m, 2)
	for i, id := range ids {
		for c, got := range dst.Row(i) {
			if got != 2*v[int(id)*256+c] {
				t.Fatalf("row %d, column %d: %g", id, c, got)
			}
		}
	}
	st = begin(d, &kernels.Batch{Tokens: []int32{9}})
	dst = st.New(1, 256)
	if recovered(func() { st.Embed(dst, m, 1) }) == nil {
		t.Error("a row that is not there was embedded")
	}
}

// TestLoadRefuses: numbers that do not fit together are errors that say so.
func TestLoadRefuses(t *testing.T) {
	d := device2(t, generic, 1, false)
	good := randomWeights(newRand(), quant.Q4_0, 4, 64)
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

// TestNoAllocations: after its first time, a step allocates nothing.
func TestNoAllocations(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		d := device2(t, lv, 2, false)
		r := newRand()
		w, err := d.Load(randomWeights(r, quant.Q4_1, 100, 256), randomWeights(r, quant.F16, 28, 256))
		if err != nil {
			t.Fatal(err)
		}
		c, err := d.NewState(stateShape(1, 2, 64, 64))
		if err != nil {
			t.Fatal(err)
		}
		const n = 40
		x, weight := gauss(r, n*256), vectorOf(t, d, gauss(r, 256))
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
		for range stepsKept {
			step()
		}
		if got := testing.AllocsPerRun(20, step); got != 0 {
			t.Errorf("%g allocations a step", got)
		}
	})
}

// TestArena: tensors of one step do not overlap, even when it outgrows its memory,
// and the memory of a repeated step does not grow.
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
