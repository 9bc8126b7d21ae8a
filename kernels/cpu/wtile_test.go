package cpu

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"soberano/kernels"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// words returns the memory of b as 16-bit integers.
func words(b []byte) []int16 {
	return unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/2)
}

// TestWTile checks products of 16-bit integers, which are exact, at the limits of their magnitude too.
func TestWTile(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for i := range 100 {
			r := rand.New(rand.NewPCG(uint64(i), 9))
			atStart := i%4 < 2
			n, m := 1+r.IntN(mostWordCols/2), 1+r.IntN(30)
			lda, ldc := 2*n+r.IntN(9), 32+r.IntN(9)
			a, w := words(guarded(t, 2*((m-1)*lda+2*n), atStart)), words(guarded(t, 128*n, atStart))
			for _, x := range [][]int16{a, w} {
				for j := range x {
					x[j] = int16(r.IntN(2*mostWord+1) - mostWord)
					if i%10 == 0 {
						x[j] = mostWord
					}
				}
			}
			rows, cols := guardedF32(t, devicetest.Gauss(r, m), atStart), guardedF32(t, devicetest.Gauss(r, 32), atStart)
			var out [2][]float32
			for x, l := range []level{lv, generic} {
				out[x] = asF32(guarded(t, 4*((m-1)*ldc+32), atStart))
				for j := range out[x] {
					out[x][j] = float32(j % 5)
				}
				wTile(l, out[x], ldc, a, lda, w, n, m, rows, cols, i%3 == 0)
			}
			sameValues(t, out[0], out[1], true)
		}
	})
}

// TestWordSums checks that sums of products at their limits fit into 32 bits.
func TestWordSums(t *testing.T) {
	const largest = math.MaxInt32
	if n := mostWordCols * mostWord * mostWord; n > largest {
		t.Errorf("scores up to %d", n)
	}
	if n := (mostWeights + page) * mostWord; n > largest {
		t.Errorf("weighted values up to %d", n)
	}
}

// TestToWords checks the largest magnitude and the rounding of rows, with infinities and NaN.
func TestToWords(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	everyLevel(t, func(t *testing.T, lv level) {
		r := devicetest.Rand()
		for n := range 80 {
			x := devicetest.Gauss(r, n)
			if n > 20 {
				copy(x[r.IntN(n-3):], [][]float32{{0.5, 1.5, -2.5}, {1e9, -1e9}, {inf}, {-inf, nan}}[n%4])
			}
			x = guardedF32(t, x, n%2 == 0)
			got, want := absMax(lv, x), absMaxGo(x)
			if math.Float32bits(got) != math.Float32bits(want) {
				t.Fatalf("the largest magnitude of %v is %g, want %g", x, got, want)
			}
			for _, s := range []float32{1, 1000} {
				got, want := words(guarded(t, 2*n, n%2 == 0)), make([]int16, n)
				toWords(lv, got, x, s)
				toWordsGo(want, x, s)
				for i, v := range x {
					if abs(v*s) <= math.MaxInt16 && got[i] != want[i] {
						t.Fatalf("%g times %g: %d, want %d", v, s, got[i], want[i])
					}
				}
				same := slices.Clone(x)
				if toWords(lv, asInt16(same), same, s); !slices.Equal(asInt16(same)[:n], got) {
					t.Fatalf("in place: %v, want %v", asInt16(same)[:n], got)
				}
			}
		}
	})
}

// TestPanelWords checks the conversion of panels, with rows of zeros, of the smallest values and of infinities.
func TestPanelWords(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for i := range 40 {
			r := rand.New(rand.NewPCG(uint64(i), 10))
			n := 2 * (1 + r.IntN(page/2))
			src := guarded(t, 64*n, i%2 == 0)
			for j := 0; j < len(src); j += 2 {
				x := float32(r.NormFloat64())
				switch row := j / 2 % 32; {
				case row == 3:
					x = 0
				case row == 7:
					x = float32(r.IntN(3)-1) * 0x1p-24
				case row == 9 && r.IntN(n) == 0:
					x = float32(math.Inf(1))
				}
				binary.LittleEndian.PutUint16(src[j:], quant.F32ToF16(x))
			}
			got, want := words(guarded(t, 64*n, i%2 == 0)), make([]int16, 32*n)
			scales, wantScales := asF32(guarded(t, 128, i%2 == 0)), make([]float32, 32)
			panelWords(lv, got, scales, src, n)
			panelWordsGo(want, wantScales, src, n)
			if !slices.Equal(scales, wantScales) {
				t.Fatalf("%d columns: scales %v, want %v", n, scales, wantScales)
			}
			for j, v := range want {
				if row := j / 2 % 32; got[j] != v && !math.IsInf(float64(scales[row]), 0) {
					t.Fatalf("%d columns: pair %d of row %d: %d, want %d", n, j/64, row, got[j], v)
				}
			}
		}
	})
}

// TestFineAttention checks that attention to a fine layer has the precision of float16, whether attention is spread over all
// keys or on one of them, with keys and values of different magnitudes, on pages that had other content.
func TestFineAttention(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		d := withOptions(t, lv, Options{Threads: 2})
		for _, dim := range []int{8, 40, 64, 128, 160} {
			for _, keys := range []int{3, 256, 1500} {
				for _, sharp := range []float32{0.1, 1, 4} {
					t.Run(fmt.Sprint(dim, keys, sharp), func(t *testing.T) { fineCase(t, d, dim, keys, sharp) })
				}
			}
		}
	})
}

func fineCase(t *testing.T, d *device, dim, keys int, sharp float32) {
	const heads, rows = 2, 60
	r := devicetest.Rand()
	shape := stateShape(1, heads, dim, keys)
	shape.Layers[0].Fine = true
	open := func(n int, scale float32) (kernels.State, []float32, []float32) {
		s, err := d.NewState(shape)
		if err != nil {
			t.Fatal(err)
		}
		k, v := devicetest.Gauss(r, n*heads*dim), devicetest.Gauss(r, n*heads*dim)
		for i := range k {
			if i%dim == 5 {
				k[i] += 4 // the same in all keys: without effect
			}
			k[i], v[i] = quant.F16ToF32(quant.F32ToF16(scale*k[i])), quant.F16ToF32(quant.F32ToF16(scale*v[i]*float32(1+i%7)))
		}
		st := begin(d, &kernels.Batch{Spans: []kernels.Span{{State: s, N: n}}})
		st.Store(tensorOf(st, k, n, heads*dim), tensorOf(st, v, n, heads*dim), 0, &kernels.Attention{Heads: heads, KVHeads: heads, HeadDim: dim})
		return s, k, v
	}
	before, _, _ := open(keys, 1000)
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	s, k, v := open(keys, 1)
	defer s.Close()
	for _, causal := range []bool{false, true} {
		n, pos := rows, 0
		if causal {
			n = min(rows, keys)
			pos = keys - n
		}
		a := &kernels.Attention{Heads: heads, KVHeads: heads, HeadDim: dim, Scale: sharp / float32(math.Sqrt(float64(dim))), Causal: causal}
		q := devicetest.Gauss(r, n*heads*dim)
		st := begin(d, &kernels.Batch{Spans: []kernels.Span{{State: s, N: n, Pos: pos, Len: keys}}})
		x := tensorOf(st, q, n, heads*dim)
		st.Attend(x, x, 0, a)
		e := devicetest.Distance(flat(x), devicetest.Attended(a, q, k, v, n, pos, keys))
		if most := max(1, float64(sharp)) * 0x1p-10; !(e <= most) {
			t.Errorf("causal %v: error %.2g, at most %.2g is allowed", causal, e, most)
		}
	}
}
