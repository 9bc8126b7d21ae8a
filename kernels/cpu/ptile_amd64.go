package cpu

import "unsafe"

//go:noescape
func dPairsBF16(c *float32, ldc int, a *float32, lda int, w *byte, n, m, add int)

//go:noescape
func toPairsBF16(dst *uint32, x *float32, n int)

// pTile multiplies m tokens with a panel of 32 rows of bfloat16 pairs; see pTileGo.
func pTile(lv level, c []float32, ldc int, a []uint32, lda int, w []byte, n, m int, add bool) {
	if !lv.bf16() || n == 0 || m == 0 {
		pTileGo(c, ldc, a, lda, w, n, m, add)
		return
	}
	_, _, _ = c[(m-1)*ldc+31], a[(m-1)*lda+n-1], w[128*n-1] // the assembly checks nothing
	if lv == amx && m >= amxLeast {
		pTileAMX(unsafe.SliceData(c), 4*ldc, unsafe.SliceData(a), 4*lda, unsafe.SliceData(w), n, m, toInt(add))
		return
	}
	ap := (*float32)(unsafe.Pointer(unsafe.SliceData(a)))
	dPairsBF16(unsafe.SliceData(c), 4*ldc, ap, 4*lda, unsafe.SliceData(w), n, m, toInt(add))
}

// toPairs rounds x to pairs of bfloat16; see toPairsGo.
func toPairs(lv level, dst []uint32, x []float32) {
	n := 0
	if lv.bf16() {
		n = len(x) &^ 15
	}
	if n > 0 {
		_ = dst[n/2-1]
		toPairsBF16(unsafe.SliceData(dst), unsafe.SliceData(x), n)
	}
	toPairsGo(dst[n/2:], x[n:])
}
