package record

import (
	"errors"
	"math"
	"slices"
	"testing"

	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/kernels/quant"
)

// open returns a device that records, with exact arithmetic.
func open(t testing.TB) *Device {
	t.Helper()
	dev, err := cpu.New(cpu.Options{Threads: 2, Exact: true})
	if err != nil {
		t.Fatal(err)
	}
	return New(dev)
}

// weights returns the weights of a matrix, or of one for each expert.
func weights(name string, rows, cols, experts int) kernels.Weights {
	values := make([]float32, max(1, experts)*rows*cols)
	for i := range values {
		values[i] = float32(i%7) - 3
	}
	w := kernels.Weights{Name: name, Type: quant.F32, Rows: rows, Cols: cols, Experts: experts, Data: make([]byte, 4*len(values))}
	quant.Quantize(quant.F32, w.Data, values)
	return w
}

func load(t *testing.T, d *Device, parts ...kernels.Weights) kernels.Matrix {
	t.Helper()
	m, err := d.Load(parts...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// finish ends a step and returns what was recorded.
func finish(t *testing.T, d *Device, s kernels.Step) map[string]Sums {
	t.Helper()
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	got, err := d.Recorded()
	if err = errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	return got
}

func check(t *testing.T, got map[string]Sums, name string, squares []float64, rows ...int64) {
	t.Helper()
	if s := got[name]; !slices.Equal(s.Squares, squares) || !slices.Equal(s.Rows, rows) {
		t.Errorf("%s: %v of %v rows, expected %v of %v", name, s.Squares, s.Rows, squares, rows)
	}
}

// TestRecorded checks the sums of every product of rows.
func TestRecorded(t *testing.T) {
	d := open(t)
	plain, pair := load(t, d, weights("plain", 2, 3, 0)), load(t, d, weights("gate", 4, 3, 0), weights("up", 4, 3, 0))
	unnamed, unused := load(t, d, weights("", 2, 3, 0)), weights("lookup", 2, 3, 0)
	unused.Lookup = true
	load(t, d, unused)
	s := d.Begin(nil)
	x, dst, gated := s.New(2, 3), s.New(2, 2), s.New(2, 4)
	s.Write(x, []float32{1, 2, 3, 4, -5, 6})
	s.MatMul(dst, x, plain)
	s.MatMulAdd(dst.Sub(1, 1), x.Sub(1, 1), plain)
	s.MatMulGated(gated, x, pair, kernels.SiLU)
	s.MatMul(dst, x, unnamed)
	got := finish(t, d, s)
	check(t, got, "plain", []float64{33, 54, 81}, 3)
	check(t, got, "gate", []float64{17, 29, 45}, 2)
	check(t, got, "up", []float64{17, 29, 45}, 2)
	if len(got) != 3 {
		t.Errorf("%d tensors", len(got))
	}
}

// TestRecordedExperts checks that a row counts for its experts, and a head for its own matrix.
func TestRecordedExperts(t *testing.T) {
	d := open(t)
	m, heads := load(t, d, weights("experts", 2, 2, 3)), load(t, d, weights("heads", 2, 2, 2))
	pair := load(t, d, weights("gate", 2, 2, 3), weights("up", 2, 2, 3))
	s := d.Begin(nil)
	logits, x := s.New(2, 3), s.New(2, 2)
	s.Write(logits, []float32{0, 5, 9, 7, 0, 9}) // experts 1 and 2, 0 and 2
	s.Write(x, []float32{1, 2, 3, 4})
	c := s.Route(logits, &kernels.Routing{Used: 2, Scale: 1})
	groups, dst := s.New(4, 2), s.New(4, 2)
	s.Gather(groups, x, c)
	s.MatMulExperts(dst, groups, m, c)
	s.MatMulGatedExperts(dst, groups, pair, c, kernels.SiLU)
	wide, out := s.New(1, 6), s.New(1, 4)
	s.Write(wide, []float32{1, 2, 100, 3, 4, 100}) // two heads, of which two columns are multiplied
	s.MatMulHeads(out, wide, heads)
	got := finish(t, d, s)
	for _, name := range []string{"experts", "gate", "up"} {
		check(t, got, name, []float64{9, 16, 1, 4, 10, 20}, 1, 1, 2)
	}
	check(t, got, "heads", []float64{1, 4, 9, 16}, 1, 1)
}

// TestRecordedFault checks that values without a sum are an error.
func TestRecordedFault(t *testing.T) {
	d := open(t)
	defer d.Close()
	m := load(t, d, weights("m", 1, 2, 0))
	s := d.Begin(nil)
	x, dst := s.New(1, 2), s.New(1, 1)
	s.Write(x, []float32{1, float32(math.NaN())})
	s.MatMul(dst, x, m)
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Recorded(); err == nil {
		t.Error("a value that is not a number was recorded")
	}
}
