//go:build linux && cgo

package gl

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"soberano/kernels"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// ownGPU returns a context of this test alone.
func ownGPU(t *testing.T) *GPU {
	t.Helper()
	gpu(t)
	g, err := openSoftware()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// deviceOn returns a device on g.
func deviceOn(t *testing.T, g *GPU, memory int64) kernels.Device {
	t.Helper()
	d, err := New(Options{GPU: g, Memory: memory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// compute runs a step in which f computes a tensor, and returns its values.
func compute(d kernels.Device, f func(st kernels.Step) kernels.Tensor) ([]float32, error) {
	st := d.Begin(nil)
	rows := st.Read(f(st))
	if err := st.End(); err != nil {
		return nil, err
	}
	var all []float32
	for r := range rows.Len {
		all = append(all, rows.Row(r)...)
	}
	return all, nil
}

// scaled doubles four numbers.
func scaled(st kernels.Step) kernels.Tensor {
	t := st.New(1, 4)
	st.Write(t, []float32{1, 2, 3, 4})
	st.Scale(t, t, 2)
	return t
}

// TestCommandLayout checks that Go and C agree on a command.
func TestCommandLayout(t *testing.T) {
	if unsafe.Sizeof(command{}) != commandBytes {
		t.Errorf("a command has %d bytes in Go, %d in C", unsafe.Sizeof(command{}), commandBytes)
	}
}

// TestNoGPU checks the error for a GPU that is not there.
func TestNoGPU(t *testing.T) {
	if _, err := open(1000); !errors.Is(err, ErrUnavailable) {
		t.Errorf("GPU 1000: %v", err)
	}
}

// TestSoftware checks which renderers are known to run on the processor.
func TestSoftware(t *testing.T) {
	for name, want := range map[string]bool{
		"llvmpipe (LLVM 19.1.7, 256 bits)": true, "softpipe": true, "Google SwiftShader": true, "Microsoft Basic Render Driver": true, "GDI Generic": true,
		"NVIDIA GeForce RTX 3060/PCIe/SSE2": false, "AMD Radeon RX 6600 (radeonsi, navi23, LLVM 15.0.7)": false, "Mesa Intel(R) UHD Graphics 620 (KBL GT2)": false,
	} {
		if isSoftware(name) != want {
			t.Errorf("%q: software %v", name, !want)
		}
	}
}

// TestClosedGPU checks that a device on a closed context fails.
func TestClosedGPU(t *testing.T) {
	g := ownGPU(t)
	d, err := New(Options{GPU: g})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := compute(d, scaled); !errors.Is(err, errClosed) {
		t.Errorf("a step: %v", err)
	}
	if _, err := d.NewVector([]float32{1}); !errors.Is(err, errClosed) {
		t.Errorf("a vector: %v", err)
	}
	if _, err := New(Options{GPU: g}); !errors.Is(err, errClosed) {
		t.Errorf("a device: %v", err)
	}
}

// TestOutOfMemory checks that a device takes no more memory than it may, and works on after it was refused some.
func TestOutOfMemory(t *testing.T) {
	const most = 8 << 20
	d := deviceOn(t, ownGPU(t), most)
	w := devicetest.RandomWeights(devicetest.Rand(), quant.F32, 1024, 1024)
	for range 3 {
		m, err := d.Load(w)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Load(w, w); !errors.Is(err, ErrOutOfMemory) {
			t.Fatalf("two matrices more: %v", err)
		}
		if held := d.(*device).held; held > most {
			t.Errorf("the device holds %d bytes", held)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := compute(d, func(st kernels.Step) kernels.Tensor {
		x, y := st.New(4096, 1024), st.New(4096, 1024)
		st.Add(y, x) // is not run
		return y
	}); !errors.Is(err, ErrOutOfMemory) {
		t.Errorf("large tensors: %v", err)
	}
	if got, err := compute(d, scaled); err != nil || got[3] != 8 {
		t.Errorf("a step after that: %v, %v", got, err)
	}
}

// TestLostContext checks that a step whose commands the driver did not run, since the context is not current any more or destroyed, fails instead of
// returning old values.
func TestLostContext(t *testing.T) {
	g := ownGPU(t)
	d := deviceOn(t, g, 0)
	if _, err := compute(d, scaled); err != nil {
		t.Fatal(err)
	}
	for what, lose := range []func(context){context.leave, context.close} { // after each of them, OpenGL ignores every call
		if err := g.do(func(c context) error {
			lose(c)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := compute(d, scaled); !errors.Is(err, ErrLost) {
			t.Errorf("a step without a context, %d: %v", what, err)
		}
	}
}

// TestSmallBlocks checks matrices, with and without experts, that are larger than the driver's blocks, and what does not fit into one.
func TestSmallBlocks(t *testing.T) {
	g := ownGPU(t)
	g.most = 12 << 10 // words
	d, r := deviceOn(t, g, 0), devicetest.Rand()
	const rows, cols, experts = 150, 512, 5
	w, e := devicetest.RandomWeights(r, quant.Q8_0, rows, cols), devicetest.ExpertWeights(r, quant.Q8_0, experts, 40, cols, true)
	w.Bias = devicetest.Gauss(r, rows)
	m, err := d.Load(w)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(m.(*matrix).parts[0].chunks); n < 2 {
		t.Fatalf("the matrix lies in %d buffers", n)
	}
	x := devicetest.Gauss(r, 10*cols)
	for _, n := range []int{1, 10} {
		got, err := compute(d, func(st kernels.Step) kernels.Tensor {
			in, out := st.New(n, cols), st.New(n, rows)
			st.Write(in, x)
			st.MatMul(out, in, m)
			return out
		})
		if err != nil {
			t.Fatal(err)
		}
		if e := devicetest.Distance(got, devicetest.Product(x, n, w)); !(e < devicetest.Float) {
			t.Errorf("a product of %d rows: error %g", n, e)
		}
	}
	smallExperts(t, d, e, x[:cols])
	if _, err := d.Load(devicetest.RandomWeights(r, quant.F32, 1, 13<<10)); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a row that is larger than a block: %v", err)
	}
	if _, err := compute(d, func(st kernels.Step) kernels.Tensor { return st.New(1, 13<<10) }); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a tensor that is larger than a block: %v", err)
	}
	layer := kernels.Layer{KVHeads: 1, KeyDim: 256, ValueDim: 256}
	if _, err := d.NewState(kernels.StateShape{Layers: []kernels.Layer{layer}, Cap: 1}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a page that is larger than a block: %v", err)
	}
}

// smallExperts checks that a row is multiplied with each of the experts of w, which lie in several buffers.
func smallExperts(t *testing.T, d kernels.Device, w kernels.Weights, x []float32) {
	m, err := d.Load(w)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(m.(*matrix).parts[0].chunks); n < 2 {
		t.Fatalf("the experts lie in %d buffers", n)
	}
	got, err := compute(d, func(st kernels.Step) kernels.Tensor {
		in, logits := st.New(1, w.Cols), st.New(1, w.Experts)
		st.Write(in, x)
		st.Write(logits, make([]float32, w.Experts))
		c := st.Route(logits, &kernels.Routing{Used: w.Experts, Scale: 1})
		rows, out := st.New(w.Experts, w.Cols), st.New(w.Experts, w.Rows)
		st.Gather(rows, in, c)
		st.MatMulExperts(out, rows, m, c)
		return out
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []float64
	for e := range w.Experts {
		want = append(want, devicetest.Product(x, 1, w.Expert(e))...)
	}
	if e := devicetest.Distance(got, want); !(e < devicetest.Float) {
		t.Errorf("experts in several buffers: error %g", e)
	}
}

// TestWeightsAreReadOnce checks that the dispatches of a step of one row, and of eight, unpack every weight once, and those of a step
// of many rows once for 64 of them.
func TestWeightsAreReadOnce(t *testing.T) {
	d, r := newDevice(t, Options{}), devicetest.Rand()
	const cols = 256
	qkv := []kernels.Weights{devicetest.RandomWeights(r, quant.Q4_K, 70, cols), devicetest.RandomWeights(r, quant.Q6_K, 30, cols)}
	m, err := d.Load(qkv...)
	if err != nil {
		t.Fatal(err)
	}
	bytes := len(qkv[0].Data) + len(qkv[1].Data)
	for rows, want := range map[int]int{1: 1, 8: 1, 9: 1, 32: 1, 64: 1, 65: 2, 200: 4} {
		if _, err := compute(d, func(st kernels.Step) kernels.Tensor {
			y := st.New(rows, 100)
			st.MatMul(y, st.New(rows, cols), m)
			return y
		}); err != nil {
			t.Fatal(err)
		}
		read := 0
		for p, id := range d.gpu.programs {
			for _, c := range d.steps[d.step].commands {
				if p.blocks && c.kind == dispatch && c.program == id {
					read += int(weightRows(p, &c)) * int(c.param[2]) * int(c.groups[1]) // rows, their bytes, groups that read them
				}
			}
		}
		if read != want*bytes {
			t.Errorf("%d rows: %d bytes are read, %d times %d are expected", rows, read, want, bytes)
		}
	}
}

// TestWideKeys checks that keys for which attention has no memory are refused.
func TestWideKeys(t *testing.T) {
	layer := kernels.Layer{KVHeads: 1, KeyDim: mostDims + 1, ValueDim: 8}
	if _, err := newDevice(t, Options{}).NewState(kernels.StateShape{Layers: []kernels.Layer{layer}, Cap: 1}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("keys of %d dimensions: %v", layer.KeyDim, err)
	}
	w := devicetest.ExpertWeights(devicetest.Rand(), quant.F32, mostExperts+1, 1, 1, false)
	if _, err := newDevice(t, Options{}).Load(w); !errors.Is(err, ErrUnsupported) {
		t.Errorf("%d experts: %v", w.Experts, err)
	}
}

// TestIdlePages checks that the memory of states is used again, and freed when no state of its form is left.
func TestIdlePages(t *testing.T) {
	d := newDevice(t, Options{})
	d.pages.mostIdle = 0
	if _, err := compute(d, scaled); err != nil {
		t.Fatal(err)
	}
	before := d.held
	for range 3 {
		a, b := stored(t, d, 64), stored(t, d, 64)
		stored(t, d, 32)
		if d.held == before {
			t.Fatal("states take no memory")
		}
		for _, s := range []kernels.State{a, b} {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := compute(d, scaled); err != nil {
			t.Fatal(err)
		}
		if len(d.pages.forms) != 2 || d.pages.forms[0].slabs != nil || len(d.pages.forms[1].slabs) != 1 {
			t.Errorf("closed states keep %v, an open one has %v", d.pages.forms[0].slabs, d.pages.forms[1].slabs)
		}
	}
}

// stored returns a state with a position whose key has so many dimensions.
func stored(t *testing.T, d kernels.Device, dim int) kernels.State {
	t.Helper()
	state, err := d.NewState(kernels.StateShape{Layers: []kernels.Layer{{KVHeads: 1, KeyDim: dim, ValueDim: dim}}, Cap: 10})
	if err != nil {
		t.Fatal(err)
	}
	a := &kernels.Attention{Heads: 1, KVHeads: 1, HeadDim: dim, Scale: 1, Causal: true}
	st := d.Begin(&kernels.Batch{Spans: []kernels.Span{{State: state, N: 1}}})
	x := st.New(1, dim)
	st.Write(x, make([]float32, dim))
	st.Store(x, x, 0, a)
	if err := st.End(); err != nil {
		t.Fatal(err)
	}
	return state
}

// TestUnknownActivation checks that an activation that the shader does not know is refused.
func TestUnknownActivation(t *testing.T) {
	if _, err := compute(newDevice(t, Options{}), func(st kernels.Step) kernels.Tensor {
		x := scaled(st)
		st.Activate(x, x, kernels.Tensor{}, kernels.GELUQuick+1)
		return x
	}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("an unknown activation: %v", err)
	}
}

// TestCheck checks that the self-check accepts the software driver, and finds a shader of each kernel that writes wrong values.
func TestCheck(t *testing.T) {
	g := ownGPU(t)
	if err := Check(g); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []struct {
		program
		right, wrong string // parts of the source
	}{
		{program{kernel: "matvec", option: matvecQuads, weight: quant.IQ4_NL, blocks: true}, "const int linear4[16] = int[16](-127", "const int linear4[16] = int[16](-12"},
		{program{kernel: "matvec", option: matvecQuads | matvecGated, weight: quant.Q4_K, blocks: true}, "gated(p[19], sum[0], sum[1])", "gated(p[19], sum[1], sum[0])"},
		{program{kernel: "tile", option: fewRows, weight: quant.Q6_K, blocks: true}, "dst[at] = acc", "dst[at] = 2.0 * acc"},
		{program{kernel: "norm", option: opRMSNorm}, "square / count", "square"},
		{program{kernel: "norm", option: opSoftmax}, "/ sum", "/ (2.0 * sum)"},
		{program{kernel: "attend", option: 4001}, "shrink + totals(e)", "shrink + 2.0 * totals(e)"},
		{program{kernel: "store"}, "d < p[2] ? k[", "d < p[2] ? 2.0 * k["},
		{program{kernel: "scores"}, "s += q[from + d] * (d", "s += 2.0 * q[from + d] * (d"},
		{program{kernel: "join"}, "v / sum", "2.0 * v / sum"},
		{program{kernel: "move", option: opRotate}, "u * sine + v * cosine", "u * sine - v * cosine"},
		{program{kernel: "element", option: opActivate}, "activation(p[10], v);", "activation(p[10], 2.0 * v);"},
		{program{kernel: "route"}, "prob[e] * scale", "2.0 * prob[e] * scale"},
		{program{kernel: "group"}, "c[p[5] + at] = i", "c[p[5] + at] = 0"},
		{program{kernel: "spread", option: 0}, "float v = x[p[4] + from", "float v = 2.0 * x[p[4] + from"},
		{program{kernel: "spread", option: 1}, "sum = dst[at]", "sum = 1.0 + dst[at]"},
		{program{kernel: "shortconv"}, "sum += w[", "sum -= w["},
		{program{kernel: "scan"}, "next = s[at + i] *", "next = 2.0 * s[at + i] *"},
		{program{kernel: "delta"}, "y += next", "y -= next"},
		{program{kernel: "wkv"}, "y += next", "y -= next"},
	} {
		p := wrong.program
		p.variants = g.variants & kernelVariants[p.kernel]
		right := g.programs[p]
		text, err := p.source()
		if err != nil || right == 0 || !strings.Contains(text, wrong.right) {
			t.Fatalf("%v: %v; the self-check uses program %d, whose source has %q", p, err, right, wrong.right)
		}
		if err := g.do(func(c context) error {
			g.programs[p], err = c.compile(strings.ReplaceAll(text, wrong.right, wrong.wrong))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := Check(g); !errors.Is(err, ErrWrong) {
			t.Errorf("%v with %q: %v", p, wrong.wrong, err)
		}
		g.programs[p] = right
	}
}

// TestSmallDispatches checks that the results are right if products and attentions are divided into many dispatches.
func TestSmallDispatches(t *testing.T) {
	g := ownGPU(t)
	g.mostWork = 1000
	if err := Check(g); err != nil {
		t.Fatal(err)
	}
}

// unusual runs products by experts and by heads, and a recurrence, on a device, and returns what they compute and the counts of their step.
func unusual(t *testing.T, g *GPU) (results [][]float32, counts Counts) {
	t.Helper()
	d, err := New(Options{GPU: g})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	const experts, cols, ff, rows = 4, 64, 20, 11
	c := checker{d: d, r: rand.New(rand.NewPCG(1, 2))}
	var m [2]kernels.Matrix
	for i := range m {
		w, _ := c.weights(quant.Q4_0, experts*2*ff, cols)
		w.Experts, w.Rows = experts, ff
		half := w
		half.Data = w.Data[len(w.Data)/2:]
		parts := []kernels.Weights{w, half}[:2-i]
		if m[i], err = d.Load(parts...); err != nil {
			t.Fatal(err)
		}
	}
	rule := kernels.DeltaRule{Heads: 2, KeyHeads: 2, KeyDim: 16, ValueDim: 16}
	state, err := d.NewState(kernels.StateShape{Layers: []kernels.Layer{rule.Layer()}, Cap: rows})
	if err != nil {
		t.Fatal(err)
	}
	st := d.Begin(&kernels.Batch{Spans: []kernels.Span{{State: state, N: rows}}})
	random := func(rows, cols int) kernels.Tensor {
		x := st.New(rows, cols)
		st.Write(x, c.random(rows*cols))
		return x
	}
	chosen := st.Route(random(rows, experts), &kernels.Routing{Used: 2, Scale: 1})
	gated := st.New(2*rows, ff)
	st.MatMulGatedExperts(gated, random(2*rows, cols), m[0], chosen, kernels.SiLU)
	heads := st.New(rows, experts*ff)
	st.MatMulHeads(heads, random(rows, experts*cols), m[1])
	delta, beta := st.New(rows, 32), random(rows, 2)
	st.DeltaRule(delta, random(rows, 32), random(rows, 32), random(rows, 32), random(rows, 2), beta, 0, &rule)
	var read []*kernels.Rows
	for _, x := range []kernels.Tensor{gated, heads, delta} {
		read = append(read, st.Read(x))
	}
	if err := st.End(); err != nil {
		t.Fatal(err)
	}
	for _, r := range read {
		for i := range r.Len {
			results = append(results, slices.Clone(r.Row(i)))
		}
	}
	return results, Count(d)
}

// TestMostWork checks that no dispatch of a product by experts or by heads does more than mostWork, and that dividing them, and recurrences, does not
// change what they compute.
func TestMostWork(t *testing.T) {
	g := ownGPU(t)
	want, whole := unusual(t, g)
	g.mostWork = 25_000
	got, counts := unusual(t, g)
	if counts.MostMultiplyAdds > g.mostWork || counts.MostAtOnce > g.mostWork || counts.Dispatches < whole.Dispatches+5 {
		t.Errorf("%+v, with any work %+v", counts, whole)
	}
	if !slices.EqualFunc(got, want, slices.Equal[[]float32]) {
		t.Errorf("divided: %v, expected %v", got, want)
	}
}

// TestBadShader checks the error for a shader that the driver does not compile.
func TestBadShader(t *testing.T) {
	g := gpu(t)
	if _, err := g.compiled(program{kernel: "element", option: -1000, blocks: true, weight: 99}); !errors.Is(err, ErrDriver) {
		t.Errorf("a shader for an unknown format: %v", err)
	}
}
