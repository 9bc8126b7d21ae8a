package cpu

import "math"

// block is 32 columns of one row of activations in 8 bits, 48 bytes. The assembly depends on its layout.
//
// Activations are quantized in runs of 32 columns of a row:
//
//	q [32]int8, d: value ≈ d·q with d = max|x| / 127
//
// The block also has the sums that zero points and minima of weights need. For normally distributed values the error
// is 0.0055 of their root mean square. One scale for a whole row would
// save a tenth of the time but triple the error if a few channels are large.
type block struct {
	q        [32]int8
	d        float32 // scale
	negSum   int32   // -Σq
	sum      float32 // d·Σq
	negFirst int32   // -Σ of the first 16 q
}

const blockSize = 48

// tiny bounds quantization: a run whose largest magnitude is below it becomes zeros, since 127/top must be finite.
const tiny = 0x1p-119

// quantizeGo is the reference implementation of quantize; len(x) = 32·len(dst). A run that contains a
// NaN or an infinity gets d = NaN, so that every product with it is NaN.
func quantizeGo(dst []block, x []float32) {
	for i := range dst {
		quantizeBlock(&dst[i], x[32*i:][:32])
	}
}

// expQuantizeGo is the reference implementation of expQuantize. It returns Σ exp(x - top), multiplies each exponential by
// the value of by, which is not negative, and quantizes the products. It may overwrite x. The assembly of amd64 sets only q, d and
// negSum of a block, which is what layouts with one scale for 32 columns and without minima need; its d differs from
// max/127 by rounding.
func expQuantizeGo(lv level, dst []block, x, by []float32, top float32) float32 {
	x = x[:32*len(dst)]
	sum := expSum(lv, x, top)
	scaleMul(lv, x, x, by[:len(x)], 1)
	quantize(lv, dst, x)
	return sum
}

// quantizeBlock quantizes the 32 values of x.
func quantizeBlock(b *block, x []float32) {
	top := float32(0)
	bad := false
	for _, v := range x {
		top = max(top, abs(v))
		bad = bad || v-v != 0
	}
	inv := float32(0)
	if top >= tiny {
		inv = 127 / top
	}
	first, sum := int32(0), int32(0)
	for j, v := range x {
		q := int32(math.RoundToEven(float64(v * inv)))
		if bad {
			q = 0
		}
		b.q[j] = int8(q)
		sum += q
		if j < 16 {
			first += q
		}
	}
	b.d = top / 127
	if bad {
		b.d = float32(math.NaN())
	}
	b.negSum, b.negFirst, b.sum = -sum, -first, b.d*float32(sum)
}
