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
	rangeSteps  = [...]float32{0, -0.9, -0.6, -0.3, 0.3, 0.6, 0.9}
	signedSteps = [...]float32{0, -0.9, -0.7, -0.5, -0.3, -0.15, 0.15, 0.3, 0.5, 0.7, 0.9}
)

// repetitions is how often the best candidate is improved.
const repetitions = 2

// fitRange returns the scale s ≥ 0 and the minimum m ≤ 0 by which x ≈ s·q + m with q from 0 to top has the least error.
func fitRange(x, w []float32, top float32) (s, m float32) {
	lo, hi, _ := moments(x)
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
	judge := func(u sum) {
		s2, m2 := float32(0), float32(0)
		if det := sw*u.qq - u.q*u.q; det > 0 {
			s2, m2 = (sw*u.xq-swx*u.q)/det, (u.qq*swx-u.q*u.xq)/det
		}
		if m2 > 0 || s2 <= 0 {
			if m2 = 0; u.qq > 0 {
				s2 = u.xq / u.qq
			}
		}
		if gain := s2*u.xq + m2*swx; s2 > 0 && gain > best {
			best, s, m = gain, s2, m2
		}
	}
	var tries [len(rangeSteps)]try
	var out [len(rangeSteps)]sum
	for i, step := range rangeSteps {
		id := (top + step) / (hi - lo)
		tries[i] = try{id, 0.5 - lo*id}
	}
	sumAll(out[:], x, w, tries[:], top, 0)
	for _, u := range out {
		judge(u)
	}
	for range repetitions {
		tries[0] = try{1 / s, 0.5 - m/s}
		sumAll(out[:1], x, w, tries[:1], top, 0)
		judge(out[0])
	}
	return s, m
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
	judge := func(u sum) {
		if u.qq > 0 && u.xq*u.xq > best*u.qq {
			best, s = u.xq*u.xq/u.qq, u.xq/u.qq
		}
	}
	var tries [len(signedSteps)]try
	var out [len(signedSteps)]sum
	for i, step := range signedSteps {
		tries[i] = try{-(top + step) / m, top + 0.5}
	}
	sumAll(out[:], x, w, tries[:], 2*top-1, -top)
	for _, u := range out {
		judge(u)
	}
	for range repetitions {
		tries[0].inverse = 1 / s
		sumAll(out[:1], x, w, tries[:1], 2*top-1, -top)
		judge(out[0])
	}
	return s
}

// spreadOf returns the mean of the squares of x.
func spreadOf(x []float32) float32 {
	_, _, squares := moments(x)
	return squares / float32(len(x))
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
