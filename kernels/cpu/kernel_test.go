package cpu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// These tests compare each kernel, on each instruction set, with its reference implementation. Every buffer begins or ends
// at a page that can't be accessed.

func asF32(b []byte) []float32 {
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

func asBlocks(b []byte) []block {
	return unsafe.Slice((*block)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/blockSize)
}

// guardedF32 copies x to memory between guard pages.
func guardedF32(t testing.TB, x []float32, atStart bool) []float32 {
	y := asF32(guarded(t, 4*len(x), atStart))
	copy(y, x)
	return y
}

func TestBlockSize(t *testing.T) {
	if s := unsafe.Sizeof(block{}); s != blockSize {
		t.Fatalf("a block has %d bytes, the kernels know %d", s, blockSize)
	}
}

// qCase is one product of the integer microkernel.
type qCase struct {
	k       kind
	a       []block
	w       []byte
	nb, m   int
	scale   float32
	add     bool
	atStart bool
}

// randomQ returns a random case. With whole, scales are 1 and minima are integers, so that all
// sums are integers below 2²⁴ and independent of the order of additions. With extreme, integers are
// the largest possible, which could make 16-bit sums overflow.
func randomQ(t testing.TB, r *rand.Rand, k kind, whole, extreme bool) qCase {
	return sizedQ(t, r, k, 1+r.IntN(6), 1+r.IntN(20), whole, extreme)
}

// sizedQ returns a case of nb blocks and m tokens.
func sizedQ(t testing.TB, r *rand.Rand, k kind, nb, m int, whole, extreme bool) qCase {
	l := &layouts[k]
	c := qCase{k: k, nb: nb, m: m, scale: 1, add: r.IntN(2) == 0, atStart: r.IntN(2) == 0}
	c.a = asBlocks(guarded(t, c.m*c.nb*blockSize, c.atStart))
	for i := range c.a {
		c.a[i] = randomBlock(r, whole, extreme)
	}
	c.w = guarded(t, 2*c.nb*l.blockBytes(), c.atStart)
	for i := range c.w {
		c.w[i] = byte(r.Uint32())
		if extreme {
			c.w[i] = byte(-(r.Uint32() & 1)) // 0 or 255
		}
	}
	for b := 0; b < len(c.w); b += l.blockBytes() {
		if l.powers {
			for i := l.quantBytes(); i < l.blockBytes(); i++ {
				c.w[b+i] = 127 // 1
				if !whole {
					c.w[b+i] = byte(r.IntN(40) + 95)
				}
			}
			continue
		}
		for i := l.quantBytes(); i < l.blockBytes(); i += 2 {
			v := float32(1)
			if !whole {
				v = float32(r.NormFloat64()) * []float32{1, 1e-3, 1e-7}[r.IntN(3)] // some are denormal in float16
			} else if i >= l.quantBytes()+32*l.halves {
				v = float32(r.IntN(9) - 4)
			}
			binary.LittleEndian.PutUint16(c.w[b+i:], quant.F32ToF16(v))
		}
	}
	if !whole {
		c.scale = 0.25
	}
	return c
}

func randomBlock(r *rand.Rand, whole, extreme bool) block {
	b := block{d: 1}
	if !whole {
		b.d = float32(r.Float64())
	}
	for j := range b.q {
		q := int32(r.IntN(255) - 127)
		if extreme {
			q = 127 - 254*int32(r.IntN(2))
		}
		b.q[j] = int8(q)
		b.negSum -= q
		if j < 16 {
			b.negFirst -= q
		}
	}
	b.sum = -float32(b.negSum) * b.d
	return b
}

// run computes c on lv, in guarded memory, with gaps between the rows.
func (c qCase) run(t testing.TB, lv level) []float32 {
	ldc := 32 + 5
	out := asF32(guarded(t, 4*((c.m-1)*ldc+32), c.atStart))
	for i := range out {
		out[i] = float32(i % 7)
	}
	qTile(lv, c.k, out, ldc, c.a, c.nb, c.w, c.nb, c.m, c.scale, c.add)
	return append([]float32(nil), out...)
}

func TestQTile(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for k := q2a16; k < kinds; k++ {
			for i := range 60 {
				t.Run(fmt.Sprintf("%v/%d", k, i), func(t *testing.T) {
					r := rand.New(rand.NewPCG(uint64(i), 9))
					whole := i%3 != 0
					c := randomQ(t, r, k, whole, i%3 == 2)
					sameValues(t, c.run(t, lv), c.run(t, generic), whole)
				})
			}
		}
	})
}

