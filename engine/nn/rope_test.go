package nn

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func near(t *testing.T, what string, got float32, want float64) {
	t.Helper()
	if math.Abs(float64(got)-want) > 1e-6*math.Max(1, math.Abs(want)) {
		t.Errorf("%s is %v, expected %v", what, got, want)
	}
}

func TestPlainFrequencies(t *testing.T) {
	freq, scale := Rotary{Dims: 8, Base: 10000}.Frequencies()
	for i, want := range []float64{1, 0.1, 0.01, 0.001} {
		near(t, "frequency", freq[i], want)
	}
	near(t, "scale", scale, 1)
}

func TestLlama3AndLinearDivide(t *testing.T) {
	freq, _ := Rotary{Dims: 4, Base: 100, Divide: []float32{1, 8}, Factor: 2}.Frequencies()
	near(t, "first", freq[0], 0.5)
	near(t, "second", freq[1], 0.1/8/2)
}

// TestYarn compares with values computed by hand from the paper's formulas: 128 dimensions, base 10,000, 4,096
// tokens extended 16 times. Pair 20.9 makes 32 turns, pair 45.03 one.
func TestYarn(t *testing.T) {
	r := Rotary{Dims: 128, Base: 10000, Factor: 16, Yarn: true, Context: 4096, BetaFast: 32, BetaSlow: 1}
	low, high := r.ramp()
	if low != 20 || high != 46 {
		t.Fatalf("the ramp runs from %v to %v, expected 20 to 46", low, high)
	}
	freq, scale := r.Frequencies()
	near(t, "scale", scale, 1+0.1*math.Log(16))
	near(t, "a fast pair", freq[20], math.Pow(10000, -40.0/128))
	near(t, "a slow pair", freq[46]*16, math.Pow(10000, -92.0/128))
	half := math.Pow(10000, -66.0/128)
	near(t, "the middle", freq[33], half*0.5+half/16*0.5)
}

func TestFrequenciesFall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rotary{
			Dims:   2 * rapid.IntRange(1, 128).Draw(t, "pairs"),
			Base:   rapid.Float64Range(1000, 1e6).Draw(t, "base"),
			Factor: rapid.Float64Range(1, 64).Draw(t, "factor"),
			Yarn:   rapid.Bool().Draw(t, "yarn"), Context: rapid.IntRange(512, 1<<17).Draw(t, "context"),
			BetaFast: 32, BetaSlow: 1,
		}
		freq, scale := r.Frequencies()
		for i, f := range freq {
			plain := math.Pow(r.Base, -2*float64(i)/float64(r.Dims))
			if !(f > 0) || float64(f) > plain*1.000001 || float64(f) < plain/r.Factor*0.999999 {
				t.Fatalf("pair %d turns by %v: plain is %v, factor %v", i, f, plain, r.Factor)
			}
			if i > 0 && f > freq[i-1] {
				t.Fatalf("pair %d turns faster than the one before", i)
			}
		}
		if scale < 1 {
			t.Fatalf("scale is %v", scale)
		}
	})
}

// TestSections checks by which axis of a position each pair rotates, and that the pairs of the fourth axis do not
// rotate in text.
func TestSections(t *testing.T) {
	for _, c := range []struct {
		sections    [4]int
		interleaved bool
		axes        string
	}{
		{[4]int{}, false, "00000000"},
		{[4]int{2, 3, 3, 0}, false, "00111222"},
		{[4]int{2, 2, 1, 1}, false, "00112300"},
		{[4]int{3, 3, 2, 0}, true, "01201201"},
		{[4]int{4, 2, 1, 1}, true, "01201303"},
		{[4]int{2, 1, 1, 0}, true, "01200120"},
	} {
		r := Rotary{Dims: 16, Base: 100, Sections: c.sections, Interleaved: c.interleaved}
		freq, _ := r.Frequencies()
		for i, f := range freq {
			axis := int(c.axes[i] - '0')
			if r.axis(i) != axis || (f == 0) != (axis == 3) {
				t.Errorf("%v: pair %d rotates by axis %d with frequency %v, expected axis %d", c, i, r.axis(i), f, axis)
			}
		}
	}
}
