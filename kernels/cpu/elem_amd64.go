package cpu

import "unsafe"

//go:noescape
func maxOfAVX512(x *float32, n int) float32

//go:noescape
func expSumAVX512(x *float32, n int, top float32) float32

//go:noescape
func sumAVX512(x *float32, n int) float32

//go:noescape
func squaresAVX512(x *float32, n int, mean float32) float32

//go:noescape
func scaleToAVX512(dst, x *float32, n int, s float32)

//go:noescape
func addToAVX512(dst, x *float32, n int)

//go:noescape
func addRowsAVX512(c *float32, ldc int, b *float32, m int)

//go:noescape
func addRowsAVX2(c *float32, ldc int, b *float32, m int)

//go:noescape
func scaleMulAVX512(dst, x, w *float32, n int, s float32)

//go:noescape
func affineAVX512(dst, x, gamma, beta *float32, n int, mean, s float32)

//go:noescape
func siluAVX512(dst, x, up *float32, n int)

//go:noescape
func sigmoidAVX512(dst, x, up *float32, n int)

//go:noescape
func geluTanhAVX512(dst, x, up *float32, n int)

//go:noescape
func geluErfAVX512(dst, x, up *float32, n int)

//go:noescape
func maxOfAVX2(x *float32, n int) float32

//go:noescape
func expSumAVX2(x *float32, n int, top float32) float32

//go:noescape
func sumAVX2(x *float32, n int) float32

//go:noescape
func squaresAVX2(x *float32, n int, mean float32) float32

//go:noescape
func scaleToAVX2(dst, x *float32, n int, s float32)

//go:noescape
func addToAVX2(dst, x *float32, n int)

//go:noescape
func scaleMulAVX2(dst, x, w *float32, n int, s float32)

//go:noescape
func affineAVX2(dst, x, gamma, beta *float32, n int, mean, s float32)

//go:noescape
func siluAVX2(dst, x, up *float32, n int)

//go:noescape
func sigmoidAVX2(dst, x, up *float32, n int)

//go:noescape
func geluTanhAVX2(dst, x, up *float32, n int)

//go:noescape
func geluErfAVX2(dst, x, up *float32, n int)

//go:noescape
func swiGLU7AVX512(dst, x, up *float32, n int)

//go:noescape
func softCapAVX512(dst, x *float32, n int, limit float32)

//go:noescape
func swiGLU7AVX2(dst, x, up *float32, n int)

//go:noescape
func softCapAVX2(dst, x *float32, n int, limit float32)

// whole returns how many of n values fill whole registers of lv.
func whole(lv level, n int) int {
	switch {
	case lv.zmm():
		return n &^ 15
	case lv == generic:
		return 0
	}
	return n &^ 7
}

func p(x []float32) *float32 { return unsafe.SliceData(x) }

//go:noescape
func addMediansAVX512(sum, x *float32, n int, share float32)

//go:noescape
func addMediansAVX2(sum, x *float32, n int, share float32)

// addMedians adds share times the median of each seven neighbours; see addMediansGo.
func addMedians(lv level, sum, x []float32, share float32) {
	n := whole(lv, len(sum))
	_ = x[:len(sum)+6]
	switch {
	case n == 0:
	case lv.zmm():
		addMediansAVX512(p(sum), p(x), n, share)
	default:
		addMediansAVX2(p(sum), p(x), n, share)
	}
	addMediansGo(sum[n:], x[n:], share)
}

// maxOf returns the largest value of x, which must not be empty.
func maxOf(lv level, x []float32) float32 {
	n := whole(lv, len(x))
	if n == 0 {
		return maxOfGo(x)
	}
	var top float32
	if lv.zmm() {
		top = maxOfAVX512(p(x), n)
	} else {
		top = maxOfAVX2(p(x), n)
	}
	if n < len(x) {
		top = max(top, maxOfGo(x[n:]))
	}
	return top
}