// TestQTileLong checks rows with more blocks than a level processes in one call: one more, several more and
// exactly as many.
func TestQTileLong(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for k := q2a16; k < kinds; k++ {
			for i, nb := range []int{16, 17, 32, 51} {
				r := rand.New(rand.NewPCG(uint64(i), 7))
				c := sizedQ(t, r, k, nb, 3+r.IntN(24), i%2 == 0, false)
				sameValues(t, c.run(t, lv), c.run(t, generic), i%2 == 0)
			}
		}
	})
}

// sameValues compares values exactly, or with a tolerance for the order of float32 additions.
func sameValues(t testing.TB, got, want []float32, exact bool) {
	t.Helper()
	w := make([]float64, len(want))
	for i, v := range want {
		w[i] = float64(v)
		if exact && got[i] != v {
			t.Fatalf("value %d: %g, the plain twin %g", i, got[i], v)
		}
	}
	if e := devicetest.Distance(got, w); !exact && !(e < 2e-6) {
		t.Fatalf("%g away from the plain twin", e)
	}
}

// TestQTileSpecial checks that infinite and NaN scales give infinities and NaN
// in the corresponding rows and nowhere else.
func TestQTileSpecial(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for k := q2a16; k < kinds; k++ {
			r := devicetest.Rand()
			c := randomQ(t, r, k, true, false)
			c.add = false
			l := &layouts[k]
			for i, v := range []uint16{0x7c00, 0xfc00, 0x7e00} { // +∞, -∞, NaN in rows 0, 1, 2
				if l.powers {
					c.w[l.quantBytes()+i] = []byte{255, 0, 1}[i] // +∞, 0, 2⁻¹²⁶
					continue
				}
				binary.LittleEndian.PutUint16(c.w[l.quantBytes()+2*i:], v)
			}
			got, want := c.run(t, lv), c.run(t, generic)
			for i := range got {
				g, w := float64(got[i]), float64(want[i])
				if math.IsNaN(g) != math.IsNaN(w) || !math.IsNaN(g) && g != w {
					t.Fatalf("%v: value %d: %g, the plain twin %g", k, i, g, w)
				}
			}
		}
	})
}

func TestDTile(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for k := kindF32; k <= kindBF16; k++ {
			for i := range 80 {
				t.Run(fmt.Sprintf("%v/%d", k, i), func(t *testing.T) { testDTile(t, lv, k, i) })
			}
		}
	})
}

func testDTile(t *testing.T, lv level, k kind, i int) {
	r := rand.New(rand.NewPCG(uint64(i), 8))
	whole, atStart := i%2 == 0, i%4 < 2
	n, m := 1+r.IntN(70), 1+r.IntN(30)
	lda, ldc := n+r.IntN(9), 32+r.IntN(9)
	w := guarded(t, k.panelBytes(n), atStart)
	a := asF32(guarded(t, 4*((m-1)*lda+n), atStart))
	value := func() float32 {
		if whole {
			return float32(r.IntN(17) - 8)
		}
		return float32(r.NormFloat64()) * []float32{1, 1e-39, 1e-6}[r.IntN(3)]
	}
	for j := range a {
		a[j] = value()
	}
	for j := 0; j < len(w); j += layouts[k].bits / 8 {
		switch k {
		case kindF32:
			binary.LittleEndian.PutUint32(w[j:], math.Float32bits(value()))
		case kindF16:
			binary.LittleEndian.PutUint16(w[j:], quant.F32ToF16(value()))
		default:
			binary.LittleEndian.PutUint16(w[j:], quant.F32ToBF16(value()))
		}
	}
	var out [2][]float32
	for x, l := range []level{lv, generic} {
		out[x] = asF32(guarded(t, 4*((m-1)*ldc+32), atStart))
		for j := range out[x] {
			out[x][j] = float32(j % 5)
		}
		dTile(l, k, out[x], ldc, a, lda, w, n, m, i%3 == 0)
	}
	sameValues(t, out[0], out[1], whole)
}

