package quant

import (
	"math"
	"math/big"
	"testing"
)

// f16Value returns the value of a binary16 number, computed from the definition in IEEE 754.
func f16Value(h uint16) float64 {
	exp, frac := int(h>>10&31), float64(h&1023)
	v := math.Ldexp(1024+frac, exp-25)
	switch {
	case exp == 0:
		v = math.Ldexp(frac, -24)
	case exp == 31 && frac == 0:
		v = math.Inf(1)
	case exp == 31:
		return math.NaN()
	}
	if h>>15 == 1 {
		v = -v
	}
	return v
}

func TestF16All(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		f := F16ToF32(h)
		if want := f16Value(h); math.IsNaN(want) != math.IsNaN(float64(f)) || want == want && float64(f) != want {
			t.Fatalf("%04x is %v, expected %v", h, f, want)
		}
		if math.Signbit(float64(f)) != (h>>15 == 1) {
			t.Fatalf("%04x: the sign is lost", h)
		}
		back := F32ToF16(f)
		if f == f && back != h {
			t.Fatalf("%04x comes back as %04x", h, back)
		}
		if f != f && (back&0x7c00 != 0x7c00 || back&0x3ff == 0 || back>>15 != h>>15) {
			t.Fatalf("NaN %04x comes back as %04x", h, back)
		}
	}
}

// TestF16Rounding checks for each pair of neighbouring numbers that their middle is rounded to the even one,
// and the float32 numbers next to the middle to the nearer one.
func TestF16Rounding(t *testing.T) {
	for i := range 0x7bff {
		lo, hi := uint16(i), uint16(i+1)
		middle := float32((f16Value(lo) + f16Value(hi)) / 2) // exact: one bit more than binary16 has
		even := lo + lo&1
		for _, c := range []struct {
			x    float32
			want uint16
		}{
			{middle, even}, {-middle, even | 0x8000},
			{math.Nextafter32(middle, 0), lo}, {math.Nextafter32(middle, 1e9), hi},
		} {
			if got := F32ToF16(c.x); got != c.want {
				t.Fatalf("%v becomes %04x, expected %04x", c.x, got, c.want)
			}
		}
	}
	for x, want := range map[float32]uint16{
		65519.996: 0x7bff, 65520: 0x7c00, 1e30: 0x7c00, -65520: 0xfc00,
		float32(math.Inf(-1)): 0xfc00, 1e-30: 0, math.SmallestNonzeroFloat32: 0,
	} {
		if got := F32ToF16(x); got != want {
			t.Errorf("%v becomes %04x, expected %04x", x, got, want)
		}
	}
}

func TestBF16All(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		f := BF16ToF32(h)
		if math.Float32bits(f) != uint32(h)<<16 {
			t.Fatalf("%04x is %v", h, f)
		}
		back := F32ToBF16(f)
		if f == f && back != h || f != f && back != h|0x40 {
			t.Fatalf("%04x comes back as %04x", h, back)
		}
		if f != f || math.IsInf(float64(f), 0) {
			continue
		}
		b := uint32(h) << 16
		for low, want := range map[uint32]uint16{0x7fff: h, 0x8000: h + h&1, 0x8001: h + 1} {
			if got := F32ToBF16(math.Float32frombits(b | low)); got != want {
				t.Fatalf("%08x becomes %04x, expected %04x", b|low, got, want)
			}
		}
	}
	// A NaN whose fraction bits are all in the lower half remains a NaN.
	if got := F32ToBF16(math.Float32frombits(0x7f800001)); got != 0x7fc0 {
		t.Errorf("NaN 7f800001 becomes %04x", got)
	}
}

// TestF16AgainstBig compares the rounding of random float32 numbers with that of math/big.
func TestF16AgainstBig(t *testing.T) {
	state := uint32(1)
	for range 200000 {
		state = state*1664525 + 1013904223
		f := math.Float32frombits(state)
		a := math.Abs(float64(f))
		if f != f || a >= 65504 || a < 0x1p-14 {
			continue
		}
		want, _ := new(big.Float).SetMode(big.ToNearestEven).SetPrec(11).SetFloat64(float64(f)).Float64()
		if got := F16ToF32(F32ToF16(f)); float64(got) != want {
			t.Fatalf("%v rounds to %v, expected %v", f, got, want)
		}
	}
}
