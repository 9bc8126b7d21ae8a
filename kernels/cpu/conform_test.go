package cpu

import (
	"fmt"
	"testing"

	"soberano/kernels"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// TestDevice checks the contract of a Device on every instruction set, with every type in which
// options store weights and states.
func TestDevice(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for _, o := range []Options{
			{Threads: 3}, {Threads: 2, Exact: true}, {Threads: 1, Cache: CachedF16},
			{Threads: 2, Floats: BFloat16, Cache: CachedBF16}, {Threads: 2, Floats: Bits8},
		} {
			t.Run(fmt.Sprintf("exact=%v,floats=%d,cache=%d", o.Exact, o.Floats, o.Cache), func(t *testing.T) {
				devicetest.Run(t, subject(t, lv, o))
			})
		}
	})
}

// TestCached4 checks the operations on states that are stored in 4 bits. The products are those of weights, which have tests on every instruction set.
func TestCached4(t *testing.T) {
	devicetest.Operations(t, subject(t, best(), Options{Threads: 2, Cache: Cached4}), "Attend", "States")
}

// subject returns a device of level lv, with the errors permitted for the types in which o stores weights and states.
func subject(t *testing.T, lv level, o Options) devicetest.Subject {
	d := withOptions(t, lv, o)
	return devicetest.Subject{
		Open: func(t testing.TB) kernels.Device { return withOptions(t, lv, o) },
		Product: func(ty quant.Type, cols int) float64 {
			return d.productLimit(kernels.Weights{Type: ty, Cols: cols})
		},
		Attention: func(a *kernels.Attention) float64 {
			key, value := a.Dims()
			switch f := d.formOf(kernels.Layer{KVHeads: 1, KeyDim: key, ValueDim: value}); f.kind {
			case q8s32, kindPairs:
				// Queries, keys and softmax weights are rounded too. The error of a score is up to 2⁻⁸ of the
				// sum of its products' magnitudes, which is up to about 5, and that is also the relative error of its
				// softmax weight.
				return 0.03
			case q4s32:
				return 0.35 // a rounded value is up to a fourteenth of the largest one off
			}
			return devicetest.Float
		},
	}
}

func withOptions(t testing.TB, lv level, o Options) *device {
	t.Helper()
	d, err := newDevice(o, lv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}
