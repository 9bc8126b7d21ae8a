package cpu

import "unsafe"

//go:noescape
func unpackQ2a16AVX2(dst, w *byte, nb int)

//go:noescape
func unpackQ3s16AVX2(dst, w *byte, nb int)

//go:noescape
func unpackQ4s32AVX2(dst, w *byte, nb int)

//go:noescape
func unpackQ4a32AVX2(dst, w *byte, nb int)

//go:noescape
func unpackQ5s32AVX2(dst, w *byte, nb int)

//go:noescape
func unpackQ5a32AVX2(dst, w *byte, nb int)

//go:noescape
func unpackQ6s16AVX2(dst, w *byte, nb int)

//go:noescape
func unpackQ8s32AVX2(dst, w *byte, nb int)

//go:noescape
func unpackQ2s32AVX2(dst, w *byte, nb int)

//go:noescape
func unpackT3s32AVX2(dst, w *byte, nb int, table *levels)

//go:noescape
func unpackT3s16AVX2(dst, w *byte, nb int, table *levels)

//go:noescape
func unpackT4s32AVX2(dst, w *byte, nb int, table *levels)

//go:noescape
func unpackT4s16AVX2(dst, w *byte, nb int, table *levels)

//go:noescape
func unpackT4e32AVX2(dst, w *byte, nb int, table *levels)

//go:noescape
func manyQ2a16AVX2(c *float32, ldc int, a unsafe.Pointer, lda int, w *byte, nb, m int, scale float32, add int, next, by uintptr)

//go:noescape
func manyQ3s16AVX2(c *float32, ldc int, a unsafe.Pointer, lda int, w *byte, nb, m int, scale float32, add int, next, by uintptr)

//go:noescape
func manyQ4s32AVX2(c *float32, ldc int, a unsafe.Pointer, lda int, w *byte, nb, m int, scale float32, add int, next, by uintptr)

//go:noescape
func manyQ4a32AVX2(c *float32, ldc int, a unsafe.Pointer, lda int, w *byte, nb, m int, scale float32, add int, next, by uintptr)

//go:noescape
func manyQ5s32AVX2(c *float32, ldc int, a unsafe.Pointer, lda int, w *byte, nb, m int, scale float32, add int, next, by uintptr)

//go:noescape
func manyQ5a32AVX2(c *float32, ldc int, a unsafe.Pointer, lda int, w *byte, nb, m int, scale float32, add int, next, by uintptr)

//go:noescape
func manyQ6s16AVX2(c *float32, ldc int, a unsafe.Pointer, lda int, w *byte, nb, m int, scale float32, add int, next, by uintptr)

//go:noescape
func manyQ8s32AVX2(c *float32, ldc int, a unsafe.Pointer, lda int, w *byte, nb, m int, scale float32, add int, next, by uintptr)

//go:noescape
func manyQ2s32AVX2(c *float32, ldc int, a unsafe.Pointer, lda int, w *byte, nb, m int, scale float32, add int, next, by uintptr)

//go:noescape
func manyWords16AVX2(c *float32, ldc int, a unsafe.Pointer, lda int, w *byte, nb, m int, scale float32, add int, next, by uintptr)

//go:noescape
func wordBlocksAVX2(dst *wordBlock, src *block, n int)

// hasMTile reports whether mTile is written in assembly for lv.
func hasMTile(lv level) bool { return lv == avx2 }

// unpackPanel unpacks a panel for mTile; see unpackPanelGo.
func unpackPanel(lv level, k kind, dst, w []byte, nb int) {
	if !hasMTile(lv) || nb == 0 {
		unpackPanelGo(k, dst, w, nb)
		return
	}
	l := &layouts[k]
	_, _ = dst[2*nb*l.unpackedBytes()-1], w[k.panelBytes(32*nb)-1] // the assembly checks nothing
	to, from := unsafe.SliceData(dst), unsafe.SliceData(w)
	switch k {
	case q2a16:
		unpackQ2a16AVX2(to, from, nb)
	case q3s16:
		unpackQ3s16AVX2(to, from, nb)
	case q4s32:
		unpackQ4s32AVX2(to, from, nb)
	case q4a32:
		unpackQ4a32AVX2(to, from, nb)
	case q5s32:
		unpackQ5s32AVX2(to, from, nb)
	case q5a32:
		unpackQ5a32AVX2(to, from, nb)
	case q6s16:
		unpackQ6s16AVX2(to, from, nb)
	case q8s32:
		unpackQ8s32AVX2(to, from, nb)
	case q2s32:
		unpackQ2s32AVX2(to, from, nb)
	default:
		unpackTableAVX2(k, to, from, nb)
	}
}

