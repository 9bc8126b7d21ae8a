package quant

import "encoding/binary"

// nearestIQ4 has the code of the level of IQ4_NL that is nearest to (i+½)/2 − 128.
var nearestIQ4 = func() (table [512]uint8) {
	for i := range table {
		table[i] = iq4_NL.nearest((float32(i)+0.5)/2 - 128)
	}
	return table
}()

// codeIQ4 returns the code of the level that is nearest to x.
func codeIQ4(x float32) uint8 {
	return nearestIQ4[min(max(int32(2*x+256), 0), 511)]
}

// iq4Steps are the candidates for the level of the value with the largest magnitude.
var iq4Steps = [...]float32{-127, -133, -130, -124, -121, -118, 113, 108, 118}

// fitIQ4 returns the scale by which x ≈ s·level has the least error.
func fitIQ4(x, w []float32) (s float32) {
	m := largest(x)
	if m == 0 {
		return 0
	}
	best := float32(0)
	s = m / -127
	try := func(inverse float32) {
		var sqq, sxq float32
		for i, v := range x {
			l := float32(levelsIQ4[codeIQ4(v*inverse)&15])
			wl := w[i] * l
			sqq += wl * l
			sxq += wl * v
		}
		if sqq > 0 && sxq*sxq > best*sqq {
			best, s = sxq*sxq/sqq, sxq/sqq
		}
	}
	for _, level := range iq4Steps {
		try(level / m)
	}
	for range repetitions {
		try(1 / s)
	}
	return s
}

func encodeIQ4_NL(dst []byte, src, weights []float32) {
	var w [32]float32
	weigh(w[:], src, weights, spreadOf(src), true)
	d := rounded16(fitIQ4(src, w[:]))
	putF16(dst, d)
	putCodesIQ4(dst[2:], src, inverse(d))
}

// putCodesIQ4 stores the codes of 32 values, which are multiplied by inverse.
func putCodesIQ4(dst []byte, src []float32, inverse float32) {
	for i := range 16 {
		dst[i] = codeIQ4(src[i]*inverse) | codeIQ4(src[i+16]*inverse)<<4
	}
}

func encodeIQ4_XS(dst []byte, src, weights []float32) {
	var w [256]float32
	var scales [8]float32
	spread := spreadOf(src)
	for r := range 8 {
		from, to := 32*r, 32*r+32
		weigh(w[from:to], src[from:to], part(weights, from, to), spread, true)
		scales[r] = fitIQ4(src[from:to], w[from:to])
	}
	d := rounded16(largest(scales[:]) / -32)
	var sc [8]int32
	var aa, ax float64
	for r := range 8 {
		sc[r] = bounded(scales[r]*inverse(d), -32, 31)
		id := inverse(d * float32(sc[r]))
		for i, v := range src[32*r:][:32] {
			l := float32(sc[r]) * float32(levelsIQ4[codeIQ4(v*id)&15])
			aa += float64(w[32*r+i] * l * l)
			ax += float64(w[32*r+i] * l * v)
		}
	}
	if best := ax / aa; aa > 0 && best < 65504 && best > -65504 {
		d = rounded16(float32(best))
	}
	clear(dst[:8])
	putF16(dst, d)
	high := uint16(0)
	for r := range 8 {
		u := uint16(sc[r] + 32)
		dst[4+r/2] |= byte(u&15) << (r % 2 * 4)
		high |= u >> 4 << (2 * r)
		putCodesIQ4(dst[8+16*r:], src[32*r:][:32], inverse(d*float32(sc[r])))
	}
	binary.LittleEndian.PutUint16(dst[2:], high)
}