// TestPTile checks products of bfloat16. Sums of integers are exact in any order.
func TestPTile(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		for i := range 100 {
			r := rand.New(rand.NewPCG(uint64(i), 7))
			whole, atStart := i%2 == 0, i%4 < 2
			n, m := 1+r.IntN(70), 1+r.IntN(30)
			lda, ldc := n+r.IntN(9), 32+r.IntN(9)
			a := asWords(asF32(guarded(t, 4*((m-1)*lda+n), atStart)))
			w := guarded(t, 128*n, atStart)
			words := asWords(asF32(w))
			value := func() uint32 {
				if whole {
					return uint32(quant.F32ToBF16(float32(r.IntN(17) - 8)))
				}
				return uint32(quant.F32ToBF16(float32(r.NormFloat64())))
			}
			for _, x := range [][]uint32{a, words} {
				for j := range x {
					x[j] = value() | value()<<16
				}
			}
			var out [2][]float32
			for x, l := range []level{lv, generic} {
				out[x] = asF32(guarded(t, 4*((m-1)*ldc+32), atStart))
				for j := range out[x] {
					out[x][j] = float32(j % 5)
				}
				pTile(l, out[x], ldc, a, lda, w, n, m, i%3 == 0)
			}
			sameValues(t, out[0], out[1], whole)
		}
	})
}

// TestToPairs checks the rounding to bfloat16, also in place.
func TestToPairs(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		r := devicetest.Rand()
		for n := range 80 {
			x := devicetest.Gauss(r, n)
			if n > 2 {
				x[0], x[1] = float32(math.Inf(1)), 1+1.0/256
			}
			want, got := make([]uint32, (n+1)/2), guardedF32(t, x, n%4 < 2)
			for i, v := range x {
				want[i/2] |= uint32(quant.F32ToBF16(v)) << (i % 2 * 16)
			}
			pairs(lv, asWords(got), got)
			for i, v := range want {
				if asWords(got)[i] != v {
					t.Fatalf("pair %d of %v: %#x, want %#x", i, x, asWords(got)[i], v)
				}
			}
		}
	})
}

// TestExpQuantize checks the weights of scores against exponentials and quantization one after the other. A weight may differ
// by one unit where rounding decides, and a block with a product that is not finite has the scale NaN.
func TestExpQuantize(t *testing.T) {
	inf := float32(math.Inf(1))
	everyLevel(t, func(t *testing.T, lv level) {
		r := devicetest.Rand()
		for i := range 200 {
			n := i % 13
			x, by := devicetest.Gauss(r, 32*n), devicetest.Gauss(r, 32*n)
			spread := float32(math.Exp(4*r.Float64() - 1))
			for j := range x {
				x[j], by[j] = x[j]*spread, by[j]*by[j]/100
				if r.IntN(8) == 0 {
					x[j] = -inf
				}
			}
			bad := -1
			if n > 1 && i%5 == 0 {
				bad = r.IntN(n)
				[]func(){
					func() { by[32*bad+r.IntN(32)] = inf },
					func() { by[32*bad+r.IntN(32)] = float32(math.NaN()) },
					func() { x[32*bad+r.IntN(32)] = float32(math.NaN()) },
				}[i/5%3]()
			}
			if n > 2 && bad != 2 {
				fill(x[64:96], -inf)
			}
			testExpQuantize(t, lv, x, by, bad, i%2 == 0)
		}
	})
}

func testExpQuantize(t *testing.T, lv level, x, by []float32, bad int, atStart bool) {
	t.Helper()
	top, n := float32(0.5), len(x)/32
	got, want := asBlocks(guarded(t, max(n, 1)*blockSize, atStart))[:n], make([]block, n)
	sum := expQuantize(lv, got, guardedF32(t, x, atStart), guardedF32(t, by, atStart), top)
	least := expQuantizeGo(generic, want, x, by, top)
	if sum != sum != (least != least) || math.Abs(float64(sum-least)) > 1e-5*float64(least) {
		t.Fatalf("sum %g, want %g", sum, least)
	}
	for b := range want {
		g, w := got[b], want[b]
		if w.d != w.d || b == bad {
			if g.d == g.d {
				t.Fatalf("block %d: scale %g of values that are not finite", b, g.d)
			}
			continue
		}
		if math.Abs(float64(g.d-w.d)) > 1e-4*float64(w.d)+1e-37 {
			t.Fatalf("block %d: scale %g, want %g", b, g.d, w.d)
		}
		negSum := int32(0)
		for j := range g.q {
			negSum -= int32(g.q[j])
			if d := int(g.q[j]) - int(w.q[j]); w.d > tiny && (d < -1 || d > 1) || g.q[j] < 0 {
				t.Fatalf("block %d: weight %d is %d, want %d", b, j, g.q[j], w.q[j])
			}
		}
		if g.negSum != negSum {
			t.Fatalf("block %d: negative sum %d, want %d", b, g.negSum, negSum)
		}
	}
}

