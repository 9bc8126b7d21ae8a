package quant

import "math"

// rangeBlock is a block of a format whose runs have a scale and a minimum: x ≈ d·sc·q − dmin·mn. The search finds both for each run, rounds
// them to multiples of d and dmin, and then improves d and dmin for the integers, and the integers for d and dmin, in turn.
type rangeBlock struct {
	run         int     // values of a run, 16 or 32
	top, topSc  float32 // the largest q, and the largest sc and mn
	w           [256]float32
	q           [256]uint8
	sc, mn      [16]uint8
	d, dmin     float32 // as they are stored, in float16
	scale, base [16]float32
	runs        [16]rangeRun
}

// rangeRun has the sums over a run by which the error for a scale and a minimum follows from the integers.
type rangeRun struct {
	w, wx float32 // Σw, Σwx
	sum           // for the integers by the present sc and mn
}

// refinements is how often integers, and then d and dmin, are improved.
const refinements = 2

// search fills in the block for x.
func (b *rangeBlock) search(x, given []float32) {
	runs, spread := 256/b.run, spreadOf(x)
	var most, mostMin float32
	for r := range runs {
		from, to := r*b.run, (r+1)*b.run
		weigh(b.w[from:to], x[from:to], part(given, from, to), spread, false)
		s, m := fitRange(x[from:to], b.w[from:to], b.top)
		b.scale[r], b.base[r] = s, -m
		most, mostMin = max(most, s), max(mostMin, -m)
		var one [1]sum
		sumAll(one[:], x[from:to], b.w[from:to], []try{{0, 1}}, 1, 0) // q = 1
		b.runs[r].w, b.runs[r].wx = one[0].q, one[0].xq
	}
	b.d, b.dmin = rounded16(most/b.topSc), rounded16(mostMin/b.topSc)
	for r := range runs {
		b.sc[r] = uint8(bounded(b.scale[r]*inverse(b.d), 0, int32(b.topSc)))
		b.mn[r] = uint8(bounded(b.base[r]*inverse(b.dmin), 0, int32(b.topSc)))
	}
	for range refinements {
		for r := range runs {
			b.improve(x, r)
		}
		b.refit()
	}
	for r := range runs {
		dl, ml := b.d*float32(b.sc[r]), b.dmin*float32(b.mn[r])
		id := inverse(dl)
		putLevels(b.q[r*b.run:][:b.run], x[r*b.run:][:b.run], id, ml*id+0.5, b.top)
	}
}

// neighbours are the changes of sc and mn that improve tries.
var neighbours = [...][2]int{{0, 0}, {1, 0}, {-1, 0}, {0, 1}, {0, -1}, {1, 1}, {-1, -1}}

// improve moves sc and mn of run r to the best of the present ones and their neighbours.
func (b *rangeBlock) improve(x []float32, r int) {
	from, to := r*b.run, (r+1)*b.run
	var tries [len(neighbours)]try
	var out [len(neighbours)]sum
	var scales, minima [len(neighbours)]uint8
	for i, by := range neighbours {
		scales[i] = uint8(min(max(int(b.sc[r])+by[0], 0), int(b.topSc)))
		minima[i] = uint8(min(max(int(b.mn[r])+by[1], 0), int(b.topSc)))
		id := inverse(b.d * float32(scales[i]))
		tries[i] = try{id, b.dmin*float32(minima[i])*id + 0.5}
	}
	sumAll(out[:], x[from:to], b.w[from:to], tries[:], b.top, 0)
	u, best := &b.runs[r], math.Inf(1)
	for i, v := range out {
		s, m := float64(b.d)*float64(scales[i]), float64(b.dmin)*float64(minima[i])
		// Σw(x − sq + m)² − Σwx²
		err := s*s*float64(v.qq) + m*m*float64(u.w) - 2*s*float64(v.xq) + 2*m*float64(u.wx) - 2*s*m*float64(v.q)
		if err < best {
			best, u.sum, b.sc[r], b.mn[r] = err, v, scales[i], minima[i]
		}
	}
}

