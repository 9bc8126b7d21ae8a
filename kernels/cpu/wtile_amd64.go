package cpu

import "unsafe"

//go:noescape
func wAVX512(c *float32, ldc int, a *int16, lda int, w *int16, n, m, add int, rows, cols *float32)

//go:noescape
func absMaxAVX512(x *float32, n int) float32

//go:noescape
func toWordsAVX512(dst *int16, x *float32, n int, s float32)

//go:noescape
func panelWordsAVX512(dst *int16, scales *float32, src *byte, n int, limits *[3]float32)

// wTile multiplies m tokens with a panel of 32 rows of 16-bit integers; see wTileGo.
func wTile(lv level, c []float32, ldc int, a []int16, lda int, w []int16, n, m int, rows, cols []float32, add bool) {
	if !lv.zmm() || n == 0 || m == 0 {
		wTileGo(c, ldc, a, lda, w, n, m, rows, cols, add)
		return
	}
	// the assembly checks nothing
	_, _, _, _, _ = c[(m-1)*ldc+31], a[(m-1)*lda+2*n-1], w[64*n-1], rows[m-1], cols[31]
	wAVX512(unsafe.SliceData(c), 4*ldc, unsafe.SliceData(a), 2*lda, unsafe.SliceData(w), n, m, toInt(add), unsafe.SliceData(rows), unsafe.SliceData(cols))
}

// absMax returns the largest magnitude of x; see absMaxGo.
func absMax(lv level, x []float32) float32 {
	n := 0
	if lv.zmm() {
		n = len(x) &^ 15
	}
	if n == 0 {
		return absMaxGo(x)
	}
	top := [2]float32{absMaxAVX512(unsafe.SliceData(x), n), absMaxGo(x[n:])}
	return absMaxGo(top[:])
}

// toWords rounds s·x to integers; see toWordsGo.
func toWords(lv level, dst []int16, x []float32, s float32) {
	n := 0
	if lv.zmm() {
		n = len(x) &^ 15
	}
	if n > 0 {
		_ = dst[n-1]
		toWordsAVX512(unsafe.SliceData(dst), unsafe.SliceData(x), n, s)
	}
	toWordsGo(dst[n:], x[n:], s)
}

// panelWords converts a panel of float16 to pairs of integers; see panelWordsGo.
func panelWords(lv level, dst []int16, scales []float32, src []byte, n int) {
	if !lv.zmm() || n == 0 {
		panelWordsGo(dst, scales, src, n)
		return
	}
	_, _, _ = dst[32*n-1], scales[31], src[64*n-1]
	panelWordsAVX512(unsafe.SliceData(dst), unsafe.SliceData(scales), unsafe.SliceData(src), n, &panelLimits)
}