// TestQuantize checks that the results are identical, bit for bit, for all kinds of values.
func TestQuantize(t *testing.T) {
	inf := float32(math.Inf(1))
	special := []float32{0, 1e-45, 1e-39, 0x1p-119, 0x1p-120, math.MaxFloat32, -math.MaxFloat32, inf, -inf, float32(math.NaN()), 127, 0.5, -0.5}
	everyLevel(t, func(t *testing.T, lv level) {
		r := devicetest.Rand()
		for i := range 300 {
			n := 1 + r.IntN(11)
			x := asF32(guarded(t, 128*n, i%2 == 0))
			scale := float32(math.Exp(r.NormFloat64() * 20))
			for j := range x {
				x[j] = float32(r.NormFloat64()) * scale
			}
			if i%3 == 0 {
				x[r.IntN(len(x))] = special[r.IntN(len(special))]
			}
			if i%10 == 0 {
				clear(x[:32])
			}
			got, want := asBlocks(guarded(t, n*blockSize, i%2 == 0)), make([]block, n)
			quantize(lv, got, x)
			quantizeGo(want, x)
			for b := range want {
				if !sameBlock(got[b], want[b]) {
					t.Fatalf("case %d, block %d of %v:\n%+v, the plain twin\n%+v", i, b, x[32*b:][:32], got[b], want[b])
				}
			}
		}
	})
}

func sameBlock(a, b block) bool {
	same := func(x, y float32) bool { return x == y || x != x && y != y }
	return a.q == b.q && same(a.d, b.d) && same(a.sum, b.sum) && a.negSum == b.negSum && a.negFirst == b.negFirst
}

// TestElem checks the functions on one row, with all lengths up to three registers.
func TestElem(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		r := devicetest.Rand()
		for n := range 50 {
			for round := range 4 {
				atStart := round%2 == 0
				x := devicetest.Gauss(r, n)
				for i := range x {
					x[i] *= []float32{1, 10, 40, 0.01}[round]
				}
				gx := guardedF32(t, x, atStart)
				u, v := guardedF32(t, devicetest.Gauss(r, n), atStart), guardedF32(t, devicetest.Gauss(r, n), atStart)
				testReductions(t, lv, gx)
				testMaps(t, lv, gx, u, v, atStart)
			}
		}
	})
}

func testReductions(t *testing.T, lv level, x []float32) {
	t.Helper()
	size := 1e-30
	for _, v := range x {
		size += math.Abs(float64(v))
	}
	within(t, "sum", sum(lv, x), sumGo(x), size)
	within(t, "squares", squares(lv, x, 0.3), squaresGo(x, 0.3), float64(squaresGo(x, 0.3)))
	if len(x) == 0 {
		return
	}
	top := maxOf(lv, x)
	if top != maxOfGo(x) {
		t.Fatalf("max %g, want %g", top, maxOfGo(x))
	}
	y, z := append([]float32(nil), x...), append([]float32(nil), x...)
	y[0], z[0] = float32(math.Inf(-1)), float32(math.Inf(-1))
	within(t, "expSum", expSum(lv, y, top), expSumGo(z, top), float64(len(x)))
	for i := range y { // AVX2 gives zero instead of denormal numbers
		within(t, fmt.Sprintf("exp(%g)", x[i]-top), y[i], z[i], float64(z[i])+1e-31)
	}
	if y[0] != 0 {
		t.Fatalf("exp(-∞) = %g", y[0])
	}
}

func within(t *testing.T, name string, got, want float32, size float64) {
	t.Helper()
	if !(math.Abs(float64(got)-float64(want)) <= 4e-7*size) {
		t.Fatalf("%s = %g, want %g", name, got, want)
	}
}

