package cpu

import (
	"math"
	"slices"
	"testing"

	"soberano/kernels/devicetest"
)

// TestLogits compares LogSumExp and Largest with sums and a sort, for lengths that do and do not
// fill registers and blocks, with values of -∞ in between.
func TestLogits(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		d := newPool(lv, 1)
		r := devicetest.Rand()
		for _, n := range []int{1, 7, 16, 127, 128, 129, 1500, 51865} {
			x := guardedF32(t, devicetest.Gauss(r, n), n%2 == 0)
			for i := range x {
				if x[i] *= 5; r.IntN(4) == 0 {
					x[i] = float32(math.Inf(-1))
				} else if r.IntN(4) == 0 {
					x[i] = 2.5 // equal values
				}
			}
			before := slices.Clone(x)
			sum := 0.0
			var order []int32
			for i, v := range x {
				sum += math.Exp(float64(v))
				if !math.IsInf(float64(v), -1) {
					order = append(order, int32(i))
				}
			}
			slices.SortStableFunc(order, func(a, b int32) int {
				if x[a] > x[b] {
					return -1
				} else if x[a] < x[b] {
					return 1
				}
				return 0
			})
			if got, want := d.LogSumExp(x), math.Log(sum); !(math.Abs(got-want) < 1e-5) && got != want {
				t.Errorf("%d values: LogSumExp = %v, want %v", n, got, want)
			}
			for _, k := range []int{0, 1, 6, 200} {
				dst := make([]int32, k)
				got := dst[:d.Largest(dst, x)]
				if want := order[:min(k, len(order))]; !slices.Equal(got, want) {
					t.Errorf("the %d largest of %d values: %v, want %v", k, n, got, want)
				}
			}
			if !slices.Equal(x, before) {
				t.Error("the values were changed")
			}
		}
		never := slices.Repeat([]float32{float32(math.Inf(-1))}, 40)
		if got := d.LogSumExp(never); !math.IsInf(got, -1) || !math.IsInf(d.LogSumExp(nil), -1) {
			t.Errorf("nothing is allowed: LogSumExp = %v", got)
		}
		if n := d.Largest(make([]int32, 3), never); n != 0 {
			t.Errorf("%d largest of nothing", n)
		}
		nan := slices.Repeat([]float32{float32(math.NaN())}, 300)
		d.LogSumExp(nan)
		if n := d.Largest(make([]int32, 3), nan); n != 0 {
			t.Errorf("%d largest of what is no number", n)
		}
	})
}

func BenchmarkLogits(b *testing.B) {
	d := newPool(best(), 1)
	x := devicetest.Gauss(devicetest.Rand(), 51865)
	dst := make([]int32, 6)
	b.Run("op=LogSumExp", func(b *testing.B) {
		for b.Loop() {
			d.LogSumExp(x)
		}
	})
	b.Run("op=Largest", func(b *testing.B) {
		for b.Loop() {
			d.Largest(dst, x)
		}
	})
}

// TestAddMedians checks medians of random values, and of all orders of values, for which zeros and ones are enough.
func TestAddMedians(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		r := devicetest.Rand()
		for n := range 150 {
			x := devicetest.Gauss(r, n+6)
			start := devicetest.Gauss(r, n)
			got, want := guardedF32(t, start, n%2 == 0), slices.Clone(start)
			addMedians(lv, got, guardedF32(t, x, n%2 == 0), 0.5)
			addMediansGo(want, x, 0.5)
			for i := range want {
				if d := math.Abs(float64(got[i] - want[i])); d > 1e-6 {
					t.Fatalf("%d: %g, want %g", i, got[i], want[i])
				}
			}
		}
		for bits := range 1 << 7 {
			var x [22]float32
			for i := range x {
				x[i] = float32(bits >> (i % 7) & 1)
			}
			got, want := make([]float32, 16), make([]float32, 16)
			addMedians(lv, got, x[:], 1)
			if addMediansGo(want, x[:], 1); !slices.Equal(got, want) {
				t.Fatalf("%b: %v, want %v", bits, got, want)
			}
		}
	})
}
