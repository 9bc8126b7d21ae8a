package audio

import (
	"fmt"
	"math"
)

const (
	crossings  = 48
	beta       = 8.96
	transition = 0.119 // of the band
	mostPhases = 640
	mixedRows  = 512
)

// Resampler converts a stream of samples from one rate to another by a windowed sinc. It belongs to
// one goroutine.
//
// Output k lies at input k·from/to. Its value is the dot product of the inputs around it with a row
// of coefficients, one row for each position between two inputs (a polyphase filter):
//
//	out[k] = Σ_j  in[i - taps/2 + 1 + j] · row[phase][j]        i, phase = divmod(k·M, L)
//	                                                           M/L = from/to in lowest terms
//	row[phase][j] = c · sinc(c·d) · Kaiser(d)                   d = distance in inputs
//
// The sinc cuts off below half of the lower rate, to prevent aliasing: 48 zero crossings on each
// side and β = 8.96 give 90 dB of attenuation with a transition over the last 12% of the band (7.05
// to 8 kHz for 16 kHz). With more than 640 phases (rates without a common factor) there are 512
// rows, and the two nearest are interpolated; that error is below -100 dB.
//
// Each output is the same sum in the same order however the input is divided.
type Resampler struct {
	l, m  int         // to and from, in lowest terms
	taps  int         // even
	rows  [][]float32 // [L][taps], or [513][taps] to interpolate
	buf   []float32   // inputs from taps/2-1 before the next output on
	phase int         // of the next output, 0 to L-1
	skip  int         // inputs to leave out before buf
	in    int64       // inputs since the beginning
	out   int64       // outputs since the beginning
	res   []float32
}

// NewResampler returns a resampler from one rate to another, in Hz. It panics unless both are from
// 1 to 1<<20 and one is at most a thousand times the other.
func NewResampler(from, to int) *Resampler {
	if from < 1 || to < 1 || from > 1<<20 || to > 1<<20 || from/to > 1000 || to/from > 1000 {
		panic(fmt.Sprintf("audio: resampling from %d to %d Hz", from, to))
	}
	g := gcd(from, to)
	r := &Resampler{l: to / g, m: from / g}
	if r.l != r.m {
		r.design()
	}
	r.begin()
	return r
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// design computes the coefficients.
func (r *Resampler) design() {
	scale := min(1, float64(r.l)/float64(r.m)) // of the band that is kept
	reach := crossings / scale
	r.taps = 2 * int(math.Ceil(reach))
	cut := scale * (1 - transition/2)
	n, last := r.l, r.l-1
	if r.l > mostPhases {
		n, last = mixedRows, mixedRows
	}
	for p := range last + 1 {
		row := make([]float32, r.taps)
		for j := range row {
			d := float64(j-r.taps/2+1) - float64(p)/float64(n)
			row[j] = float32(cut * sinc(cut*d) * kaiser(d/reach))
		}
		r.rows = append(r.rows, row)
	}
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser returns the Kaiser window at x from -1 to 1.
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel0(beta*math.Sqrt(1-x*x)) / bessel0(beta)
}

// bessel0 returns the modified Bessel function of order 0, by its power series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}

// begin puts silence before the first sample.
func (r *Resampler) begin() {
	r.phase, r.skip, r.in, r.out = 0, 0, 0, 0
	r.buf = append(r.buf[:0], make([]float32, max(0, r.taps/2-1))...)
}

// Push takes samples and returns the outputs that they complete, valid until the next call. Outputs
// are delayed by 48 samples of the lower rate, 3 ms at 16 kHz.
func (r *Resampler) Push(in []float32) []float32 {
	r.res = r.res[:0]
	if r.l == r.m {
		r.res = append(r.res, in...)
		return r.res
	}
	r.in += int64(len(in))
	r.feed(in)
	return r.res
}

// feed appends the outputs that in completes to res.
func (r *Resampler) feed(in []float32) {
	if n := min(r.skip, len(in)); n > 0 {
		in, r.skip = in[n:], r.skip-n
	}
	r.buf = append(r.buf, in...)
	at := 0
	for at+r.taps <= len(r.buf) {
		r.res = append(r.res, r.value(r.buf[at:at+r.taps]))
		r.out++
		r.phase += r.m
		at += r.phase / r.l
		r.phase %= r.l
	}
	if over := at - len(r.buf); over > 0 {
		r.skip, at = r.skip+over, len(r.buf)
	}
	r.buf = r.buf[:copy(r.buf, r.buf[at:])]
}

// value returns the output for the inputs x [taps] at the present phase.
func (r *Resampler) value(x []float32) float32 {
	if r.l <= mostPhases {
		return dot(r.rows[r.phase], x)
	}
	f := float64(r.phase) * mixedRows / float64(r.l)
	p := int(f)
	a, b := dot(r.rows[p], x), dot(r.rows[p+1], x)
	return a + float32(f-float64(p))*(b-a)
}

func dot(w, x []float32) float32 {
	x = x[:len(w)]
	var a, b float32
	for i := 0; i+1 < len(w); i += 2 {
		a += w[i] * x[i]
		b += w[i+1] * x[i+1]
	}
	return a + b
}

// Flush returns the last outputs, as if silence followed, and resets r for another stream. In all
// there are in·to/from outputs, rounded up.
func (r *Resampler) Flush() []float32 {
	r.res = r.res[:0]
	if r.l == r.m {
		return r.res
	}
	// taps/2 zeros complete every output that lies before the end; those after it are cut off.
	want := (r.in*int64(r.l) + int64(r.m) - 1) / int64(r.m)
	before := r.out
	r.feed(make([]float32, r.taps/2+r.skip))
	r.res = r.res[:min(int64(len(r.res)), want-before)]
	r.begin()
	return r.res
}
