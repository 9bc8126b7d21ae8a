package quant

import "math"

// signedBlock is a block of a format whose runs have a signed scale only: x ≈ d·sc·q. The search finds it for each run, rounds it to a multiple of d,
// and then improves d for the integers, and the integers for d, in turn.
type signedBlock struct {
	top, topSc float32 // q is from −top to top−1, sc from −topSc to topSc−1
	w          [256]float32
	q          [256]uint8 // plus top
	sc         [16]int8
	d          float32     // as it is stored, in float16
	qq, xq     [16]float32 // Σwq² and Σwxq of a run
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
	for range refinements {
		for r := range 16 {
			b.improve(x, r)
		}
		b.refit()
	}
	for r := range 16 {
		putLevels(b.q[16*r:][:16], x[16*r:][:16], inverse(b.d*float32(b.sc[r])), b.top+0.5, 2*b.top-1)
	}
}

// improve moves sc of run r to the best of the present one and its neighbours.
func (b *signedBlock) improve(x []float32, r int) {
	var tries [3]try
	var out [3]sum
	var scales [3]int8
	for i, by := range [...]int{0, 1, -1} {
		scales[i] = int8(min(max(int(b.sc[r])+by, int(-b.topSc)), int(b.topSc)-1))
		tries[i] = try{inverse(b.d * float32(scales[i])), b.top + 0.5}
	}
	sumAll(out[:], x[16*r:][:16], b.w[16*r:][:16], tries[:], 2*b.top-1, -b.top)
	best := math.Inf(1)
	for i, u := range out {
		s := float64(b.d) * float64(scales[i])
		if err := s*s*float64(u.qq) - 2*s*float64(u.xq); err < best {
			best, b.sc[r], b.qq[r], b.xq[r] = err, scales[i], u.qq, u.xq
		}
	}
}

// refit sets d to the best one for q and sc.
func (b *signedBlock) refit() {
	var aa, ax float64
	for r, sc := range b.sc {
		aa += float64(sc) * float64(sc) * float64(b.qq[r])
		ax += float64(sc) * float64(b.xq[r])
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
		for i, q := range b.q[16*r:][:16] {
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
		for i, q := range b.q[16*r:][:16] {
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
