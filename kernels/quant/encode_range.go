package quant

// rangeBlock is a block of a format whose runs have a scale and a minimum: x ≈ d·sc·q − dmin·mn. The search finds both for each run, rounds
// them to multiples of d and dmin, and then finds the best d and dmin for the integers.
type rangeBlock struct {
	run         int     // values of a run, 16 or 32
	top, topSc  float32 // the largest q, and the largest sc and mn
	w           [256]float32
	q           [256]uint8
	sc, mn      [16]uint8
	d, dmin     float32 // as they are stored, in float16
	scale, base [16]float32
}

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
	}
	b.d, b.dmin = rounded16(most/b.topSc), rounded16(mostMin/b.topSc)
	for r := range runs {
		b.sc[r] = uint8(bounded(b.scale[r]*inverse(b.d), 0, int32(b.topSc)))
		b.mn[r] = uint8(bounded(b.base[r]*inverse(b.dmin), 0, int32(b.topSc)))
	}
	b.round(x)
	b.refit(x)
	b.round(x)
}

// round sets q.
func (b *rangeBlock) round(x []float32) {
	for r := range 256 / b.run {
		dl, ml := b.d*float32(b.sc[r]), b.dmin*float32(b.mn[r])
		id := inverse(dl)
		q := b.q[r*b.run:][:b.run]
		for i, v := range x[r*b.run:][:b.run] {
			q[i] = uint8(min(max(int32((v+ml)*id+0.5), 0), int32(b.top)))
		}
	}
}

// refit sets d and dmin to the best ones for q, sc and mn.
func (b *rangeBlock) refit(x []float32) {
	var aa, ab, bb, ax, bx float64 // of the normal equations of x ≈ d·a − dmin·b
	for r := range 256 / b.run {
		sc, mn := float32(b.sc[r]), float32(b.mn[r])
		var sw, sq, sqq, sx, sxq float32
		q, w := b.q[r*b.run:][:b.run], b.w[r*b.run:][:b.run]
		for i, v := range x[r*b.run:][:b.run] {
			f := float32(q[i])
			wq := w[i] * f
			sw += w[i]
			sq += wq
			sqq += wq * f
			sx += w[i] * v
			sxq += wq * v
		}
		aa += float64(sc * sc * sqq)
		ab += float64(sc * mn * sq)
		bb += float64(mn * mn * sw)
		ax += float64(sc * sxq)
		bx += float64(mn * sx)
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
