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
func pairs16AMX(cfg *tileConfig, c *float32, ldc int, a *uint32, lda int, w *byte, steps, tiles, add int)

//go:noescape
func pairs32AMX(cfg *tileConfig, c *float32, ldc int, a *uint32, lda int, w *byte, steps, tiles, add int)

// xgetbv returns the low half of XCR0.
func xgetbv() uint32

// Products with the tile registers of AMX (gen/amx.go) are cut into calls: the registers
// live only within a call, and since Go does not interrupt assembly, whoever stops the
// world (the garbage collector) waits for a call to end.
const (
	// amxLeast is the fewest tokens for which tiles are used: with fewer, most of what an
	// instruction could multiply is not there, and shapes and bytes cost as much as ever.
	amxLeast = 8
	// A call of the integer tile takes at most 16 blocks, for which its frame has room, and
	// 128 tokens: 8 × 2 × 16 sums of 16 × 16, or 32 with scales for 16 columns, and 30 cycles
	// each, or 60 with minima for 16 columns, make 4 to 15 µs at 2 GHz. Nobody has measured
	// that; a stop of the world may take 50. More tokens would gain little: making bytes,
	// which they share, takes a twentieth of the time.
	amxBlocks = 16
	amxTokens = 128
	// A call of the bfloat16 tile takes 32 tokens × 8192 pairs or what is as much: four
	// instructions of 16 cycles to 16 pairs, 16 µs at 2 GHz.
	amxPairs = 8192
)

// tileConfig is what LDTILECFG reads: the shapes of eight tiles. A row that a tile does
// not have is not touched in memory.
type tileConfig struct {
	palette uint8 // 1
	_       [15]uint8
	width   [16]uint16 // bytes of a row
	rows    [16]uint8
}

// set gives tiles a shape.
func (c *tileConfig) set(rows, width int, tiles ...int) {
	c.palette = 1
	for _, t := range tiles {
		c.rows[t], c.width[t] = uint8(rows), uint16(width)
	}
}

// intTiles are the shapes for m tokens and halves scales to 32 columns: sums in tiles 0
// and 1, activations in 2 and 4, weights in 3 and 5.
func intTiles(m, halves int) (c tileConfig) {
	c.set(m, 64, 0, 1)
	c.set(m, 32/halves, 2, 4)
	c.set(8/halves, 64, 3, 5)
	return c
}

// pairTiles are the shapes for m tokens, 32 at most, and n pairs of columns: sums in tiles
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

// qTileAMX cuts the product into calls; see qTileGo. Strides are in bytes.
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
	default:
		panic("cpu: not an integer layout")
	}
}

// pTileAMX cuts the product into calls: columns into runs of amxPairs and a last one that
// is shorter than a tile, tokens into as many as a run leaves time for. See pTileGo;
// strides are in bytes.
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

// pRunAMX multiplies n pairs of columns, a multiple of 16 or fewer than that.
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

// tilesGranted reports whether this process may use AMX. The registers' eight kilobytes
// are the operating system's to save, which it says in XCR0, and on Linux a process has
// to ask for them.
var tilesGranted = sync.OnceValue(func() bool {
	const saved = 1<<17 | 1<<18 // shapes, tiles
	return cpuid.CPU.Supports(cpuid.OSXSAVE) && xgetbv()&saved == saved && askForTiles()
})
