package quant

import "math"

// This file has what the encoders share: the search for the scale, and the minimum, of a run of values by which the sum of the weighted squares
// of the errors is least. A candidate determines the integers q, and these determine the best scale in closed form, as well as the error:
//
//	x ≈ s·q      s = Σwxq / Σwq²             Σw(x−sq)² = Σwx² − s·Σwxq
//	x ≈ s·q + m  s, m: normal equations      Σw(x−sq−m)² = Σwx² − s·Σwxq − m·Σwx
//
// A few candidates around the scale that uses the whole range are tried, and the best is repeated with its own result. So one pass over a run
// is enough for a candidate.

// nearestInt rounds x, whose magnitude is below 2^22, to the nearest integer, halves to even.
func nearestInt(x float32) int32 {
	return int32(math.Float32bits(x+12582912)&0x7fffff) - 0x400000
}

// bounded rounds x and limits it to lo … hi.
func bounded(x float32, lo, hi int32) int32 {
	return min(max(nearestInt(min(max(x, float32(lo)-1), float32(hi)+1)), lo), hi)
}

// rangeSteps and signedSteps are the candidates: by how many steps more or less than all the range is divided.
var (
	rangeSteps  = [...]float32{0, -0.7, -0.35, 0.35, 0.7}
	signedSteps = [...]float32{0, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75}
)

// repetitions is how often the best candidate is improved.
const repetitions = 2

// fitRange returns the scale s ≥ 0 and the minimum m ≤ 0 by which x ≈ s·q + m with q from 0 to top has the least error.
func fitRange(x, w []float32, top float32) (s, m float32) {
	lo, hi := extremes(x)
	if lo = min(lo, 0); !(hi > lo) {
		return 0, lo
	}
	var sw, swx float32
	for i, v := range x {
		sw += w[i]
		swx += w[i] * v
	}
	best := float32(-1)
	s, m = (hi-lo)/top, lo
	try := func(inverse, low float32) {
		sq, sqq, sxq := rangeSums(x, w, inverse, low, top)
		s2, m2 := float32(0), float32(0)
		if det := sw*sqq - sq*sq; det > 0 {
			s2, m2 = (sw*sxq-swx*sq)/det, (sqq*swx-sq*sxq)/det
		}
		if m2 > 0 || s2 <= 0 {
			if m2 = 0; sqq > 0 {
				s2 = sxq / sqq
			}
		}
		if gain := s2*sxq + m2*swx; s2 > 0 && gain > best {
			best, s, m = gain, s2, m2
		}
	}
	for _, step := range rangeSteps {
		try((top+step)/(hi-lo), lo)
	}
	for range repetitions {
		try(1/s, m)
	}
	return s, m
}

// rangeSums returns the sums Σwq, Σwq² and Σwxq for q = (x − low)·inverse, rounded and limited to 0 … top.
func rangeSums(x, w []float32, inverse, low, top float32) (sq, sqq, sxq float32) {
	w = w[:len(x)]
	var sq1, sqq1, sxq1 float32
	shift, most := 0.5-low*inverse, int32(top)
	for i := 0; i+1 < len(x); i += 2 {
		q0 := float32(min(max(int32(x[i]*inverse+shift), 0), most))
		q1 := float32(min(max(int32(x[i+1]*inverse+shift), 0), most))
		wq0, wq1 := w[i]*q0, w[i+1]*q1
		sq += wq0
		sq1 += wq1
		sqq += wq0 * q0
		sqq1 += wq1 * q1
		sxq += wq0 * x[i]
		sxq1 += wq1 * x[i+1]
	}
	return sq + sq1, sqq + sqq1, sxq + sxq1
}

// fitSigned returns the scale s by which x ≈ s·q with q from −top to top−1 has the least error. It has the sign that gives the value with the largest
// magnitude the number −top.
func fitSigned(x, w []float32, top float32) (s float32) {
	m := largest(x)
	if m == 0 {
		return 0
	}
	best := float32(0)
	s = m / -top
	try := func(inverse float32) {
		sqq, sxq := signedSums(x, w, inverse, top)
		if sqq > 0 && sxq*sxq > best*sqq {
			best, s = sxq*sxq/sqq, sxq/sqq
		}
	}
	for _, step := range signedSteps {
		try(-(top + step) / m)
	}
	for range repetitions {
		try(1 / s)
	}
	return s
}

// signedSums returns the sums Σwq² and Σwxq for q = x·inverse, rounded and limited to −top … top−1.
func signedSums(x, w []float32, inverse, top float32) (sqq, sxq float32) {
	w = w[:len(x)]
	var sqq1, sxq1 float32
	shift, half := top+0.5, int32(top)
	for i := 0; i+1 < len(x); i += 2 {
		q0 := float32(min(max(int32(x[i]*inverse+shift), 0), 2*half-1) - half)
		q1 := float32(min(max(int32(x[i+1]*inverse+shift), 0), 2*half-1) - half)
		wq0, wq1 := w[i]*q0, w[i+1]*q1
		sqq += wq0 * q0
		sqq1 += wq1 * q1
		sxq += wq0 * x[i]
		sxq1 += wq1 * x[i+1]
	}
	return sqq + sqq1, sxq + sxq1
}

// spreadOf returns the mean of the squares of x.
func spreadOf(x []float32) float32 {
	sum := float32(0)
	for _, v := range x {
		sum += v * v
	}
	return sum / float32(len(x))
}

// weigh sets w to how much the values x of a run matter: in proportion to given and to √(2·spread + x²) if given is not nil, spread being that of the block;
// otherwise to squares, or to the root of the spread of the run plus |x|. Large values matter more, as they are products' larger parts.
func weigh(w, x, given []float32, spread float32, squares bool) {
	switch {
	case given != nil:
		for i, v := range x {
			w[i] = given[i] * float32(math.Sqrt(float64(2*spread+v*v)))
		}
	case squares:
		for i, v := range x {
			w[i] = v * v
		}
	default:
		mean := float32(math.Sqrt(float64(spreadOf(x))))
		for i, v := range x {
			w[i] = mean + abs(v)
		}
	}
}

// part returns given[from:to], nil if given is nil.
func part(given []float32, from, to int) []float32 {
	if given == nil {
		return nil
	}
	return given[from:to]
}