// refit sets d and dmin to the best ones for q, sc and mn.
func (b *rangeBlock) refit() {
	var aa, ab, bb, ax, bx float64 // of the normal equations of x ≈ d·a − dmin·b
	for r, u := range b.runs[:256/b.run] {
		sc, mn := float64(b.sc[r]), float64(b.mn[r])
		aa += sc * sc * float64(u.qq)
		ab += sc * mn * float64(u.q)
		bb += mn * mn * float64(u.w)
		ax += sc * float64(u.xq)
		bx += mn * float64(u.wx)
	}
	d, dmin := float64(b.d), float64(b.dmin)
	switch det := aa*bb - ab*ab; {
	case det > 1e-9*aa*bb:
		d, dmin = (bb*ax-ab*bx)/det, (ab*ax-aa*bx)/det
	case aa > 0:
		d = (ax + dmin*ab) / aa
	}
	if d > 0 && dmin >= 0 && d < 65504 && dmin < 65504 {
		b.d, b.dmin = rounded16(float32(d)), rounded16(float32(dmin))
	}
}

// rounded16 returns x as it is after it was stored in float16.
func rounded16(x float32) float32 { return F16ToF32(F32ToF16(x)) }

func encodeQ4_K(dst []byte, src, weights []float32) {
	b := rangeBlock{run: 32, top: 15, topSc: 63}
	b.search(src, weights)
	clear(dst)
	b.putHead(dst)
	for r := range 8 {
		for i, q := range b.q[32*r:][:32] {
			dst[16+r/2*32+i] |= q << (r % 2 * 4)
		}
	}
}

func encodeQ5_K(dst []byte, src, weights []float32) {
	b := rangeBlock{run: 32, top: 31, topSc: 63}
	b.search(src, weights)
	clear(dst)
	b.putHead(dst)
	for r := range 8 {
		for i, q := range b.q[32*r:][:32] {
			dst[16+i] |= q >> 4 << r
			dst[48+r/2*32+i] |= q & 15 << (r % 2 * 4)
		}
	}
}

// putHead stores d, dmin, the scales and the minima of Q4_K and Q5_K.
func (b *rangeBlock) putHead(dst []byte) {
	putF16(dst, b.d)
	putF16(dst[2:], b.dmin)
	for r := range 8 {
		putScaleMinK(dst[4:16], r, b.sc[r], b.mn[r])
	}
}

func encodeQ2_K(dst []byte, src, weights []float32) {
	b := rangeBlock{run: 16, top: 3, topSc: 15}
	b.search(src, weights)
	clear(dst)
	putF16(dst[80:], b.d)
	putF16(dst[82:], b.dmin)
	for r := range 16 {
		dst[r] = b.sc[r] | b.mn[r]<<4
		at, shift := 16+r/8*32+r%2*16, r/2%4*2
		for i, q := range b.q[16*r:][:16] {
			dst[at+i] |= q << shift
		}
	}
}

// encodeQ4_1 and encodeQ5_1 have one run and store its scale and its minimum, which may be above zero, as they are.
func encodeQ4_1(dst []byte, src, weights []float32) {
	m, id := encodeRange(dst, src, weights, 15)
	for i := range 16 {
		dst[4+i] = rangeLevel(src[i], m, id, 15) | rangeLevel(src[i+16], m, id, 15)<<4
	}
}

func encodeQ5_1(dst []byte, src, weights []float32) {
	m, id := encodeRange(dst, src, weights, 31)
	clear(dst[4:8])
	for i := range 32 {
		q := rangeLevel(src[i], m, id, 31)
		dst[4+i/8] |= q >> 4 << (i % 8)
		if i < 16 {
			dst[8+i] = q & 15
		} else {
			dst[8+i-16] |= q & 15 << 4
		}
	}
}

func rangeLevel(x, m, id, top float32) uint8 {
	return uint8(min(max(int32((x-m)*id+0.5), 0), int32(top)))
}

// encodeRange stores the scale and the minimum of a block with one run, and returns the minimum and the inverse of the scale.
func encodeRange(dst []byte, src, weights []float32, top float32) (m, id float32) {
	var w [32]float32
	weigh(w[:], src, weights, spreadOf(src), false)
	lo, _ := extremes(src)
	lift := max(lo, 0) // fitRange expects a minimum of at most zero
	var x [32]float32
	for i, v := range src {
		x[i] = v - lift
	}
	d, m := fitRange(x[:], w[:], top)
	d, m = rounded16(d), rounded16(m+lift)
	putF16(dst, d)
	putF16(dst[2:], m)
	return m, inverse(d)
}
