package quant

// signedBlock is a block of a format whose runs have a signed scale only: x ≈ d·sc·q. The search finds it for each run, rounds it to a multiple of d,
// and then finds the best d for the integers.
type signedBlock struct {
	top, topSc float32 // q is from −top to top−1, sc from −topSc to topSc−1
	w          [256]float32
	q          [256]int8
	sc         [16]int8
	d          float32 // as it is stored, in float16
}

// search fills in the block for x, which has runs of 16 values.
func (b *signedBlock) search(x, given []float32) {
	var scales [16]float32
	spread := spreadOf(x)
	for r := range 16 {
		from, to := r*16, (r+1)*16
		weigh(b.w[from:to], x[from:to], part(given, from, to), spread, true)
		scales[r] = fitSigned(x[from:to], b.w[from:to], b.top)
	}
	b.d = rounded16(largest(scales[:]) / -b.topSc)
	for r := range 16 {
		b.sc[r] = int8(bounded(scales[r]*inverse(b.d), int32(-b.topSc), int32(b.topSc)-1))
	}
	b.round(x)
	b.refit(x)
	b.round(x)
}

// round sets q.
func (b *signedBlock) round(x []float32) {
	for r := range 16 {
		id := inverse(b.d * float32(b.sc[r]))
		q := b.q[16*r:][:16]
		for i, v := range x[16*r:][:16] {
			q[i] = int8(min(max(int32(v*id+b.top+0.5), 0), 2*int32(b.top)-1) - int32(b.top))
		}
	}
}

// refit sets d to the best one for q and sc.
func (b *signedBlock) refit(x []float32) {
	var aa, ax float64
	for r := range 16 {
		var sqq, sxq float32
		q, w := b.q[16*r:][:16], b.w[16*r:][:16]
		for i, v := range x[16*r:][:16] {
			f := float32(q[i])
			sqq += w[i] * f * f
			sxq += w[i] * f * v
		}
		sc := float64(b.sc[r])
		aa += sc * sc * float64(sqq)
		ax += sc * float64(sxq)
	}
	if d := ax / aa; aa > 0 && d < 65504 && d > -65504 {
		b.d = rounded16(float32(d))
	}
}

func encodeQ6_K(dst []byte, src, weights []float32) {
	b := signedBlock{top: 32, topSc: 128}
	b.search(src, weights)
	clear(dst)
	putF16(dst[208:], b.d)
	for r := range 16 {
		dst[192+r] = byte(b.sc[r])
		half, j, at := r/8, r%8/2, r%2*16
		for i, v := range b.q[16*r:][:16] {
			q := byte(v + 32)
			dst[64*half+j%2*32+at+i] |= q & 15 << (j / 2 * 4)
			dst[128+32*half+at+i] |= q >> 4 << (2 * j)
		}
	}
}

func encodeQ3_K(dst []byte, src, weights []float32) {
	b := signedBlock{top: 4, topSc: 32}
	b.search(src, weights)
	clear(dst)
	putF16(dst[108:], b.d)
	for r := range 16 {
		sc := byte(b.sc[r] + 32)
		dst[96+r%8] |= sc & 15 << (r / 8 * 4)
		dst[104+r%4] |= sc >> 4 << (r / 4 * 2)
		at, shift := 32+r/8*32+r%2*16, r/2%4*2
		for i, v := range b.q[16*r:][:16] {
			q := byte(v + 4)
			dst[at+i] |= q & 3 << shift
			dst[r%2*16+i] |= q >> 2 << (r / 2)
		}
	}
}

// encodeQ4_0 and encodeQ5_0 have one run.
func encodeQ4_0(dst []byte, src, weights []float32) {
	id := encodeSigned(dst, src, weights, 8)
	for i := range 16 {
		dst[2+i] = signedLevel(src[i], id, 8) | signedLevel(src[i+16], id, 8)<<4
	}
}

func encodeQ5_0(dst []byte, src, weights []float32) {
	id := encodeSigned(dst, src, weights, 16)
	clear(dst[2:6])
	for i := range 32 {
		q := signedLevel(src[i], id, 16)
		dst[2+i/8] |= q >> 4 << (i % 8)
		if i < 16 {
			dst[6+i] = q & 15
		} else {
			dst[6+i-16] |= q & 15 << 4
		}
	}
}

func signedLevel(x, id, top float32) uint8 {
	return uint8(min(max(int32(x*id+top+0.5), 0), 2*int32(top)-1))
}

// encodeSigned stores the scale of a block with one run and returns its inverse.
func encodeSigned(dst []byte, src, weights []float32, top float32) float32 {
	var w [32]float32
	weigh(w[:], src, weights, spreadOf(src), true)
	d := rounded16(fitSigned(src, w[:], top))
	putF16(dst, d)
	return inverse(d)
}
