package cpu

import (
	"fmt"
	"math"
	"testing"

	"soberano/kernels"
)

// TestWeights: against attention in float64, in each form a cache has; grouped heads, keys
// beyond a page.
func TestWeights(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for _, cached := range []Cached{Cached8, CachedF16, CachedBF16} {
			for _, exact := range []bool{false, true} {
				d := device2(t, lv, 2, exact)
				d.cached = cached
				for _, keys := range []int{1, 63, 300} {
					t.Run(fmt.Sprint(cached, exact, keys), func(t *testing.T) { weightsCase(t, d, keys, 40); weightsCase(t, d, keys, 64) })
				}
			}
		}
	})
}

func weightsCase(t *testing.T, d *device, keys, dim int) {
	const heads, kv, rows, layer = 4, 2, 7, 1
	r := newRand()
	c, err := d.NewState(stateShape(2, kv, dim, keys+5))
	if err != nil {
		t.Fatal(err)
	}
	k, q := gauss(r, keys*kv*dim), gauss(r, rows*heads*dim)
	a := &kernels.Attention{Heads: heads, KVHeads: kv, HeadDim: dim, Scale: 0.16}
	st := begin(d, &kernels.Batch{Spans: []kernels.Span{{State: c, N: keys}}})
	kt := tensorOf(st, k, keys, kv*dim)
	st.Store(kt, kt, layer, a)
	st = begin(d, &kernels.Batch{Spans: []kernels.Span{{State: c, N: rows}}})
	qt := tensorOf(st, q, rows, heads*dim)
	dst := st.New(rows, keys)
	for head := range heads {
		st.Weights(dst, qt, layer, head, a)
		for row := range rows {
			sum, want := 0.0, make([]float64, keys)
			for p := range want {
				for i := range dim {
					want[p] += float64(q[(row*heads+head)*dim+i]) * float64(k[(p*kv+head/2)*dim+i])
				}
				want[p] = math.Exp(0.16 * want[p])
				sum += want[p]
			}
			for p, got := range dst.Row(row) {
				// Keys in 8 bits, or bfloat16, which has as many: scores of up to 4 are off by some hundredths.
				if w := want[p] / sum; !(math.Abs(float64(got)-w) < 1e-5+0.05*w) {
					t.Fatalf("head %d, row %d, key %d: %g, want %g", head, row, p, got, w)
				}
			}
		}
	}
	if recovered(func() { st.Weights(dst, qt, layer, heads, a) }) == nil {
		t.Error("a head that is not there has weights")
	}
}
