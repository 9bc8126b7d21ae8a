package sample

import "math"

// expSteps is the number of steps of a power of two in powers.
const expSteps = 64

// powers holds 2^(i/expSteps).
var powers = func() (p [expSteps]float64) {
	for i := range p {
		p[i] = math.Exp2(float64(i) / expSteps)
	}
	return p
}()

// exp returns the exponential of x, which is at most 0, with a relative error below 1e-12, and 0 where it is less than 1e-300. Over a whole vocabulary it
// takes a quarter of the time of math.Exp.
//
// With n = round(x·64/ln 2) and the rest r, |r| ≤ ln 2/128, e^x is 2^⌊n/64⌋ · 2^(n mod 64/64) · e^r, and e^r is a polynomial of degree 4.
func exp(x float64) float64 {
	if !(x > -690) {
		if x != x {
			return x
		}
		return 0
	}
	n := int(x*(expSteps/math.Ln2) - 0.5)
	r := x - float64(n)*(math.Ln2/expSteps)
	v := powers[n&(expSteps-1)] * (1 + r*(1+r*(1.0/2+r*(1.0/6+r*(1.0/24)))))
	return math.Float64frombits(math.Float64bits(v) + uint64(n>>6)<<52)
}
