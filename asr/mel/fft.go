package mel

import "math"

const (
	size = 400
	half = size / 2
	bins = half + 1
)

// pass is one pass of the transform with its twiddle factors: for each p, w^p … w^((r-1)p).
type pass struct {
	radix, m, stride int
	wr, wi           []float32 // [m][radix-1]
}

// plan is a real Fourier transform of 400 samples in float32, computed as a complex one of 200:
//
//	z[n] = x[2n] + i·x[2n+1]          n = 0 … 199
//	Z    = FFT200(z): Stockham passes of radix 5, 5, 4, 2 between two buffers
//	X[k] = (Z[k] + Z*[200-k])/2 - i/2·e^(-2πik/400)·(Z[k] - Z*[200-k])     k = 0 … 200
//
// A pass of radix r over n points with stride s: y[q + s(rp+j)] = w^(pj) · Σ_k x[q + s(p+mk)] e^(-2πijk/r),
// m = n/r, w = e^(-2πi/n). The passes leave the result in order; no bit reversal follows. Real and
// imaginary parts are in separate arrays, because Go multiplies complex64 in float64. A plan is
// read-only and shared by all transforms.
type plan struct {
	passes [4]pass
	cr, ci [bins]float32 // e^(-2πik/400) / 2
}

func newPlan() *plan {
	p := &plan{}
	n, s := half, 1
	for i, r := range []int{5, 5, 4, 2} {
		m := n / r
		ps := pass{radix: r, m: m, stride: s}
		for q := range m {
			for j := 1; j < r; j++ {
				sin, cos := math.Sincos(-2 * math.Pi * float64(q*j) / float64(n))
				ps.wr, ps.wi = append(ps.wr, float32(cos)), append(ps.wi, float32(sin))
			}
		}
		p.passes[i] = ps
		n, s = m, s*r
	}
	for k := range bins {
		sin, cos := math.Sincos(-2 * math.Pi * float64(k) / size)
		p.cr[k], p.ci[k] = float32(cos/2), float32(sin/2)
	}
	return p
}

// scratch is the memory of one goroutine's transforms.
type scratch struct{ ar, ai, br, bi [half]float32 }

// power writes |X[k]|² of the real samples x [400] to out [201].
func (p *plan) power(s *scratch, x *[size]float32, out *[bins]float32) {
	for i := range half {
		s.ar[i], s.ai[i] = x[2*i], x[2*i+1]
	}
	p.passes[0].five(&s.ar, &s.ai, &s.br, &s.bi)
	p.passes[1].five(&s.br, &s.bi, &s.ar, &s.ai)
	p.passes[2].four(&s.ar, &s.ai, &s.br, &s.bi)
	p.passes[3].two(&s.br, &s.bi, &s.ar, &s.ai)
	for k := range bins {
		a, b := k, half-k
		if a == half {
			a = 0
		}
		if b == half {
			b = 0
		}
		zr, zi, yr, yi := s.ar[a], s.ai[a], s.ar[b], -s.ai[b]
		er, ei, or, oi := (zr+yr)/2, (zi+yi)/2, zr-yr, zi-yi
		// X = e - i·c·o
		re := er + (p.cr[k]*oi + p.ci[k]*or)
		im := ei - (p.cr[k]*or - p.ci[k]*oi)
		out[k] = re*re + im*im
	}
}

// Cosines and sines of a transform of five points.
const (
	cos1 = 0.30901699437494742410 // cos 2π/5
	cos2 = -0.80901699437494742410
	sin1 = 0.95105651629515357212 // sin 2π/5
	sin2 = 0.58778525229247312917
)

func (ps *pass) five(xr, xi, yr, yi *[half]float32) {
	s, step := ps.stride, ps.stride*ps.m
	for p := range ps.m {
		wr, wi := ps.wr[4*p:4*p+4], ps.wi[4*p:4*p+4]
		for q := range s {
			i, o := q+s*p, q+s*5*p
			x0r, x0i := xr[i], xi[i]
			x1r, x1i := xr[i+step], xi[i+step]
			x2r, x2i := xr[i+2*step], xi[i+2*step]
			x3r, x3i := xr[i+3*step], xi[i+3*step]
			x4r, x4i := xr[i+4*step], xi[i+4*step]
			ar, ai, br, bi := x1r+x4r, x1i+x4i, x2r+x3r, x2i+x3i
			cr, ci, dr, di := x1r-x4r, x1i-x4i, x2r-x3r, x2i-x3i
			yr[o], yi[o] = x0r+ar+br, x0i+ai+bi
			er, ei := x0r+cos1*ar+cos2*br, x0i+cos1*ai+cos2*bi
			fr, fi := x0r+cos2*ar+cos1*br, x0i+cos2*ai+cos1*bi
			gr, gi := sin1*cr+sin2*dr, sin1*ci+sin2*di
			hr, hi := sin2*cr-sin1*dr, sin2*ci-sin1*di
			// y1 = e - i·g, y4 = e + i·g, y2 = f - i·h, y3 = f + i·h
			tr, ti := er+gi, ei-gr
			yr[o+s], yi[o+s] = tr*wr[0]-ti*wi[0], tr*wi[0]+ti*wr[0]
			tr, ti = fr+hi, fi-hr
			yr[o+2*s], yi[o+2*s] = tr*wr[1]-ti*wi[1], tr*wi[1]+ti*wr[1]
			tr, ti = fr-hi, fi+hr
			yr[o+3*s], yi[o+3*s] = tr*wr[2]-ti*wi[2], tr*wi[2]+ti*wr[2]
			tr, ti = er-gi, ei+gr
			yr[o+4*s], yi[o+4*s] = tr*wr[3]-ti*wi[3], tr*wi[3]+ti*wr[3]
		}
	}
}

func (ps *pass) four(xr, xi, yr, yi *[half]float32) {
	s, step := ps.stride, ps.stride*ps.m
	for p := range ps.m {
		wr, wi := ps.wr[3*p:3*p+3], ps.wi[3*p:3*p+3]
		for q := range s {
			i, o := q+s*p, q+s*4*p
			ar, ai := xr[i]+xr[i+2*step], xi[i]+xi[i+2*step]
			br, bi := xr[i]-xr[i+2*step], xi[i]-xi[i+2*step]
			cr, ci := xr[i+step]+xr[i+3*step], xi[i+step]+xi[i+3*step]
			dr, di := xr[i+step]-xr[i+3*step], xi[i+step]-xi[i+3*step]
			yr[o], yi[o] = ar+cr, ai+ci
			tr, ti := br+di, bi-dr
			yr[o+s], yi[o+s] = tr*wr[0]-ti*wi[0], tr*wi[0]+ti*wr[0]
			tr, ti = ar-cr, ai-ci
			yr[o+2*s], yi[o+2*s] = tr*wr[1]-ti*wi[1], tr*wi[1]+ti*wr[1]
			tr, ti = br-di, bi+dr
			yr[o+3*s], yi[o+3*s] = tr*wr[2]-ti*wi[2], tr*wi[2]+ti*wr[2]
		}
	}
}

// two is the last pass: m is 1 and all its factors are 1.
func (ps *pass) two(xr, xi, yr, yi *[half]float32) {
	s := ps.stride
	for q := range s {
		yr[q], yi[q] = xr[q]+xr[q+s], xi[q]+xi[q+s]
		yr[q+s], yi[q+s] = xr[q]-xr[q+s], xi[q]-xi[q+s]
	}
}