// unpackTableAVX2 unpacks a panel of a layout with levels.
func unpackTableAVX2(k kind, dst, w *byte, nb int) {
	t := layouts[k].levels
	switch k {
	case t3s32iq2, t3s32iq1:
		unpackT3s32AVX2(dst, w, nb, t)
	case t3s16iq2, t3s16iq1:
		unpackT3s16AVX2(dst, w, nb, t)
	case t4s32iq4, t4s32xxs, t4s32iq3:
		unpackT4s32AVX2(dst, w, nb, t)
	case t4s16fp4:
		unpackT4s16AVX2(dst, w, nb, t)
	case t4e32fp4:
		unpackT4e32AVX2(dst, w, nb, t)
	default:
		panic("cpu: not an integer layout")
	}
}

// mTile multiplies tokens of 8-bit activations with a panel that was unpacked from packed, and returns how many: all m of them, or those that are
// whole tiles; see mTileGo. Meanwhile it prefetches the bytes behind packed, the next panel.
func mTile(lv level, k kind, c []float32, ldc int, a []block, words []wordBlock, lda int, w, packed []byte, nb, m int, scale float32, add bool) int {
	if !hasMTile(lv) {
		mTileGo(k, c, ldc, a, words, lda, w, nb, m, scale, add)
		return m
	}
	l := &layouts[k]
	if m -= m % mTokens(k); nb == 0 || m == 0 {
		return 0
	}
	_, _ = c[(m-1)*ldc+31], w[2*nb*l.unpackedBytes()-1]
	x, size, last := unsafe.Pointer(unsafe.SliceData(a)), blockSize, (m-1)*lda+nb-1
	if l.wide() {
		x, size = unsafe.Pointer(unsafe.SliceData(words)), wordBlockSize
		_ = words[last]
	} else {
		_ = a[last]
	}
	tiles := m / mTokens(k)
	next, by := uintptr(unsafe.Pointer(unsafe.SliceData(packed)))+uintptr(len(packed)), (l.blockBytes()+tiles-1)/tiles
	mTileAVX2(k, unsafe.SliceData(c), 4*ldc, x, lda*size, unsafe.SliceData(w), nb, m, scale, toInt(add), next, uintptr(by))
	return m
}

// mTokens returns the number of tokens of a tile.
func mTokens(k kind) int {
	switch k {
	case q5s32, q5a32, q6s16:
		return 2
	}
	return 3
}

func mTileAVX2(k kind, c *float32, ldc int, a unsafe.Pointer, lda int, w *byte, nb, m int, scale float32, add int, next, by uintptr) {
	switch k {
	case q2a16:
		manyQ2a16AVX2(c, ldc, a, lda, w, nb, m, scale, add, next, by)
	case q3s16:
		manyQ3s16AVX2(c, ldc, a, lda, w, nb, m, scale, add, next, by)
	case q4s32:
		manyQ4s32AVX2(c, ldc, a, lda, w, nb, m, scale, add, next, by)
	case q4a32:
		manyQ4a32AVX2(c, ldc, a, lda, w, nb, m, scale, add, next, by)
	case q5s32:
		manyQ5s32AVX2(c, ldc, a, lda, w, nb, m, scale, add, next, by)
	case q5a32:
		manyQ5a32AVX2(c, ldc, a, lda, w, nb, m, scale, add, next, by)
	case q6s16:
		manyQ6s16AVX2(c, ldc, a, lda, w, nb, m, scale, add, next, by)
	case q2s32:
		manyQ2s32AVX2(c, ldc, a, lda, w, nb, m, scale, add, next, by)
	case t3s16iq2, t3s16iq1, t4s16fp4:
		manyWords16AVX2(c, ldc, a, lda, w, nb, m, scale, add, next, by)
	default: // integers of 16 bits with one scale
		manyQ8s32AVX2(c, ldc, a, lda, w, nb, m, scale, add, next, by)
	}
}

// toWordBlocks widens the integers of activations to 16 bits; see toWordBlocksGo.
func toWordBlocks(lv level, dst []wordBlock, src []block) {
	if !hasMTile(lv) || len(src) == 0 {
		toWordBlocksGo(dst, src)
		return
	}
	_ = dst[len(src)-1]
	wordBlocksAVX2(unsafe.SliceData(dst), unsafe.SliceData(src), len(src))
}
