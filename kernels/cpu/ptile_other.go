//go:build !amd64

package cpu

func pTile(lv level, c []float32, ldc int, a []uint32, lda int, w []byte, n, m int, add bool) {
	pTileGo(c, ldc, a, lda, w, n, m, add)
}

func toPairs(lv level, dst []uint32, x []float32) { toPairsGo(dst, x) }
