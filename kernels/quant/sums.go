package quant

// level32 returns ⌊v⌋, limited to 0 … most; NaN gives 0.
func level32(v, most float32) float32 {
	if !(v > 0) {
		return 0
	}
	return float32(int32(min(v, most)))
}

// try is a candidate, which stands for the integers q = ⌊x·inverse + shift⌋, limited to 0 … most, plus offset.
type try struct{ inverse, shift float32 }

// sum has the sums over a run for the integers of a candidate.
type sum struct{ q, qq, xq, _ float32 } // Σwq, Σwq², Σwxq

func sumAllGo(out []sum, x, w []float32, tries []try, most, offset float32) {
	w = w[:len(x)]
	for k, t := range tries {
		var s sum
		for i, v := range x {
			q := level32(float32(v*t.inverse)+t.shift, most) + offset
			wq := w[i] * q
			s.q += wq
			s.qq += float32(wq * q)
			s.xq += float32(wq * v)
		}
		out[k] = s
	}
}

func putLevelsGo(dst []uint8, x []float32, inverse, shift, most float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = uint8(level32(float32(v*inverse)+shift, most))
	}
}

func momentsGo(x []float32) (lo, hi, squares float32) {
	lo, hi = extremes(x)
	for _, v := range x {
		squares += float32(v * v)
	}
	return lo, hi, squares
}
