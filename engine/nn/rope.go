package nn

import "math"

// Rotary describes the rotary position embedding with which a model was trained. Each pair of
// dimensions is rotated by an angle θᵢ per position:
//
//	plain    θᵢ = base^(-2i/dims)                                   (arXiv:2104.09864)
//	llama3   θᵢ / factorᵢ, the factors stored in the file as rope_freqs.weight
//	LongRoPE θᵢ / factorᵢ, of two lists in the file, by the length of the context  (arXiv:2402.13753)
//	linear   θᵢ / factor                                            (arXiv:2306.15595)
//	YaRN     θᵢ for fast pairs, θᵢ / factor for slow pairs, and interpolated in between;
//	         q and k are multiplied by 1 + 0.1·ln(factor)           (arXiv:2309.00071)
//
// Pair i makes Context·θᵢ/2π turns within the original context. YaRN interpolates between the
// pairs that make BetaFast (32) and BetaSlow (1) turns.
type Rotary struct {
	Dims    int       // rotated dimensions of a head, even
	Base    float64   // θ's base, 10,000 and up
	Divide  []float32 // llama3 and LongRoPE: a divisor for each of the Dims/2 pairs; nil: none
	Factor  float64   // linear and YaRN: ratio of the new to the original context; 0 or 1: unchanged
	Yarn    bool
	Context int // YaRN and LongRoPE: the original context in tokens
	// BetaFast and BetaSlow bound YaRN's interpolation, in turns within Context.
	BetaFast, BetaSlow float64
	// Attention is a further factor of the rotated values; 0 means 1.
	Attention float64
	// Sections, of models for text and images, says how many pairs rotate by each axis of a position: time, height, width
	// and a fourth one (M-RoPE, arXiv:2409.12191). The sections follow each other, or, if Interleaved, the pairs of
	// time, height and width alternate; if they do not fill the pairs, they are repeated. In text, the first three
	// axes are all the position of the token and the fourth one is 0. All zeros: positions have one axis.
	Sections    [4]int
	Interleaved bool
	// MScale and MScaleAll are the parameters mscale and mscale_all_dim of YaRN (DeepSeek-V2, arXiv:2405.04434): the rotated
	// values are multiplied by (1 + 0.1·MScale·ln(factor)) / (1 + 0.1·MScaleAll·ln(factor)). An MScale of 0 means 1.
	MScale, MScaleAll float64
}

// Frequencies returns the angle per position of each pair in radians, [Dims/2], and the factor
// of the rotated values.
func (r Rotary) Frequencies() (freq []float32, scale float32) {
	freq = make([]float32, r.Dims/2)
	factor := r.Factor
	if factor == 0 {
		factor = 1
	}
	low, high := r.ramp()
	for i := range freq {
		if r.axis(i) == 3 {
			continue
		}
		theta := math.Pow(r.Base, -2*float64(i)/float64(r.Dims))
		if r.Divide != nil {
			theta /= float64(r.Divide[i])
		}
		slow := 1.0 // share of the divided angle: 0 for fast pairs, 1 for slow ones
		if r.Yarn {
			slow = min(1, max(0, (float64(i)-low)/max(0.001, high-low)))
		}
		freq[i] = float32(theta/factor*slow + theta*(1-slow))
	}
	return freq, float32(r.attention(factor))
}

// Axes returns for each pair the axis of a position by which it rotates, see kernels.RoPE. It returns nil if positions have one axis. Pairs of the fourth
// axis, which do not rotate, are given the first one.
func (r Rotary) Axes() []uint8 {
	if r.Sections == [4]int{} {
		return nil
	}
	list := make([]uint8, r.Dims/2)
	for i := range list {
		if a := r.axis(i); a < axes {
			list[i] = uint8(a)
		}
	}
	return list
}

// axis returns the axis of a position by which pair i rotates.
func (r Rotary) axis(i int) int {
	s := r.Sections
	all := s[0] + s[1] + s[2] + s[3]
	if all == 0 {
		return 0
	}
	i %= all
	switch {
	case r.Interleaved && i < 3*s[i%3]:
		return i % 3
	case r.Interleaved:
		return 3
	case i < s[0]:
		return 0
	case i < s[0]+s[1]:
		return 1
	case i < s[0]+s[1]+s[2]:
		return 2
	}
	return 3
}

// ramp returns the pairs between which YaRN goes from the original to the divided angle.
func (r Rotary) ramp() (low, high float64) {
	if !r.Yarn {
		return 0, 0
	}
	pair := func(turns float64) float64 {
		return float64(r.Dims) * math.Log(float64(r.Context)/(turns*2*math.Pi)) / (2 * math.Log(r.Base))
	}
	low = max(0, math.Floor(pair(r.BetaFast)))
	high = min(float64(r.Dims-1), math.Ceil(pair(r.BetaSlow)))
	return low, high
}

// attention returns the factor of the rotated values.
func (r Rotary) attention(factor float64) float64 {
	a := r.Attention
	if a == 0 {
		a = 1
	}
	if !r.Yarn || factor <= 1 {
		return a
	}
	m := r.MScale
	if m == 0 {
		m = 1
	}
	return a * (1 + 0.1*m*math.Log(factor)) / (1 + 0.1*r.MScaleAll*math.Log(factor))
}
