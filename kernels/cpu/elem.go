package cpu

import (
	"math"
	"slices"
)

// maxOfGo returns the largest value of x, which must not be empty.
//
// The functions of this file with the suffix Go are the reference implementations of functions on one row of values: exponentials,
// activations, norms. Where they call a function, they compute in float64, so that the assembly is compared
// with more accurate results.
func maxOfGo(x []float32) float32 {
	top := x[0]
	for _, v := range x[1:] {
		if v > top {
			top = v
		}
	}
	return top
}

// expSumGo replaces x by exp(x - top) and returns the sum.
func expSumGo(x []float32, top float32) float32 {
	sum := float64(0)
	for i, v := range x {
		x[i] = float32(math.Exp(float64(v - top)))
		sum += float64(x[i])
	}
	return float32(sum)
}

// scaleToGo writes s·x to dst.
func scaleToGo(dst, x []float32, s float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = v * s
	}
}

// addToGo adds x to dst.
func addToGo(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] += v
	}
}

// addRowsGo adds b, 32 values, to each of m rows of c, which are ldc values apart.
func addRowsGo(c []float32, ldc int, b []float32, m int) {
	for t := range m {
		addToGo(c[t*ldc:][:32], b)
	}
}

// sumGo returns Σx.
func sumGo(x []float32) float32 {
	sum := float64(0)
	for _, v := range x {
		sum += float64(v)
	}
	return float32(sum)
}

// squaresGo returns Σ(x-mean)².
func squaresGo(x []float32, mean float32) float32 {
	sum := float64(0)
	for _, v := range x {
		sum += float64(v-mean) * float64(v-mean)
	}
	return float32(sum)
}

// scaleMulGo writes x·s·w, value by value, to dst (the last step of RMSNorm).
func scaleMulGo(dst, x, w []float32, s float32) {
	x, w = x[:len(dst)], w[:len(dst)]
	for i, v := range x {
		dst[i] = v * s * w[i]
	}
}

// affineGo writes (x-mean)·s·gamma + beta to dst (the last step of LayerNorm).
func affineGo(dst, x, gamma, beta []float32, mean, s float32) {
	x, gamma, beta = x[:len(dst)], gamma[:len(dst)], beta[:len(dst)]
	for i, v := range x {
		dst[i] = (v-mean)*s*gamma[i] + beta[i]
	}
}

// siluGo writes x·σ(x)·up to dst. A nil up stands for 1.
func siluGo(dst, x, up []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(float64(v)/(1+math.Exp(-float64(v)))) * at(up, i)
	}
}

// geluTanhGo writes GELU in its tanh approximation, ½x(1+tanh(√(2/π)(x+0.044715x³))), multiplied by up, to dst.
func geluTanhGo(dst, x, up []float32) {
	for i, v := range x[:len(dst)] {
		f := float64(v)
		dst[i] = float32(f/(1+math.Exp(-2*0.7978845608028654*(f+0.044715*f*f*f)))) * at(up, i)
	}
}

// geluErfGo writes exact GELU, ½x(1+erf(x/√2)), multiplied by up, to dst.
func geluErfGo(dst, x, up []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(0.5*float64(v)*math.Erfc(-float64(v)/math.Sqrt2)) * at(up, i)
	}
}

// sigmoidGo writes σ(x)·up to dst. A nil up stands for 1.
func sigmoidGo(dst, x, up []float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = float32(1/(1+math.Exp(-float64(v)))) * at(up, i)
	}
}

// softplus writes ln(1+exp(x)), multiplied by up, to dst. It has no assembly, since networks use it for a few values of a
// row only: the decays of recurrent layers.
func softplus(dst, x, up []float32) {
	for i, v := range x[:len(dst)] {
		f := float64(v)
		dst[i] = float32(max(f, 0)+math.Log1p(math.Exp(-math.Abs(f)))) * at(up, i)
	}
}

// swiGLU7Go writes g·σ(1.702·g)·(1 + u), where g is min(x, 7) and u is up, limited to -7 … 7, to dst; without up
// it writes g·σ(1.702·g).
func swiGLU7Go(dst, x, up []float32) {
	for i, v := range x[:len(dst)] {
		g, u := float64(min(v, 7)), float32(0)
		if up != nil {
			u = max(min(up[i], 7), -7)
		}
		dst[i] = float32(g/(1+math.Exp(-1.702*g))) * (1 + u)
	}
}

// geluQuick writes x·σ(1.702·x), multiplied by up, to dst. A nil up stands for 1.
func geluQuick(lv level, dst, x, up []float32) {
	var buf [256]float32
	for i := 0; i < len(dst); i += len(buf) {
		t := buf[:min(len(buf), len(dst)-i)]
		scaleTo(lv, t, x[i:], 1.702)
		sigmoid(lv, t, t, rest(up, i))
		for k, v := range x[i:][:len(t)] {
			dst[i+k] = t[k] * v
		}
	}
}

// softCapGo writes limit·tanh(x/limit) to dst.
func softCapGo(dst, x []float32, limit float32) {
	for i, v := range x[:len(dst)] {
		dst[i] = limit * float32(math.Tanh(float64(v/limit)))
	}
}

// relu writes max(x, 0), multiplied by up, to dst. The compiled loop is fast enough for its only
// use, the network that detects speech.
func relu(dst, x, up []float32) {
	x = x[:len(dst)]
	if up == nil {
		for i, v := range x {
			dst[i] = max(v, 0)
		}
		return
	}
	up = up[:len(dst)]
	for i, v := range x {
		dst[i] = max(v, 0) * up[i]
	}
}

// reluSquared writes max(x, 0)², multiplied by up, to dst.
func reluSquared(dst, x, up []float32) {
	for i, v := range x[:len(dst)] {
		v = max(v, 0)
		dst[i] = v * v * at(up, i)
	}
}

func at(up []float32, i int) float32 {
	if up == nil {
		return 1
	}
	return up[i]
}

// addMediansGo adds to each sum[i] share times the median of x[i … i+6].
func addMediansGo(sum, x []float32, share float32) {
	for i := range sum {
		near := [7]float32(x[i:])
		slices.Sort(near[:])
		sum[i] += share * near[3]
	}
}
