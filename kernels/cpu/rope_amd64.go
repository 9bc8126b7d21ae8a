package cpu

//go:noescape
func turnPairsAVX512(x, cs *float32, n int)

//go:noescape
func turnPairsAVX2(x, cs *float32, n int)

//go:noescape
func turnHalvesAVX512(lo, hi, cos, sin *float32, n int)

//go:noescape
func turnHalvesAVX2(lo, hi, cos, sin *float32, n int)

// turnPairs rotates pairs of neighbouring values; see turnPairsGo.
func turnPairs(lv level, x, cs []float32) {
	n := whole(lv, len(x))
	cs = cs[:len(x)]
	switch {
	case n == 0:
	case lv.zmm():
		turnPairsAVX512(p(x), p(cs), n)
	default:
		turnPairsAVX2(p(x), p(cs), n)
	}
	turnPairsGo(x[n:], cs[n:])
}

// turnHalves rotates the pairs of lo and hi; see turnHalvesGo.
func turnHalves(lv level, lo, hi, cos, sin []float32) {
	n := whole(lv, len(lo))
	hi, cos, sin = hi[:len(lo)], cos[:len(lo)], sin[:len(lo)]
	switch {
	case n == 0:
	case lv.zmm():
		turnHalvesAVX512(p(lo), p(hi), p(cos), p(sin), n)
	default:
		turnHalvesAVX2(p(lo), p(hi), p(cos), p(sin), n)
	}
	turnHalvesGo(lo[n:], hi[n:], cos[n:], sin[n:])
}
