package cpu

import "unsafe"

//go:noescape
func dF32AVX512(c *float32, ldc int, a *float32, lda int, w *byte, n, m, add int)

//go:noescape
func dF16AVX512(c *float32, ldc int, a *float32, lda int, w *byte, n, m, add int)

//go:noescape
func dBF16AVX512(c *float32, ldc int, a *float32, lda int, w *byte, n, m, add int)

//go:noescape
func dF32AVX2(c *float32, ldc int, a *float32, lda int, w *byte, n, m, add int)

//go:noescape
func dF16AVX2(c *float32, ldc int, a *float32, lda int, w *byte, n, m, add int)

//go:noescape
func dBF16AVX2(c *float32, ldc int, a *float32, lda int, w *byte, n, m, add int)

//go:noescape
func widenF16AVX512(dst *float32, src *byte, n int)

//go:noescape
func widenBF16AVX512(dst *float32, src *byte, n int)

//go:noescape
func widenF16AVX2(dst *float32, src *byte, n int)

//go:noescape
func widenBF16AVX2(dst *float32, src *byte, n int)

// widen converts float16 or bfloat16 (k) to float32; see widenGo. len(dst) is a multiple of 16.
func widen(lv level, k kind, dst []float32, src []byte) {
	if lv == generic || len(dst) == 0 {
		widenGo(k, dst, src)
		return
	}
	_, _ = src[2*len(dst)-1], dst[len(dst)&^15-1]
	to, from := unsafe.SliceData(dst), unsafe.SliceData(src)
	switch {
	case lv.zmm() && k == kindF16:
		widenF16AVX512(to, from, len(dst))
	case lv.zmm():
		widenBF16AVX512(to, from, len(dst))
	case k == kindF16:
		widenF16AVX2(to, from, len(dst))
	default:
		widenBF16AVX2(to, from, len(dst))
	}
}

// dTile multiplies m tokens with a panel of 32 rows of floats; see dTileGo.
func dTile(lv level, k kind, c []float32, ldc int, a []float32, lda int, w []byte, n, m int, add bool) {
	if lv == generic || n == 0 || m == 0 {
		dTileGo(k, c, ldc, a, lda, w, n, m, add)
		return
	}
	_, _, _ = c[(m-1)*ldc+31], a[(m-1)*lda+n-1], w[k.panelBytes(n)-1] // the assembly checks nothing
	cp, ap, wp := unsafe.SliceData(c), unsafe.SliceData(a), unsafe.SliceData(w)
	adding := toInt(add)
	switch {
	case lv.zmm() && k == kindF32:
		dF32AVX512(cp, 4*ldc, ap, 4*lda, wp, n, m, adding)
	case lv.zmm() && k == kindF16:
		dF16AVX512(cp, 4*ldc, ap, 4*lda, wp, n, m, adding)
	case lv.zmm():
		dBF16AVX512(cp, 4*ldc, ap, 4*lda, wp, n, m, adding)
	case k == kindF32:
		dF32AVX2(cp, 4*ldc, ap, 4*lda, wp, n, m, adding)
	case k == kindF16:
		dF16AVX2(cp, 4*ldc, ap, 4*lda, wp, n, m, adding)
	default:
		dBF16AVX2(cp, 4*ldc, ap, 4*lda, wp, n, m, adding)
	}
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
