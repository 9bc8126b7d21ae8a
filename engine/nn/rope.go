package nn

import "math"

// Rotary says how a model was trained to place positions.
//
// Rotary position tables: the angle per position of each pair of dimensions.
//
//	plain    θᵢ = base^(-2i/dims)                                   (arXiv:2104.09864)
//	llama3   θᵢ / factorᵢ, the factors stored in the file as rope_freqs.weight
//	linear   θᵢ / factor                                            (arXiv:2306.15595)
//	YaRN     fast pairs stay, slow pairs are divided by factor, a ramp in between;
//	         attention is sharpened by 1 + 0.1·ln(factor)           (arXiv:2309.00071)
//
// A pair turns original·θᵢ/2π times within the original context. YaRN's ramp runs
// between the pairs that turn betaFast (32) and betaSlow (1) times.
type Rotary struct {
	Dims    int       // rotated dimensions of a head, even
	Base    float64   // θ's base, 10,000 and up
	Divide  []float32 // llama3: a divisor for each of the Dims/2 pairs; nil: none
	Factor  float64   // linear and YaRN: how much longer than Original; 0 or 1: none
	Yarn    bool
	Context int // YaRN: the original context in tokens
	// BetaFast and BetaSlow bound YaRN's ramp, in turns within Context.
	BetaFast, BetaSlow float64
	// Attention multiplies the rotated values beyond what YaRN does itself; 0 means 1.
	Attention float64
	// LogMul, where a file gives it, weakens YaRN's own sharpening (DeepSeek's mscale_all_dim).
	LogMul float64
}

// Frequencies returns the angle per position of each pair, radians, [Dims/2], and the
// factor on the rotated values.
func (r Rotary) Frequencies() (freq []float32, scale float32) {
	freq = make([]float32, r.Dims/2)
	factor := r.Factor
	if factor == 0 {
		factor = 1
	}
	low, high := r.ramp()
	for i := range freq {
		theta := math.Pow(r.Base, -2*float64(i)/float64(r.Dims))
		if r.Divide != nil {
			theta /= float64(r.Divide[i])
		}
		slow := 1.0 // how far this pair is interpolated
		if r.Yarn {
			slow = min(1, max(0, (float64(i)-low)/max(0.001, high-low)))
		}
		freq[i] = float32(theta/factor*slow + theta*(1-slow))
	}
	return freq, float32(r.attention(factor))
}

// ramp returns the pairs between which YaRN goes from turning as trained to interpolated.
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

func (r Rotary) attention(factor float64) float64 {
	a := r.Attention
	if a == 0 {
		a = 1
	}
	if !r.Yarn || factor <= 1 {
		return a
	}
	sharpen := func(mul float64) float64 { return 1 + 0.1*mul*math.Log(factor) }
	return a * sharpen(1) / sharpen(r.LogMul)
}
