//go:build !amd64

package cpu

func hasMTile(level) bool { return false }

func unpackPanel(_ level, k kind, dst, w []byte, nb int) { unpackPanelGo(k, dst, w, nb) }

func mTile(_ level, k kind, c []float32, ldc int, a []block, words []wordBlock, lda int, w, _ []byte, nb, m int, scale float32, add bool) int {
	mTileGo(k, c, ldc, a, words, lda, w, nb, m, scale, add)
	return m
}

func toWordBlocks(_ level, dst []wordBlock, src []block) { toWordBlocksGo(dst, src) }
