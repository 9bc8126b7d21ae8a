package vorbis

import (
	"math"
	"math/bits"
	"math/cmplx"
)

// mdct is the inverse MDCT with n outputs and M = n/2 inputs:
//
//	y[i] = Σ_k X[k] cos(π/M (i + ½ + M/2)(k + ½))
//	     = a DCT-IV of size M, mirrored to twice its length
//
// The DCT-IV is computed as a complex FFT of M/2 points with a rotation before and after it.
type mdct struct {
	m     int
	turns []complex64 // [M/2] exp(-iπ(8k + 1)/8M)
	roots []complex64 // [M/4] exp(-2πik/(M/2))
	z     []complex64 // [M/2]
	u     []float32   // [M]
}

// newMDCT returns the transform with n outputs, a power of two from 64 on.
func newMDCT(n int) *mdct {
	t := &mdct{m: n / 2, z: make([]complex64, n/4), u: make([]float32, n/2)}
	for k := range n / 4 {
		t.turns = append(t.turns, complex64(cmplx.Exp(complex(0, -math.Pi*float64(8*k+1)/float64(8*t.m)))))
	}
	for k := range n / 8 {
		t.roots = append(t.roots, complex64(cmplx.Exp(complex(0, -2*math.Pi*float64(k)/float64(n/4)))))
	}
	return t
}

// inverse computes y [n] from x [n/2].
func (t *mdct) inverse(y, x []float32) {
	m := t.m
	shift := 64 - bits.Len(uint(m/2-1))
	for k := range m / 2 { // in bit-reversed order, which the FFT expects
		t.z[bits.Reverse64(uint64(k))>>shift] = complex(x[2*k], x[m-1-2*k]) * t.turns[k]
	}
	t.fft()
	for k := range m / 2 {
		s := t.z[k] * t.turns[k]
		t.u[2*k], t.u[m-1-2*k] = real(s), -imag(s)
	}
	h := m / 2
	for i := range h {
		y[i] = t.u[h+i]
		y[h+i] = -t.u[m-1-i]
		y[m+i] = -t.u[h-1-i]
		y[m+h+i] = -t.u[i]
	}
}

// fft transforms z in place.
func (t *mdct) fft() {
	for half := 1; half < len(t.z); half *= 2 {
		step := len(t.roots) / half
		for at := 0; at < len(t.z); at += 2 * half {
			for k := range half {
				a, b := t.z[at+k], t.z[at+k+half]*t.roots[k*step]
				t.z[at+k], t.z[at+k+half] = a+b, a-b
			}
		}
	}
}
