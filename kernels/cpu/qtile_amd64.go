package cpu

import "unsafe"

//go:noescape
func q2a16AVX512(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q3s16AVX512(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q4s32AVX512(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q4a32AVX512(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q5s32AVX512(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q5a32AVX512(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q6s16AVX512(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q8s32AVX512(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q2s32AVX512(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q2a16AVX2(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q3s16AVX2(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q4s32AVX2(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q4a32AVX2(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q5s32AVX2(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q5a32AVX2(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q6s16AVX2(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q8s32AVX2(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q2s32AVX2(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q2a16AVXVNNI(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q3s16AVXVNNI(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q4s32AVXVNNI(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q4a32AVXVNNI(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q5s32AVXVNNI(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q5a32AVXVNNI(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q6s16AVXVNNI(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q8s32AVXVNNI(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func q2s32AVXVNNI(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)

//go:noescape
func quantizeAVX512(dst *block, x *float32, n int)

//go:noescape
func expQuantizeAVX512(dst *block, x, by *float32, n int, top float32) float32

//go:noescape
func expQuantizeAVX2(dst *block, x, by *float32, n int, top float32) float32

//go:noescape
func quantizeAVX2(dst *block, x *float32, n int)

// qTile multiplies m tokens of 8-bit activations with a panel of 32 rows of integers; see qTileGo.
func qTile(lv level, k kind, c []float32, ldc int, a []block, lda int, w []byte, nb, m int, scale float32, add bool) {
	if lv == generic || nb == 0 || m == 0 {
		qTileGo(k, c, ldc, a, lda, w, nb, m, scale, add)
		return
	}
	_, _, _ = c[(m-1)*ldc+31], a[(m-1)*lda+nb-1], w[k.panelBytes(32*nb)-1] // the assembly checks nothing
	cp, ap, wp := unsafe.SliceData(c), unsafe.SliceData(a), unsafe.SliceData(w)
	switch {
	case lv == amx && m >= amxLeast:
		qTileAMX(k, cp, 4*ldc, ap, lda*blockSize, wp, nb, m, scale, toInt(add))
	case lv.zmm():
		qTileAVX512(k, cp, 4*ldc, ap, lda*blockSize, wp, nb, m, scale, toInt(add))
	case lv == avxvnni:
		qTileAVXVNNI(k, cp, 4*ldc, ap, lda*blockSize, wp, nb, m, scale, toInt(add))
	default:
		qTileAVX2(k, cp, 4*ldc, ap, lda*blockSize, wp, nb, m, scale, toInt(add))
	}
}

// qTiles multiplies m tokens with consecutive panels, as qTile does one by one. Keys have so few columns that the checks of each
// panel would take a tenth of the time.
func qTiles(lv level, k kind, c []float32, ldc int, a []block, lda int, w []byte, nb, m, panels int, scale float32) {
	size := k.panelBytes(32 * nb)
	if !lv.zmm() || k != q8s32 || lv == amx && m >= amxLeast || nb == 0 || m == 0 {
		for x := range panels {
			qTile(lv, k, c[32*x:], ldc, a, lda, w[x*size:], nb, m, scale, false)
		}
		return
	}
	_, _, _ = c[(m-1)*ldc+32*panels-1], a[(m-1)*lda+nb-1], w[panels*size-1]
	for x := range panels {
		q8s32AVX512(&c[32*x], 4*ldc, unsafe.SliceData(a), lda*blockSize, &w[x*size], nb, m, scale, 0)
	}
}

func qTileAVX512(k kind, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	switch k {
	case q2a16:
		q2a16AVX512(c, ldc, a, lda, w, nb, m, scale, add)
	case q3s16:
		q3s16AVX512(c, ldc, a, lda, w, nb, m, scale, add)
	case q4s32:
		q4s32AVX512(c, ldc, a, lda, w, nb, m, scale, add)
	case q4a32:
		q4a32AVX512(c, ldc, a, lda, w, nb, m, scale, add)
	case q5s32:
		q5s32AVX512(c, ldc, a, lda, w, nb, m, scale, add)
	case q5a32:
		q5a32AVX512(c, ldc, a, lda, w, nb, m, scale, add)
	case q6s16:
		q6s16AVX512(c, ldc, a, lda, w, nb, m, scale, add)
	case q8s32:
		q8s32AVX512(c, ldc, a, lda, w, nb, m, scale, add)
	case q2s32:
		q2s32AVX512(c, ldc, a, lda, w, nb, m, scale, add)
	default:
		tTileAVX512(k, c, ldc, a, lda, w, nb, m, scale, add)
	}
}

func qTileAVX2(k kind, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	switch k {
	case q2a16:
		q2a16AVX2(c, ldc, a, lda, w, nb, m, scale, add)
	case q3s16:
		q3s16AVX2(c, ldc, a, lda, w, nb, m, scale, add)
	case q4s32:
		q4s32AVX2(c, ldc, a, lda, w, nb, m, scale, add)
	case q4a32:
		q4a32AVX2(c, ldc, a, lda, w, nb, m, scale, add)
	case q5s32:
		q5s32AVX2(c, ldc, a, lda, w, nb, m, scale, add)
	case q5a32:
		q5a32AVX2(c, ldc, a, lda, w, nb, m, scale, add)
	case q6s16:
		q6s16AVX2(c, ldc, a, lda, w, nb, m, scale, add)
	case q8s32:
		q8s32AVX2(c, ldc, a, lda, w, nb, m, scale, add)
	case q2s32:
		q2s32AVX2(c, ldc, a, lda, w, nb, m, scale, add)
	default:
		tTileAVX2(k, c, ldc, a, lda, w, nb, m, scale, add)
	}
}

func qTileAVXVNNI(k kind, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int) {
	switch k {
	case q2a16:
		q2a16AVXVNNI(c, ldc, a, lda, w, nb, m, scale, add)
	case q3s16:
		q3s16AVXVNNI(c, ldc, a, lda, w, nb, m, scale, add)
	case q4s32:
		q4s32AVXVNNI(c, ldc, a, lda, w, nb, m, scale, add)
	case q4a32:
		q4a32AVXVNNI(c, ldc, a, lda, w, nb, m, scale, add)
	case q5s32:
		q5s32AVXVNNI(c, ldc, a, lda, w, nb, m, scale, add)
	case q5a32:
		q5a32AVXVNNI(c, ldc, a, lda, w, nb, m, scale, add)
	case q6s16:
		q6s16AVXVNNI(c, ldc, a, lda, w, nb, m, scale, add)
	case q8s32:
		q8s32AVXVNNI(c, ldc, a, lda, w, nb, m, scale, add)
	case q2s32:
		q2s32AVXVNNI(c, ldc, a, lda, w, nb, m, scale, add)
	default:
		tTileAVXVNNI(k, c, ldc, a, lda, w, nb, m, scale, add)
	}
}

// quantize quantizes x, 32·len(dst) values, to 8 bits; see quantizeGo.
func quantize(lv level, dst []block, x []float32) {
	if lv == generic || len(dst) == 0 {
		quantizeGo(dst, x)
		return
	}
	_ = x[32*len(dst)-1]
	if lv.zmm() {
		quantizeAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), len(dst))
		return
	}
	quantizeAVX2(unsafe.SliceData(dst), unsafe.SliceData(x), len(dst))
}

// expQuantize makes 8-bit weights of scores; see expQuantizeGo.
func expQuantize(lv level, dst []block, x, by []float32, top float32) float32 {
	if lv == generic || len(dst) == 0 {
		return expQuantizeGo(lv, dst, x, by, top)
	}
	_, _ = x[32*len(dst)-1], by[32*len(dst)-1]
	if lv.zmm() {
		return expQuantizeAVX512(unsafe.SliceData(dst), p(x), p(by), len(dst), top)
	}
	return expQuantizeAVX2(unsafe.SliceData(dst), p(x), p(by), len(dst), top)
}
