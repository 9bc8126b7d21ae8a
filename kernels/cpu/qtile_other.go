//go:build !amd64 && !arm64

package cpu

func qTile(lv level, k kind, c []float32, ldc int, a []block, lda int, w []byte, nb, m int, scale float32, add bool) {
	qTileGo(k, c, ldc, a, lda, w, nb, m, scale, add)
}

func quantize(lv level, dst []block, x []float32) { quantizeGo(dst, x) }

func expQuantize(lv level, dst []block, x, by []float32, top float32) float32 {
	return expQuantizeGo(lv, dst, x, by, top)
}

// qTiles multiplies m tokens with consecutive panels, as qTile does one by one.
func qTiles(lv level, k kind, c []float32, ldc int, a []block, lda int, w []byte, nb, m, panels int, scale float32) {
	for x := range panels {
		qTile(lv, k, c[32*x:], ldc, a, lda, w[x*k.panelBytes(32*nb):], nb, m, scale, false)
	}
}
