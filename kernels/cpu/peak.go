package cpu

import (
	"encoding/binary"
	"math"
	"time"
)

// resource is a resource of the machine that can limit the speed of a kernel.
//
// The limit of each is measured (Williams, Waterman and Patterson 2009,
// "Roofline"):
//
//	memory   reading a buffer far larger than the caches        bytes a second
//	cache    reading a buffer that fits the second-level cache  bytes a second
//	float    float32 multiply-adds in registers                 multiplications and additions a second
//	half     the same with bfloat16, on levels that have products of it
//	dot      the level's 8-bit dot product
//	low      the same with numbers below 16, which AVX2 may add in 16 bits; on other levels as dot
//
// A limit is the best of several measurements, on all workers of a pool.
type resource int

const (
	useMemory resource = iota
	useCache
	useFloat
	useHalf
	useDot
	useLow
	resources
)

// rates are amounts of each resource: for a machine, in a second; for a kernel, in a call.
type rates [resources]float64

// seconds returns the least time in which a kernel can run, and the resource that determines it.
func (limit rates) seconds(need rates) (least float64, by resource) {
	for r := range resources {
		if need[r] == 0 {
			continue
		}
		if t := need[r] / limit[r]; t > least {
			least, by = t, r
		}
	}
	return least, by
}

// near is a buffer size in bytes that fits into the second-level cache of any processor that is not very old.
const near = 192 << 10

// peaks measures the limits of lv on the workers of p, each for about the duration spell. far is a
// buffer larger than the caches.
func peaks(lv level, p *Pool, far []byte, spell time.Duration) rates {
	var out rates
	for _, ahead := range []int{0, 4096} {
		out[useMemory] = max(out[useMemory], readRate(lv, p, far, ahead, len(far)/(4<<20), spell))
		out[useCache] = max(out[useCache], readRate(lv, p, far[:min(near, len(far))], 0, 0, spell))
	}
	for r := useFloat; r < resources; r++ {
		out[r] = spinRate(lv, p, r, spell)
	}
	return out
}

// readRate returns the bytes a second that the workers read. They read b in parts or, if parts is 0,
// each reads all of b repeatedly.
func readRate(lv level, p *Pool, b []byte, ahead, parts int, spell time.Duration) float64 {
	if parts == 0 {
		again, chunks := 1+(8<<20)/len(b), 4*p.threads
		fn := job(func(int, int) {
			for range again {
				read(lv, b, ahead)
			}
		})
		return float64(again*chunks*len(b)) / fastest(spell, func() { p.all(chunks, &fn) })
	}
	size := len(b) / parts &^ 511
	fn := job(func(_, c int) { read(lv, b[c*size:][:size], ahead) })
	return float64(parts*size) / fastest(spell, func() { p.all(parts, &fn) })
}

// spinRate returns the operations a second of all workers.
func spinRate(lv level, p *Pool, r resource, spell time.Duration) float64 {
	const n = 20000
	each := spin(lv, r, n)
	if each == 0 {
		return 0
	}
	chunks := 4 * p.threads
	fn := job(func(int, int) { spin(lv, r, n) })
	return each * float64(chunks) / fastest(spell, func() { p.all(chunks, &fn) })
}

// fastest returns the seconds of the fastest of as many calls of f as fit into about the duration
// spell, at least three unless they take very long. Short calls are timed in groups of
// half a millisecond.
func fastest(spell time.Duration, f func()) float64 {
	f() // fills caches and tables, wakes workers
	start := time.Now()
	f()
	once := time.Since(start)
	calls := max(1, int(500*time.Microsecond/max(once, 1)))
	best := math.Inf(1)
	if once > spell {
		best = once.Seconds()
	}
	for n := 0; n < 3 && once < 5*spell || time.Since(start) < spell; n++ {
		begin := time.Now()
		for range calls {
			f()
		}
		best = min(best, time.Since(begin).Seconds()/float64(calls))
	}
	return best
}

// readGo is the reference implementation of read.
func readGo(b []byte) {
	var sum uint64
	for ; len(b) >= 32; b = b[32:] {
		sum += binary.NativeEndian.Uint64(b) ^ binary.NativeEndian.Uint64(b[8:]) ^
			binary.NativeEndian.Uint64(b[16:]) ^ binary.NativeEndian.Uint64(b[24:])
	}
	needed(float64(sum))
}

// spinGo is the reference implementation of spin: n rounds of eight multiplications and additions.
func spinGo(r resource, n int) float64 {
	switch r {
	case useHalf:
		return 0
	case useFloat:
		var a, b, c, d, e, f, g, h float32
		x, y := float32(n&1), float32(n&2)
		for range n {
			a, b, c, d, e, f, g, h = a*x+y, b*x-y, c*y+x, d*y-x, e*x+y, f*x-y, g*y+x, h*y-x
		}
		needed(float64(a + b + c + d + e + f + g + h))
	default:
		var a, b, c, d, e, f, g, h int32
		x, y := int32(int8(n)), int32(int8(n>>8))
		for range n {
			a, b, c, d, e, f, g, h = a*x+y, b*x-y, c*y+x, d*y-x, e*x+y, f*x-y, g*y+x, h*y-x
		}
		needed(float64(a + b + c + d + e + f + g + h))
	}
	return 16 * float64(n)
}

// needed prevents the compiler from removing the computation of x.
//
//go:noinline
func needed(x float64) { _ = x }
