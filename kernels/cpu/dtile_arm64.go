package cpu

import "unsafe"

//go:noescape
func dF32NEON(c *float32, ldc int, a *float32, lda int, w *byte, n, m, add int)

//go:noescape
func dF16NEON(c *float32, ldc int, a *float32, lda int, w *byte, n, m, add int)

//go:noescape
func dBF16NEON(c *float32, ldc int, a *float32, lda int, w *byte, n, m, add int)

// dTile multiplies m tokens with a panel of 32 rows of floats; see dTileGo.
func dTile(lv level, k kind, c []float32, ldc int, a []float32, lda int, w []byte, n, m int, add bool) {
	if lv == generic || n == 0 || m == 0 {
		dTileGo(k, c, ldc, a, lda, w, n, m, add)
		return
	}
	_, _, _ = c[(m-1)*ldc+31], a[(m-1)*lda+n-1], w[k.panelBytes(n)-1] // the assembly checks nothing
	cp, ap, wp := unsafe.SliceData(c), unsafe.SliceData(a), unsafe.SliceData(w)
	switch k {
	case kindF32:
		dF32NEON(cp, 4*ldc, ap, 4*lda, wp, n, m, toInt(add))
	case kindF16:
		dF16NEON(cp, 4*ldc, ap, 4*lda, wp, n, m, toInt(add))
	default:
		dBF16NEON(cp, 4*ldc, ap, 4*lda, wp, n, m, toInt(add))
	}
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// widen converts float16 or bfloat16 (k) to float32; see widenGo.
func widen(lv level, k kind, dst []float32, src []byte) { widenGo(k, dst, src) }
