package cpu

import "math"

// block is 32 columns of one row, 48 bytes. The kernels know its layout.
//
// Activations in 8 bits: each run of 32 columns of a row becomes
//
//	q [32]int8, d: value ≈ d·q with d = max|x| / 127
//
// with the sums that zero points and minima need. The error, for values of a normal
// distribution, is 0.0055 of their root mean square; one scale for a whole row would
// save a tenth of the time and triple the error where a few channels are large.
type block struct {
	q        [32]int8
	d        float32 // scale
	negSum   int32   // -Σq
	sum      float32 // d·Σq
	negFirst int32   // -Σ of the first 16
}

const blockSize = 48

// tiny is the magnitude below which a run counts as zeros: 127/top must be finite.
const tiny = 0x1p-119

// quantizeGo is the plain twin of quantize: len(x) = 32·len(dst). A run that holds a
// NaN or an infinity gets d = NaN, so that no product of it looks healthy.
func quantizeGo(dst []block, x []float32) {
	for i := range dst {
		quantizeBlock(&dst[i], x[32*i:][:32])
	}
}

// quantizeMulGo is the twin of quantizeMul: products first, then their rounding.
func quantizeMulGo(lv level, dst []block, x, by []float32) {
	x = x[:32*len(dst)]
	scaleMul(lv, x, x, by[:len(x)], 1)
	quantize(lv, dst, x)
}

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