// expSum replaces x by exp(x - top) and returns the sum.
func expSum(lv level, x []float32, top float32) float32 {
	n := whole(lv, len(x))
	var s float32
	switch {
	case n == 0:
	case lv.zmm():
		s = expSumAVX512(p(x), n, top)
	default:
		s = expSumAVX2(p(x), n, top)
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
	switch {
	case n == 0:
	case lv.zmm():
		s = sumAVX512(p(x), n)
	default:
		s = sumAVX2(p(x), n)
	}
	return s + sumGo(x[n:])
}

// squares returns the sum of (x-mean)².
func squares(lv level, x []float32, mean float32) float32 {
	n := whole(lv, len(x))
	var s float32
	switch {
	case n == 0:
	case lv.zmm():
		s = squaresAVX512(p(x), n, mean)
	default:
		s = squaresAVX2(p(x), n, mean)
	}
	return s + squaresGo(x[n:], mean)
}

// scaleTo writes s·x to dst.
func scaleTo(lv level, dst, x []float32, s float32) {
	n := whole(lv, len(dst))
	x = x[:len(dst)]
	switch {
	case n == 0:
	case lv.zmm():
		scaleToAVX512(p(dst), p(x), n, s)
	default:
		scaleToAVX2(p(dst), p(x), n, s)
	}
	if n < len(dst) {
		scaleToGo(dst[n:], x[n:], s)
	}
}

// addTo adds x to dst.
func addTo(lv level, dst, x []float32) {
	n := whole(lv, len(dst))
	x = x[:len(dst)]
	switch {
	case n == 0:
	case lv.zmm():
		addToAVX512(p(dst), p(x), n)
	default:
		addToAVX2(p(dst), p(x), n)
	}
	if n < len(dst) {
		addToGo(dst[n:], x[n:])
	}
}

// addRows adds 32 values to each of m rows; see addRowsGo.
func addRows(lv level, c []float32, ldc int, b []float32, m int) {
	if lv == generic || m == 0 {
		addRowsGo(c, ldc, b, m)
		return
	}
	_, _ = c[(m-1)*ldc+31], b[31]
	if lv.zmm() {
		addRowsAVX512(p(c), 4*ldc, p(b), m)
		return
	}
	addRowsAVX2(p(c), 4*ldc, p(b), m)
}

// scaleMul writes x·s·w to dst.
func scaleMul(lv level, dst, x, w []float32, s float32) {
	n := whole(lv, len(dst))
	x, w = x[:len(dst)], w[:len(dst)]
	switch {
	case n == 0:
	case lv.zmm():
		scaleMulAVX512(p(dst), p(x), p(w), n, s)
	default:
		scaleMulAVX2(p(dst), p(x), p(w), n, s)
	}
	if n < len(dst) {
		scaleMulGo(dst[n:], x[n:], w[n:], s)
	}
}

// affine writes (x-mean)·s·gamma + beta to dst.
func affine(lv level, dst, x, gamma, beta []float32, mean, s float32) {
	n := whole(lv, len(dst))
	x, gamma, beta = x[:len(dst)], gamma[:len(dst)], beta[:len(dst)]
	switch {
	case n == 0:
	case lv.zmm():
		affineAVX512(p(dst), p(x), p(gamma), p(beta), n, mean, s)
	default:
		affineAVX2(p(dst), p(x), p(gamma), p(beta), n, mean, s)
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
	switch {
	case n == 0:
	case lv.zmm():
		siluAVX512(p(dst), p(x), p(up), n)
	default:
		siluAVX2(p(dst), p(x), p(up), n)
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
	switch {
	case n == 0:
	case lv.zmm():
		sigmoidAVX512(p(dst), p(x), p(up), n)
	default:
		sigmoidAVX2(p(dst), p(x), p(up), n)
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
	switch {
	case n == 0:
	case lv.zmm():
		geluTanhAVX512(p(dst), p(x), p(up), n)
	default:
		geluTanhAVX2(p(dst), p(x), p(up), n)
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
	switch {
	case n == 0:
	case lv.zmm():
		geluErfAVX512(p(dst), p(x), p(up), n)
	default:
		geluErfAVX2(p(dst), p(x), p(up), n)
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
	switch {
	case n == 0:
	case lv.zmm():
		swiGLU7AVX512(p(dst), p(x), p(up), n)
	default:
		swiGLU7AVX2(p(dst), p(x), p(up), n)
	}
	if n < len(dst) {
		swiGLU7Go(dst[n:], x[n:], rest(up, n))
	}
}

// softCap writes limit·tanh(x/limit) to dst.
func softCap(lv level, dst, x []float32, limit float32) {
	n := whole(lv, len(dst))
	x = x[:len(dst)]
	switch {
	case n == 0:
	case lv.zmm():
		softCapAVX512(p(dst), p(x), n, limit)
	default:
		softCapAVX2(p(dst), p(x), n, limit)
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
