package layer3

import "math"

// synthesis is the filter that joins 32 bands: it keeps 16 vectors of 64 values, of which each step replaces the oldest.
type synthesis struct {
	v  [1024]float32
	at int // of the newest vector
}

// window is the window of the synthesis filter.
var window = func() (w [512]float32) {
	for i, v := range synthesisHalf {
		w[i] = float32(v) / (1 << 16)
		if i > 0 && i < 256 {
			if w[512-i] = -w[i]; i%64 == 0 {
				w[512-i] = w[i]
			}
		}
	}
	return w
}()

// step computes 32 samples from a sample of each band.
//
//	v[i] = Σ_k cos((16 + i)(2k + 1) π/64) bands[k]       i = 0 … 63
//
// These are the values of a DCT-II of 32 values, mirrored. The samples are sums of 16 windowed values of the
// halves of vectors, in turn the first and the second half.
func (s *synthesis) step(bands, out []float32) {
	s.at = (s.at - 64) & 1023
	var c [32]float32
	copy(c[:], bands)
	var spare [32]float32
	dct(c[:], spare[:])
	v := s.v[s.at:][:64]
	for i := range 16 {
		v[i] = c[16+i]
		v[48+i] = -c[i]
		v[32-i] = -c[16+i]
		v[48-i] = -c[i]
	}
	v[16] = 0
	for i := range out {
		out[i] = 0
	}
	for k := range 8 {
		a := s.v[(s.at+128*k)&1023:][:32]
		b := s.v[(s.at+128*k+96)&1023:][:32]
		wa, wb := window[64*k:][:32], window[64*k+32:][:32]
		for i := range 32 {
			out[i] += a[i]*wa[i] + b[i]*wb[i]
		}
	}
}

// halves are the factors of dct: 1/(2 cos((2i + 1) π/2n)) at n/2 + i.
var halves = func() (f [32]float32) {
	for n := 2; n <= 32; n *= 2 {
		for i := range n / 2 {
			f[n/2+i] = float32(0.5 / math.Cos(math.Pi*float64(2*i+1)/float64(2*n)))
		}
	}
	return f
}()

// dct replaces x, a power of two of values up to 32, by Σ_i x[i] cos(k(2i + 1) π/2n) for each k (B. G. Lee, "A new
// algorithm to compute the discrete cosine transform", 1984). spare is as long.
func dct(x, spare []float32) {
	n := len(x)
	if n == 1 {
		return
	}
	h := n / 2
	a, b := spare[:h], spare[h:n]
	for i := range h {
		p, q := x[i], x[n-1-i]
		a[i], b[i] = p+q, (p-q)*halves[h+i]
	}
	dct(a, x[:h])
	dct(b, x[h:])
	for i := range h {
		x[2*i] = a[i]
		x[2*i+1] = b[i]
		if i+1 < h {
			x[2*i+1] += b[i+1]
		}
	}
}