func testMaps(t *testing.T, lv level, x, u, v []float32, atStart bool) {
	t.Helper()
	n := len(x)
	for name, f := range map[string][2]func(dst []float32){
		"scaleTo":  {func(d []float32) { scaleTo(lv, d, x, 3) }, func(d []float32) { scaleToGo(d, x, 3) }},
		"addTo":    {func(d []float32) { addTo(lv, d, x) }, func(d []float32) { addToGo(d, x) }},
		"scaleMul": {func(d []float32) { scaleMul(lv, d, x, u, 3) }, func(d []float32) { scaleMulGo(d, x, u, 3) }},
		"affine":   {func(d []float32) { affine(lv, d, x, u, v, 0.5, 2) }, func(d []float32) { affineGo(d, x, u, v, 0.5, 2) }},
		"silu":     {func(d []float32) { silu(lv, d, x, u) }, func(d []float32) { siluGo(d, x, u) }},
		"silu1":    {func(d []float32) { silu(lv, d, x, nil) }, func(d []float32) { siluGo(d, x, nil) }},
		"sigmoid":  {func(d []float32) { sigmoid(lv, d, x, u) }, func(d []float32) { sigmoidGo(d, x, u) }},
		"sigmoid1": {func(d []float32) { sigmoid(lv, d, x, nil) }, func(d []float32) { sigmoidGo(d, x, nil) }},
		"geluTanh": {func(d []float32) { geluTanh(lv, d, x, u) }, func(d []float32) { geluTanhGo(d, x, u) }},
		"geluErf":  {func(d []float32) { geluErf(lv, d, x, u) }, func(d []float32) { geluErfGo(d, x, u) }},
		"swiGLU7":  {func(d []float32) { swiGLU7(lv, d, x, u) }, func(d []float32) { swiGLU7Go(d, x, u) }},
		"alone7":   {func(d []float32) { swiGLU7(lv, d, x, nil) }, func(d []float32) { swiGLU7Go(d, x, nil) }},
		"softCap":  {func(d []float32) { softCap(lv, d, x, 5) }, func(d []float32) { softCapGo(d, x, 5) }},
		"geluErf1": {func(d []float32) { geluErf(lv, d, x, nil) }, func(d []float32) { geluErfGo(d, x, nil) }},
	} {
		got, want := asF32(guarded(t, 4*n, atStart)), make([]float32, n)
		f[0](got)
		f[1](want)
		for i := range want {
			size := math.Abs(float64(want[i])) + math.Abs(float64(x[i])) + 1e-30
			if u[i] > 1 || u[i] < -1 {
				size *= math.Abs(float64(u[i]))
			}
			within(t, fmt.Sprintf("%s(%g)", name, x[i]), got[i], want[i], size+math.Abs(float64(v[i])))
		}
	}
}

// TestTurn checks rotation, with both ways of pairing.
func TestTurn(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		r := devicetest.Rand()
		for n := range 70 {
			x, cs := devicetest.Gauss(r, 2*n), devicetest.Gauss(r, 2*n)
			for _, atStart := range []bool{false, true} {
				got, want := guardedF32(t, x, atStart), append([]float32(nil), x...)
				g := guardedF32(t, cs, atStart)
				turnPairs(lv, got, g)
				turnPairsGo(want, cs)
				sameValues(t, got, want, false)
				lo, hi := guardedF32(t, x[:n], atStart), guardedF32(t, x[n:], atStart)
				cos, sin := guardedF32(t, cs[:n], atStart), guardedF32(t, cs[n:], atStart)
				copy(want, x)
				turnHalves(lv, lo, hi, cos, sin)
				turnHalvesGo(want[:n], want[n:], cs[:n], cs[n:])
				sameValues(t, append(append([]float32(nil), lo...), hi...), want, false)
			}
		}
	})
}

// TestToHalf checks that rounding to float16 is identical to the reference, bit for bit, also for special values.
func TestToHalf(t *testing.T) {
	special := []float32{0, 65504, 65519, 65520, 1e9, -1e9, float32(math.Inf(1)), 6e-8, 2.9e-8, 3e-8, 6.1e-5, -6.1e-5, 1e-40, 1 + 1.0/2048, 1 + 3.0/2048}
	everyLevel(t, func(t *testing.T, lv level) {
		r := devicetest.Rand()
		for n := range 50 {
			x := devicetest.Gauss(r, n)
			for i := range x {
				if r.IntN(2) == 0 {
					x[i] = special[r.IntN(len(special))]
				}
			}
			b := guarded(t, 2*n, n%2 == 0)
			got := unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(b))), n)
			want := make([]uint16, n)
			toHalf(lv, got, guardedF32(t, x, n%2 == 0))
			toHalfGo(want, x)
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("%g: %#x, want %#x", x[i], got[i], want[i])
				}
			}
		}
	})
}

