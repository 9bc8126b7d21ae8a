//go:build !amd64 && !arm64

package cpu

func dTile(lv level, k kind, c []float32, ldc int, a []float32, lda int, w []byte, n, m int, add bool) {
	dTileGo(k, c, ldc, a, lda, w, n, m, add)
}

// widen turns halves into float32; see widenGo.
func widen(lv level, k kind, dst []float32, src []byte) { widenGo(k, dst, src) }
