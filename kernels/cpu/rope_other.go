//go:build !amd64

package cpu

func turnPairs(lv level, x, cs []float32) { turnPairsGo(x, cs) }

func turnHalves(lv level, lo, hi, cos, sin []float32) { turnHalvesGo(lo, hi, cos, sin) }