// TestPutValues checks that the values of a position are written to the halves of its parity, and nowhere else.
func TestPutValues(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		r := devicetest.Rand()
		for n := 1; n < 100; n++ {
			stride := 128 * (1 + r.IntN(3))
			got := guarded(t, (n-1)/32*stride+128, n%2 == 0)
			for i := range got {
				got[i] = byte(i)
			}
			want := append([]byte(nil), got...)
			x := devicetest.Gauss(r, n)
			putValues(lv, got, stride, guardedF32(t, x, n%2 == 0), n/2%2)
			putValuesGo(want, stride, x, n/2%2)
			if !bytes.Equal(got, want) {
				t.Fatalf("%d values: %x, want %x", n, got, want)
			}
		}
	})
}

// TestAddRows checks the addition of 32 values to rows.
func TestAddRows(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		r := devicetest.Rand()
		for m := 1; m < 9; m++ {
			ldc := 32 + r.IntN(5)
			c, b := devicetest.Gauss(r, (m-1)*ldc+32), devicetest.Gauss(r, 32)
			got, want := guardedF32(t, c, m%2 == 0), append([]float32(nil), c...)
			addRows(lv, got, ldc, guardedF32(t, b, m%2 == 0), m)
			addRowsGo(want, ldc, b, m)
			sameValues(t, got, want, true)
		}
	})
}

// TestActivationsFar checks activations of large and special values.
func TestActivationsFar(t *testing.T) {
	inf := float32(math.Inf(1))
	in := []float32{0, 100, -100, 1e10, -1e10, 3e38, -3e38, inf, float32(math.NaN()), 20, -20, 1e-40, -1e-40, 88, -88, 7}
	everyLevel(t, func(t *testing.T, lv level) {
		for name, f := range map[string][2]func(dst []float32){
			"silu":     {func(d []float32) { silu(lv, d, in, nil) }, func(d []float32) { siluGo(d, in, nil) }},
			"sigmoid":  {func(d []float32) { sigmoid(lv, d, in, nil) }, func(d []float32) { sigmoidGo(d, in, nil) }},
			"geluTanh": {func(d []float32) { geluTanh(lv, d, in, nil) }, func(d []float32) { geluTanhGo(d, in, nil) }},
			"geluErf":  {func(d []float32) { geluErf(lv, d, in, nil) }, func(d []float32) { geluErfGo(d, in, nil) }},
			"swiGLU7":  {func(d []float32) { swiGLU7(lv, d, in, nil) }, func(d []float32) { swiGLU7Go(d, in, nil) }},
			"softCap":  {func(d []float32) { softCap(lv, d, in, 30) }, func(d []float32) { softCapGo(d, in, 30) }},
		} {
			got, want := make([]float32, len(in)), make([]float32, len(in))
			f[0](got)
			f[1](want)
			for i := range in {
				g, w := float64(got[i]), float64(want[i])
				if math.IsNaN(w) || math.IsInf(w, 0) {
					if g == w || math.IsNaN(g) && (math.IsNaN(w) || name == "geluErf") { // ∞·erfc(∞) is 0·∞ in the assembly
						continue
					}
				}
				if !(math.Abs(g-w) <= 1e-6*math.Abs(w)+1e-30) {
					t.Errorf("%s(%g) = %g, want %g", name, in[i], g, w)
				}
			}
		}
	})
}

// TestGenerated checks that the committed assembly of every architecture is what gen writes.
func TestGenerated(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no Go toolchain here: generated files are not compared")
	}
	dir := t.TempDir()
	if out, err := exec.Command("go", "run", "./gen", "-o", dir).CombinedOutput(); err != nil {
		t.Fatalf("go run ./gen: %v\n%s", err, out)
	}
	made, have := assembly(t, dir), assembly(t, ".")
	for name, text := range have {
		if !strings.HasPrefix(text, "// Code generated by gen.") {
			continue
		}
		if made[name] != text {
			t.Errorf("%s is not what gen writes: run go generate", name)
		}
		delete(made, name)
	}
	for name := range made {
		t.Errorf("%s is missing: run go generate", name)
	}
}

// assembly reads the .s files in a folder.
func assembly(t *testing.T, dir string) map[string]string {
	files, err := filepath.Glob(filepath.Join(dir, "*.s"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no assembly in %s (%v)", dir, err)
	}
	out := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = string(text)
	}
	return out
}
