package cpu

import (
	"sync"
	"unsafe"

	"github.com/klauspost/cpuid/v2"
)

//go:noescape
func q2a16AMX(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q3s16AMX(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q4s32AMX(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q4a32AMX(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q5s32AMX(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q5a32AMX(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q6s16AMX(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q8s32AMX(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q2s32AMX(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func pairs16AMX(cfg *tileConfig, c *float32, ldc int, a *uint32, lda int, w *byte, steps, tiles, add int)

//go:noescape
func pairs32AMX(cfg *tileConfig, c *float32, ldc int, a *uint32, lda int, w *byte, steps, tiles, add int)

// xgetbv returns the low half of the register XCR0.
func xgetbv() uint32

// Limits of the AMX kernels (gen/amx.go). A product is divided into several calls. Tile registers are valid only within a
// call, and since Go does not preempt assembly, whoever stops the world (the garbage collector) waits for the end of
// a call.
const (
	// amxLeast is the fewest tokens for which the tiles are used. With fewer, an instruction does little of the work that
	// it could do, while configuring the tiles and unpacking the weights take the same time.
	amxLeast = 8
	// A call of the integer kernel takes at most 16 blocks of columns, for which its frame has room, and
	// 128 tokens. These are 8 × 2 × 16 products of 16 × 16 (twice as many if scales are for 16 columns) of 30 cycles
	// each (60 with minima for 16 columns), 4 to 15 µs at 2 GHz. This is calculated, not measured; a stop of
	// the world may take 50 µs. More tokens would gain little: unpacking the weights,
	// which all tokens share, takes a twentieth of the time.
	amxBlocks = 16
	amxTokens = 128
	// A call of the bfloat16 kernel takes at most 32 tokens × 8192 pairs of columns, or the same work in another shape: four
	// instructions of 16 cycles for 16 pairs, 16 µs at 2 GHz.
	amxPairs = 8192
)

// tileConfig is the operand of LDTILECFG: the shapes of eight tile registers. Rows beyond a tile's shape are
// neither read from nor written to memory.
type tileConfig struct {
	palette uint8 // 1
	_       [15]uint8
	width   [16]uint16 // bytes of a row
	rows    [16]uint8
}

// set sets the shape of some tiles: rows, and width in bytes.
func (c *tileConfig) set(rows, width int, tiles ...int) {
	c.palette = 1
	for _, t := range tiles {
		c.rows[t], c.width[t] = uint8(rows), uint16(width)
	}
}

// intTiles returns the shapes for m tokens and a layout with halves scales for 32 columns: accumulators in tiles 0
// and 1, activations in 2 and 4, weights in 3 and 5.
func intTiles(m, halves int) (c tileConfig) {
	c.set(m, 64, 0, 1)
	c.set(m, 32/halves, 2, 4)
	c.set(8/halves, 64, 3, 5)
	return c
}

// pairTiles returns the shapes for m tokens, at most 32, and n pairs of columns: accumulators in tiles
// 0 to 3, activations in 4 and 5, weights in 6 and 7.
func pairTiles(m, n int) (c tileConfig) {
	c.set(min(m, 16), 64, 0, 1)
	c.set(min(m, 16), 4*n, 4)
	if m > 16 {
		c.set(m-16, 64, 2, 3)
		c.set(m-16, 4*n, 5)
	}
	c.set(n, 64, 6, 7)
	return c
}

// qTileAMX divides the product that qTileGo describes into calls. Strides are in bytes.
func qTileAMX(k kind, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	halves, size := layouts[k].halves, k.panelBytes(32)
	for t := 0; t < m; t += amxTokens {
		n := min(amxTokens, m-t)
		cfg := [2]tileConfig{intTiles(16, halves)}
		if n%16 > 0 {
			cfg[1] = intTiles(n%16, halves)
		}
		cp, ap, adding := after(c, t*ldc), after(a, t*lda), add
		for b := 0; b < nb; b += amxBlocks {
			qBlocksAMX(k, &cfg, cp, ldc, after(ap, b*blockSize), lda, after(w, b*size), min(amxBlocks, nb-b), n, scale, adding)
			adding = 1
		}
	}
}

// after returns the address n bytes beyond p.
func after[T any](p *T, n int) *T { return (*T)(unsafe.Add(unsafe.Pointer(p), n)) }

// qBlocksAMX calls the kernel of layout k.
func qBlocksAMX(k kind, cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	switch k {
	case q2a16:
		q2a16AMX(cfg, c, ldc, a, lda, w, nb, m, scale, add)
	case q3s16:
		q3s16AMX(cfg, c, ldc, a, lda, w, nb, m, scale, add)
	case q4s32:
		q4s32AMX(cfg, c, ldc, a, lda, w, nb, m, scale, add)
	case q4a32:
		q4a32AMX(cfg, c, ldc, a, lda, w, nb, m, scale, add)
	case q5s32:
		q5s32AMX(cfg, c, ldc, a, lda, w, nb, m, scale, add)
	case q5a32:
		q5a32AMX(cfg, c, ldc, a, lda, w, nb, m, scale, add)
	case q6s16:
		q6s16AMX(cfg, c, ldc, a, lda, w, nb, m, scale, add)
	case q8s32:
		q8s32AMX(cfg, c, ldc, a, lda, w, nb, m, scale, add)
	case q2s32:
		q2s32AMX(cfg, c, ldc, a, lda, w, nb, m, scale, add)
	default:
		tTileAMX(k, cfg, c, ldc, a, lda, w, nb, m, scale, add)
	}
}

// pTileAMX divides the product that pTileGo describes into calls: columns into runs of at most amxPairs pairs and a last run
// that is shorter than a tile, and tokens so that a call does not take too long. Strides are in
// bytes.
func pTileAMX(c *float32, ldc int, a *uint32, lda int, w *byte, n, m, add int) {
	for j := 0; j < n; {
		run := min(amxPairs, (n-j)&^15)
		if run == 0 {
			run = n - j
		}
		pRunAMX(c, ldc, after(a, 4*j), lda, after(w, 128*j), run, m, add)
		j, add = j+run, 1
	}
}

// pRunAMX multiplies n pairs of columns, where n is a multiple of 16 or less than 16.
func pRunAMX(c *float32, ldc int, a *uint32, lda int, w *byte, n, m, add int) {
	steps := (n + 15) / 16
	cfg := pairTiles(32, min(n, 16))
	t, most := 0, max(1, amxPairs/(16*steps))
	for t+32 <= m {
		tiles := min(most, (m-t)/32)
		pairs32AMX(&cfg, after(c, t*ldc), ldc, after(a, t*lda), lda, w, steps, tiles, add)
		t += 32 * tiles
	}
	if t == m {
		return
	}
	cfg = pairTiles(m-t, min(n, 16))
	if m-t > 16 {
		pairs32AMX(&cfg, after(c, t*ldc), ldc, after(a, t*lda), lda, w, steps, 1, add)
	} else {
		pairs16AMX(&cfg, after(c, t*ldc), ldc, after(a, t*lda), lda, w, steps, 1, add)
	}
}

// tilesGranted reports whether this process may use AMX. The operating system must save the eight kilobytes of
// tile registers, which it indicates in XCR0, and on Linux a process must request permission.
var tilesGranted = sync.OnceValue(func() bool {
	const saved = 1<<17 | 1<<18 // shapes, tiles
	return cpuid.CPU.Supports(cpuid.OSXSAVE) && xgetbv()&saved == saved && askForTiles()
})
