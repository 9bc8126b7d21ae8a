//go:build !amd64

package cpu

func wTile(lv level, c []float32, ldc int, a []int16, lda int, w []int16, n, m int, rows, cols []float32, add bool) {
	wTileGo(c, ldc, a, lda, w, n, m, rows, cols, add)
}

func absMax(lv level, x []float32) float32 { return absMaxGo(x) }

func toWords(lv level, dst []int16, x []float32, s float32) { toWordsGo(dst, x, s) }

func panelWords(lv level, dst []int16, scales []float32, src []byte, n int) {
	panelWordsGo(dst, scales, src, n)
}
