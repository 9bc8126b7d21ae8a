package cpu

import "unsafe"

//go:noescape
func maxOfNEON(x *float32, n int) float32

//go:noescape
func expSumNEON(x *float32, n int, top float32) float32

//go:noescape
func sumNEON(x *float32, n int) float32

//go:noescape
func squaresNEON(x *float32, n int, mean float32) float32

//go:noescape
func scaleToNEON(dst, x *float32, n int, s float32)

//go:noescape
func addToNEON(dst, x *float32, n int)

//go:noescape
func scaleMulNEON(dst, x, w *float32, n int, s float32)

//go:noescape
func affineNEON(dst, x, gamma, beta *float32, n int, mean, s float32)

//go:noescape
func siluNEON(dst, x, up *float32, n int)

//go:noescape
func sigmoidNEON(dst, x, up *float32, n int)

//go:noescape
func geluTanhNEON(dst, x, up *float32, n int)

//go:noescape
func geluErfNEON(dst, x, up *float32, n int)

//go:noescape
func swiGLU7NEON(dst, x, up *float32, n int)

//go:noescape
func softCapNEON(dst, x *float32, n int, limit float32)

// whole returns how many of n values fill whole pairs of registers.
func whole(lv level, n int) int {
	if lv == generic {
		return 0
	}
	return n &^ 7
}

func p(x []float32) *float32 { return unsafe.SliceData(x) }

// maxOf returns the largest value of x, which must not be empty.
func maxOf(lv level, x []float32) float32 {
	n := whole(lv, len(x))
	if n == 0 {
		return maxOfGo(x)
	}
	top := maxOfNEON(p(x), n)
	if n < len(x) {
		top = max(top, maxOfGo(x[n:]))
	}
	return top
}

// expSum replaces x by exp(x - top) and returns the sum.
func expSum(lv level, x []float32, top float32) float32 {
	n := whole(lv, len(x))
	var s float32
	if n > 0 {
		s = expSumNEON(p(x), n, top)
	}
	if n < len(x) {
		s += expSumGo(x[n:], top)
	}
	return s
}

// sum returns the sum of x.
func sum(lv level, x []float32) float32 {
	n := whole(lv, len(x))
	var s float32
	if n > 0 {
		s = sumNEON(p(x), n)
	}
	return s + sumGo(x[n:])
}

// squares returns the sum of (x-mean)².
func squares(lv level, x []float32, mean float32) float32 {
	n := whole(lv, len(x))
	var s float32
	if n > 0 {
		s = squaresNEON(p(x), n, mean)
	}
	return s + squaresGo(x[n:], mean)
}

// scaleTo writes s·x to dst.
func scaleTo(lv level, dst, x []float32, s float32) {
	n := whole(lv, len(dst))
	x = x[:len(dst)]
	if n > 0 {
		scaleToNEON(p(dst), p(x), n, s)
	}
	if n < len(dst) {
		scaleToGo(dst[n:], x[n:], s)
	}
}

// addTo adds x to dst.
func addTo(lv level, dst, x []float32) {
	n := whole(lv, len(dst))
	x = x[:len(dst)]
	if n > 0 {
		addToNEON(p(dst), p(x), n)
	}
	if n < len(dst) {
		addToGo(dst[n:], x[n:])
	}
}

// scaleMul writes x·s·w to dst.
func scaleMul(lv level, dst, x, w []float32, s float32) {
	n := whole(lv, len(dst))
	x, w = x[:len(dst)], w[:len(dst)]
	if n > 0 {
		scaleMulNEON(p(dst), p(x), p(w), n, s)
	}
	if n < len(dst) {
		scaleMulGo(dst[n:], x[n:], w[n:], s)
	}
}

// affine writes (x-mean)·s·gamma + beta to dst.
func affine(lv level, dst, x, gamma, beta []float32, mean, s float32) {
	n := whole(lv, len(dst))
	x, gamma, beta = x[:len(dst)], gamma[:len(dst)], beta[:len(dst)]
	if n > 0 {
		affineNEON(p(dst), p(x), p(gamma), p(beta), n, mean, s)
	}
	if n < len(dst) {
		affineGo(dst[n:], x[n:], gamma[n:], beta[n:], mean, s)
	}
}

// silu writes x·σ(x)·up to dst. A nil up stands for 1.
func silu(lv level, dst, x, up []float32) {
	n := whole(lv, len(dst))
	x = x[:len(dst)]
	if up != nil {
		up = up[:len(dst)]
	}
	if n > 0 {
		siluNEON(p(dst), p(x), p(up), n)
	}
	if n < len(dst) {
		siluGo(dst[n:], x[n:], rest(up, n))
	}
}

// sigmoid writes σ(x)·up to dst. A nil up stands for 1.
func sigmoid(lv level, dst, x, up []float32) {
	n := whole(lv, len(dst))
	x = x[:len(dst)]
	if up != nil {
		up = up[:len(dst)]
	}
	if n > 0 {
		sigmoidNEON(p(dst), p(x), p(up), n)
	}
	if n < len(dst) {
		sigmoidGo(dst[n:], x[n:], rest(up, n))
	}
}

// geluTanh writes GELU in its tanh approximation, multiplied by up, to dst.
func geluTanh(lv level, dst, x, up []float32) {
	n := whole(lv, len(dst))
	x = x[:len(dst)]
	if up != nil {
		up = up[:len(dst)]
	}
	if n > 0 {
		geluTanhNEON(p(dst), p(x), p(up), n)
	}
	if n < len(dst) {
		geluTanhGo(dst[n:], x[n:], rest(up, n))
	}
}

// geluErf writes exact GELU, multiplied by up, to dst.
func geluErf(lv level, dst, x, up []float32) {
	n := whole(lv, len(dst))
	x = x[:len(dst)]
	if up != nil {
		up = up[:len(dst)]
	}
	if n > 0 {
		geluErfNEON(p(dst), p(x), p(up), n)
	}
	if n < len(dst) {
		geluErfGo(dst[n:], x[n:], rest(up, n))
	}
}

// swiGLU7 writes the gated activation of gpt-oss to dst; see swiGLU7Go.
func swiGLU7(lv level, dst, x, up []float32) {
	n := whole(lv, len(dst))
	x = x[:len(dst)]
	if up != nil {
		up = up[:len(dst)]
	}
	if n > 0 {
		swiGLU7NEON(p(dst), p(x), p(up), n)
	}
	if n < len(dst) {
		swiGLU7Go(dst[n:], x[n:], rest(up, n))
	}
}

// softCap writes limit·tanh(x/limit) to dst.
func softCap(lv level, dst, x []float32, limit float32) {
	n := whole(lv, len(dst))
	x = x[:len(dst)]
	if n > 0 {
		softCapNEON(p(dst), p(x), n, limit)
	}
	if n < len(dst) {
		softCapGo(dst[n:], x[n:], limit)
	}
}

// rest returns up[n:], or nil if up is nil.
func rest(up []float32, n int) []float32 {
	if up == nil {
		return nil
	}
	return up[n:]
}

// addRows adds 32 values to each of m rows; see addRowsGo.
func addRows(lv level, c []float32, ldc int, b []float32, m int) {
	for t := range m {
		addTo(lv, c[t*ldc:][:32], b)
	}
}

func addMedians(lv level, sum, x []float32, share float32) { addMediansGo(sum, x, share) }
