package cpu

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"soberano/kernels"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// sameRows checks that the rows that run computes of up to kernels.Few rows of x have the same bits as those that it computes one by one. run
// computes rows from … from+n-1.
func sameRows(t interface{ Fatalf(string, ...any) }, what string, run func(from, n int) []float32, rows int) {
	all := run(0, rows)
	for i := range rows {
		one := run(i, 1)
		for c, v := range one {
			if got := all[i*len(one)+c]; math.Float32bits(got) != math.Float32bits(v) {
				t.Fatalf("%s: row %d of %d, column %d is %v, alone %v", what, i, rows, c, got, v)
			}
		}
	}
}

// TestFewRowsProducts checks that products of a few rows have the same bits as those of the rows alone, with matrices of every type, gates
// and residuals.
func TestFewRowsProducts(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		if !lv.alike() {
			t.Skip("this level adds up single rows in another order")
		}
		r := devicetest.Rand()
		for _, floats := range []Floats{Keep, BFloat16} {
			d := withOptions(t, lv, Options{Threads: 2, Floats: floats})
			for _, ty := range quant.Types() {
				const rows, cols = 72, 256
				x, c := devicetest.Gauss(r, kernels.Few*cols), devicetest.Gauss(r, kernels.Few*rows)
				m, err := d.Load(devicetest.RandomWeights(r, ty, rows/2, cols), devicetest.RandomWeights(r, ty, rows/2, cols))
				if err != nil {
					t.Fatal(err)
				}
				counts := []int{2, 3, 5, 8, 11, kernels.Few}
				if lv == generic {
					counts = counts[:2] // which takes a tenth of the time
				}
				for _, n := range counts {
					sameRows(t, fmt.Sprint(ty), func(from, n int) []float32 {
						st := begin(d, nil)
						a, y, g := tensorOf(st, x[from*cols:][:n*cols], n, cols), tensorOf(st, c[from*rows:][:n*rows], n, rows), st.New(n, rows/2)
						st.MatMulAdd(y, a, m)
						st.MatMulGated(g, a, m, kernels.SiLU)
						st.MatMulGated(y.Slice(0, rows/2), a, m, kernels.GELUTanh)
						st.Mul(y.Slice(0, rows/2), g)
						return flat(y)
					}, n)
				}
			}
		}
	})
}

// TestFewRowsAttention checks that the attention of a few rows of a sequence has the same bits as that of the rows alone, with keys and values of every form, over lengths
// at which they are split into parts, with windows, chunks and other sequences in the step.
func TestFewRowsAttention(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		if !lv.alike() {
			t.Skip("this level adds up single rows in another order")
		}
		var devices []*device
		for _, o := range []Options{{Threads: 1}, {Threads: 2}, {Threads: 3, Cache: CachedBF16}, {Threads: 2, Exact: true}} {
			devices = append(devices, withOptions(t, lv, o))
		}
		most := 1400
		if lv == generic {
			most = 100
		}
		rapid.Check(t, func(t *rapid.T) { fewAttend(t, rapid.SampledFrom(devices).Draw(t, "device"), most) })
	})
}

func fewAttend(t *rapid.T, d *device, most int) {
	r := devicetest.Rand()
	a := &kernels.Attention{Causal: true, Scale: 0.2, HeadDim: rapid.SampledFrom([]int{32, 40, 64}).Draw(t, "dim"), KVHeads: rapid.IntRange(1, 2).Draw(t, "heads"),
		Window: rapid.SampledFrom([]int{0, 0, 100, 1100}).Draw(t, "window"), Chunk: rapid.SampledFrom([]int{0, 0, 0, 96}).Draw(t, "chunk")}
	a.Heads = a.KVHeads * rapid.SampledFrom([]int{1, 3, 7, 13}).Draw(t, "group")
	pos, n := rapid.IntRange(0, most).Draw(t, "pos"), rapid.IntRange(2, kernels.Few).Draw(t, "rows")
	shape := stateShape(1, a.KVHeads, a.HeadDim, 1500)
	shape.Layers[0].Window, shape.Layers[0].Fine = a.Window, rapid.Bool().Draw(t, "fine")
	s, err := d.NewState(shape)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	kv := a.KVHeads * a.HeadDim
	for at := 0; at < pos+n; {
		rows := min(200, pos+n-at)
		st := begin(d, &kernels.Batch{Spans: []kernels.Span{{State: s, N: rows, Pos: at}}})
		st.Store(tensorOf(st, devicetest.Gauss(r, rows*kv), rows, kv), tensorOf(st, devicetest.Gauss(r, rows*kv), rows, kv), 0, a)
		at += rows
	}
	cols := a.Heads * a.HeadDim
	q := devicetest.Gauss(r, n*cols)
	sameRows(t, "attention", func(from, rows int) []float32 {
		st := begin(d, &kernels.Batch{Spans: []kernels.Span{{State: s, N: rows, Pos: pos + from}}})
		x := tensorOf(st, q[from*cols:][:rows*cols], rows, cols)
		st.Attend(x, x, 0, a)
		return flat(x)
	}, n)
}
