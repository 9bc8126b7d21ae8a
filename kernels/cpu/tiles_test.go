package cpu

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"testing"
	"time"

	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// The tests of this file check integer and bfloat16 microkernels of levels that divide products into several calls, and their
// behaviour when the runtime tries to interrupt them.

// TestQTileMany checks more tokens than one call processes, in multiples of the tile size and not.
func TestQTileMany(t *testing.T) {
	for k := q2a16; k < kinds; k++ {
		r := rand.New(rand.NewPCG(uint64(k), 3))
		c := sizedQ(t, r, k, 18, []int{128, 129, 151, 272}[k%4], true, false)
		want := c.run(t, generic)
		t.Run(k.String(), func(t *testing.T) {
			everyLevel(t, func(t *testing.T, lv level) { sameValues(t, c.run(t, lv), want, true) })
		})
	}
}

// pCase is one product of the bfloat16 microkernel with small integers.
type pCase struct {
	a    []uint32
	w    []byte
	n, m int
	add  bool
}

func randomP(t testing.TB, r *rand.Rand, n, m int) pCase {
	c := pCase{asWords(asF32(guarded(t, 4*n*m, false))), guarded(t, 128*n, false), n, m, r.IntN(2) == 0}
	for _, x := range [][]uint32{c.a, asWords(asF32(c.w))} {
		for i := range x {
			x[i] = uint32(quant.F32ToBF16(float32(r.IntN(9)-4))) | uint32(quant.F32ToBF16(float32(r.IntN(9)-4)))<<16
		}
	}
	return c
}

func (c pCase) run(t testing.TB, lv level) []float32 {
	out := asF32(guarded(t, 128*c.m, false))
	for i := range out {
		out[i] = float32(i % 7)
	}
	pTile(lv, out, 32, c.a, c.n, c.w, c.n, c.m, c.add)
	return slices.Clone(out)
}

// TestPTileMany checks more tokens and more columns than one call processes.
func TestPTileMany(t *testing.T) {
	r := devicetest.Rand()
	for _, s := range [][2]int{{8192, 9}, {8192 + 16 + 5, 40}, {700, 32}, {64, 300}, {16, 17 + 64}, {37, 33}, {15, 16}} {
		c := randomP(t, r, s[0], s[1])
		want := c.run(t, generic)
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			everyLevel(t, func(t *testing.T, lv level) { sameValues(t, c.run(t, lv), want, true) })
		})
	}
}

// TestTilesInterrupted multiplies in several goroutines while garbage collection stops the
// world and a profiler sends signals. Nothing that a signal handler or another thread does to
// vector or tile registers may change a result. Half of the products are computed by new goroutines,
// whose stack, which holds the result, must be moved to make room for the kernel's frame.
func TestTilesInterrupted(t *testing.T) {
	everyLevel(t, func(t *testing.T, lv level) {
		r := devicetest.Rand()
		var ints, pairs []func() []float32
		for _, k := range []kind{q4a32, q6s16, q8s32, q2a16} {
			c := sizedQ(t, r, k, 20, 64, false, false)
			c.add = false
			ints = append(ints, func() []float32 { return c.heap(lv) }, func() []float32 { return c.stack(lv) })
		}
		for range 4 {
			p := randomP(t, r, 2048, 64)
			pairs = append(pairs, func() []float32 {
				out := make([]float32, 32*p.m)
				pTile(lv, out, 32, p.a, p.n, p.w, p.n, p.m, false)
				return out
			})
		}
		interrupted(t, ints)
		interrupted(t, pairs)
	})
}

// heap computes the product in heap memory; stack computes twelve tokens in stack memory.
func (c qCase) heap(lv level) []float32 {
	out := make([]float32, 32*c.m)
	qTile(lv, c.k, out, 32, c.a, c.nb, c.w, c.nb, c.m, c.scale, false)
	return out
}

func (c qCase) stack(lv level) []float32 {
	var buf [12 * 32]float32
	qTile(lv, c.k, buf[:], 32, c.a[:12*c.nb], c.nb, c.w, c.nb, 12, c.scale, false)
	return append([]float32(nil), buf[:]...)
}

// interrupted repeats products during signals and stops of the world, and checks that the results are identical, bit for
// bit, to those without them.
func interrupted(t *testing.T, products []func() []float32) {
	want := make([][]float32, len(products))
	for i, f := range products {
		want[i] = f()
	}
	var profile bytes.Buffer
	started := pprof.StartCPUProfile(&profile) == nil // false if the tests themselves are being profiled
	end := time.Now().Add(150 * time.Millisecond)
	if testing.Short() {
		end = time.Now().Add(30 * time.Millisecond)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for time.Now().Before(end) {
			runtime.GC()
		}
	})
	for i, f := range products {
		check := func() {
			if got := f(); !slices.Equal(got, want[i]) {
				t.Errorf("product %d: other values than before", i)
			}
		}
		all.Go(func() {
			for time.Now().Before(end) {
				var fresh sync.WaitGroup
				fresh.Go(check)
				check()
				fresh.Wait()
			}
		})
	}
	all.Wait()
	if started {
		pprof.StopCPUProfile()
		t.Logf("signals in %v", signalled(t, &profile))
	}
}

var kernelName = regexp.MustCompile(`cpu\.\w+(Go|AVX2|AVXVNNI|AVX512|BF16|AMX|NEON|I8MM)`)

// signalled returns the kernels that a profiler's signals have interrupted.
func signalled(t *testing.T, profile io.Reader) []string {
	z, err := gzip.NewReader(profile)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return kernelName.FindAllString(string(text), -1)
}

// TestAskedLevels checks that a level that must be named is not used otherwise.
func TestAskedLevels(t *testing.T) {
	l, err := choose("")
	if err != nil || l.asked() || !supports(l) {
		t.Errorf("without a name: %v, %v", l, err)
	}
	for l := range levelNames {
		if got, err := choose(levelNames[l]); (err == nil) != supports(level(l)) || err == nil && got != level(l) {
			t.Errorf("%s: %v, %v", levelNames[l], got, err)
		}
	}
}
