package cpu

import "unsafe"

//go:noescape
func q2a16NEON(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q3s16NEON(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q4s32NEON(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q4a32NEON(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q5s32NEON(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q5a32NEON(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q6s16NEON(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q8s32NEON(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q2s32NEON(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q2a16DotProd(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q3s16DotProd(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q4s32DotProd(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q4a32DotProd(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q5s32DotProd(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q5a32DotProd(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q6s16DotProd(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q8s32DotProd(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q2s32DotProd(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q2a16I8MM(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q3s16I8MM(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q4s32I8MM(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q4a32I8MM(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q5s32I8MM(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q5a32I8MM(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q6s16I8MM(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q8s32I8MM(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q2s32I8MM(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func quantizeNEON(dst *block, x *float32, n int)

// qTile multiplies m tokens of 8-bit activations with a panel of 32 rows of integers; see qTileGo.
func qTile(lv level, k kind, c []float32, ldc int, a []block, lda int, w []byte, nb, m int, scale float32, add bool) {
	if lv == generic || nb == 0 || m == 0 {
		qTileGo(k, c, ldc, a, lda, w, nb, m, scale, add)
		return
	}
	_, _, _ = c[(m-1)*ldc+31], a[(m-1)*lda+nb-1], w[k.panelBytes(32*nb)-1] // the assembly checks nothing
	cp, ap, wp := unsafe.SliceData(c), unsafe.SliceData(a), unsafe.SliceData(w)
	switch lv {
	case i8mm:
		qTileI8MM(k, cp, 4*ldc, ap, lda*blockSize, wp, nb, m, scale, toInt(add))
	case dotprod:
		qTileDotProd(k, cp, 4*ldc, ap, lda*blockSize, wp, nb, m, scale, toInt(add))
	default:
		qTileNEON(k, cp, 4*ldc, ap, lda*blockSize, wp, nb, m, scale, toInt(add))
	}
}

func qTileNEON(k kind, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	switch k {
	case q2a16:
		q2a16NEON(c, ldc, a, lda, w, nb, m, scale, add)
	case q3s16:
		q3s16NEON(c, ldc, a, lda, w, nb, m, scale, add)
	case q4s32:
		q4s32NEON(c, ldc, a, lda, w, nb, m, scale, add)
	case q4a32:
		q4a32NEON(c, ldc, a, lda, w, nb, m, scale, add)
	case q5s32:
		q5s32NEON(c, ldc, a, lda, w, nb, m, scale, add)
	case q5a32:
		q5a32NEON(c, ldc, a, lda, w, nb, m, scale, add)
	case q6s16:
		q6s16NEON(c, ldc, a, lda, w, nb, m, scale, add)
	case q8s32:
		q8s32NEON(c, ldc, a, lda, w, nb, m, scale, add)
	case q2s32:
		q2s32NEON(c, ldc, a, lda, w, nb, m, scale, add)
	default:
		tTileNEON(k, c, ldc, a, lda, w, nb, m, scale, add)
	}
}

func qTileDotProd(k kind, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	switch k {
	case q2a16:
		q2a16DotProd(c, ldc, a, lda, w, nb, m, scale, add)
	case q3s16:
		q3s16DotProd(c, ldc, a, lda, w, nb, m, scale, add)
	case q4s32:
		q4s32DotProd(c, ldc, a, lda, w, nb, m, scale, add)
	case q4a32:
		q4a32DotProd(c, ldc, a, lda, w, nb, m, scale, add)
	case q5s32:
		q5s32DotProd(c, ldc, a, lda, w, nb, m, scale, add)
	case q5a32:
		q5a32DotProd(c, ldc, a, lda, w, nb, m, scale, add)
	case q6s16:
		q6s16DotProd(c, ldc, a, lda, w, nb, m, scale, add)
	case q8s32:
		q8s32DotProd(c, ldc, a, lda, w, nb, m, scale, add)
	case q2s32:
		q2s32DotProd(c, ldc, a, lda, w, nb, m, scale, add)
	default:
		tTileDotProd(k, c, ldc, a, lda, w, nb, m, scale, add)
	}
}

func qTileI8MM(k kind, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	switch k {
	case q2a16:
		q2a16I8MM(c, ldc, a, lda, w, nb, m, scale, add)
	case q3s16:
		q3s16I8MM(c, ldc, a, lda, w, nb, m, scale, add)
	case q4s32:
		q4s32I8MM(c, ldc, a, lda, w, nb, m, scale, add)
	case q4a32:
		q4a32I8MM(c, ldc, a, lda, w, nb, m, scale, add)
	case q5s32:
		q5s32I8MM(c, ldc, a, lda, w, nb, m, scale, add)
	case q5a32:
		q5a32I8MM(c, ldc, a, lda, w, nb, m, scale, add)
	case q6s16:
		q6s16I8MM(c, ldc, a, lda, w, nb, m, scale, add)
	case q8s32:
		q8s32I8MM(c, ldc, a, lda, w, nb, m, scale, add)
	case q2s32:
		q2s32I8MM(c, ldc, a, lda, w, nb, m, scale, add)
	default:
		tTileI8MM(k, c, ldc, a, lda, w, nb, m, scale, add)
	}
}

// quantize quantizes x, 32·len(dst) values, to 8 bits; see quantizeGo.
func quantize(lv level, dst []block, x []float32) {
	if lv == generic || len(dst) == 0 {
		quantizeGo(dst, x)
		return
	}
	_ = x[32*len(dst)-1]
	quantizeNEON(unsafe.SliceData(dst), unsafe.SliceData(x), len(dst))
}

func expQuantize(lv level, dst []block, x, by []float32, top float32) float32 {
	return expQuantizeGo(lv, dst, x, by, top)
}

// qTiles multiplies m tokens with consecutive panels, as qTile does one by one.
func qTiles(lv level, k kind, c []float32, ldc int, a []block, lda int, w []byte, nb, m, panels int, scale float32) {
	for x := range panels {
		qTile(lv, k, c[32*x:], ldc, a, lda, w[x*k.panelBytes(32*nb):], nb, m, scale, false)
	}
}
