// Package vad finds speech in audio: the Silero VAD v5 network (MIT, see LICENSE-silero)
// gives each 32 ms a probability of speech, and Segmenter turns those into stretches.
//
// The network, its 16 kHz branch, for one chunk of 512 samples with the 64 before it:
//
//	samples [576] ─ reflected at the end by 64 → [640]
//	STFT: 4 windows of 256 every 128, times the basis [258][256]
//	│     magnitude of 129 pairs (real, imaginary)            → [4][129]
//	conv 3, stride 1, 129 → 128, ReLU                         → [4][128]
//	conv 3, stride 2, 128 →  64, ReLU                         → [2][64]
//	conv 3, stride 2,  64 →  64, ReLU                         → [1][64]
//	conv 3, stride 1,  64 → 128, ReLU                         → [1][128]
//	LSTM 128 → 128, h and c carried from chunk to chunk       → [128]
//	ReLU, dot with [128], plus bias, sigmoid                  → probability
//
// Activations lie as [time][channel] with a row of zeros at both ends, so the three rows
// under a tap of the convolution are contiguous and each output is one dot product.
// The weights are extracted by extract.py, which tells their order; silero.bin is 1.2 MB.
package vad

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
)

// Chunk is the number of samples that Prob takes, 32 ms at Rate.
const Chunk = 512

// Rate is the sample rate in Hz that the network expects.
const Rate = 16000

const (
	context = 64  // samples of the chunk before, seen again
	pad     = 64  // samples reflected at the end
	window  = 256 // of the STFT
	hop     = 128
	frames  = 4
	bins    = 129
	hidden  = 128
)

//go:embed silero.bin
var silero []byte

// network holds the weights; it is read-only and shared.
type network struct {
	basis    []float32 // [258][256]: 129 real rows, then 129 imaginary
	conv     [4]layer
	rnn      []float32 // [512][256]: gates i, f, g, o; each row the weights of x, then of h
	rnnBias  []float32 // [512]: both biases added
	head     []float32 // [128]
	headBias float32
}

// layer is a convolution of width 3 that pads with one row of zeros on both sides.
type layer struct {
	in, out, stride int
	weight          []float32 // [out][3][in]
	bias            []float32 // [out]
}

var load = sync.OnceValue(func() *network {
	n, err := parse(silero)
	if err != nil {
		panic(err) // the embedded file belongs to this very package; a test loads it
	}
	return n
})

func parse(b []byte) (*network, error) {
	const want = 258*256 + 128*387 + 128 + 64*384 + 64 + 64*192 + 64 + 128*192 + 128 + 2*512*128 + 2*512 + 128 + 1
	if len(b) != 4*want {
		return nil, fmt.Errorf("vad: silero.bin: %d bytes, want %d", len(b), 4*want)
	}
	take := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
		b = b[4*n:]
		return x
	}
	n := &network{basis: take(2 * bins * window)}
	for i, l := range []layer{{in: bins, out: 128, stride: 1}, {in: 128, out: 64, stride: 2}, {in: 64, out: 64, stride: 2}, {in: 64, out: 128, stride: 1}} {
		l.weight, l.bias = take(l.out*3*l.in), take(l.out)
		n.conv[i] = l
	}
	wx, wh := take(4*hidden*hidden), take(4*hidden*hidden)
	for r := range 4 * hidden {
		n.rnn = append(n.rnn, wx[r*hidden:(r+1)*hidden]...)
		n.rnn = append(n.rnn, wh[r*hidden:(r+1)*hidden]...)
	}
	bx, bh := take(4*hidden), take(4*hidden)
	for i := range bx {
		bx[i] += bh[i]
	}
	n.rnnBias, n.head, n.headBias = bx, take(hidden), take(1)[0]
	return n, nil
}

// Detector runs the network over one stream of audio. It belongs to one goroutine.
type Detector struct {
	net   *network
	audio [context + Chunk + pad]float32
	spec  [2 * bins]float32
	mag   [(frames + 2) * bins]float32 // [1+4+1][129], first and last row zero
	a     [(frames + 2) * 128]float32  // [1+4+1][128]
	b     [(2 + 2) * 64]float32        // [1+2+1][64]
	c     [(1 + 2) * 64]float32        // [1+1+1][64]
	out   [(1 + 2) * 128]float32       // [1+1+1][128]
	xh    [2 * hidden]float32          // input of the LSTM, then its h
	cell  [hidden]float32
	gates [4 * hidden]float32
}

// New returns a detector at the beginning of a stream.
func New() *Detector { return &Detector{net: load()} }

// Reset forgets all audio heard so far.
func (d *Detector) Reset() { *d = Detector{net: d.net} }

// Prob hears the next Chunk samples (16 kHz, mono, -1 to 1) and returns how likely they
// hold speech, 0 to 1. A shorter chunk, the last of a stream, is padded with zeros; a
// longer one panics. A sample beyond -1 and 1 is clipped; one that is not
// a finite number counts as 0.
func (d *Detector) Prob(chunk []float32) float32 {
	if len(chunk) > Chunk {
		panic(fmt.Sprintf("vad: a chunk of %d samples, at most %d", len(chunk), Chunk))
	}
	d.hear(chunk)
	d.stft()
	d.net.conv[0].run(d.a[128:], d.mag[:], 4)
	d.net.conv[1].run(d.b[64:], d.a[:], 2)
	d.net.conv[2].run(d.c[64:], d.b[:], 1)
	d.net.conv[3].run(d.out[128:], d.c[:], 1)
	return d.lstm(d.out[128:256])
}

// hear shifts the chunk in behind the context and reflects its end.
func (d *Detector) hear(chunk []float32) {
	x := &d.audio
	copy(x[:context], x[Chunk:Chunk+context])
	n := copy(x[context:context+Chunk], chunk)
	clear(x[context+n : context+Chunk])
	for i, v := range x[context : context+n] {
		if v-v != 0 { // NaN or infinite: it would stay in the state for ever
			v = 0
		}
		x[context+i] = min(max(v, -1), 1)
	}
	const end = context + Chunk
	for i := range pad {
		x[end+i] = x[end-2-i]
	}
}

// stft fills mag with the magnitudes.
func (d *Detector) stft() {
	for t := range frames {
		matvec(d.spec[:], d.net.basis, d.audio[t*hop:t*hop+window], nil)
		row := d.mag[(t+1)*bins : (t+2)*bins]
		for i := range row {
			re, im := d.spec[i], d.spec[bins+i]
			row[i] = float32(math.Sqrt(float64(re*re + im*im)))
		}
	}
}

// run computes n rows of dst [n][out] from src [1+rows+1][in].
func (l *layer) run(dst, src []float32, n int) {
	for t := range n {
		from := t * l.stride * l.in
		row := dst[t*l.out : (t+1)*l.out]
		matvec(row, l.weight, src[from:from+3*l.in], l.bias)
		for i, v := range row {
			row[i] = max(v, 0)
		}
	}
}

// lstm steps the memory with x [128] and returns the probability.
func (d *Detector) lstm(x []float32) float32 {
	copy(d.xh[:hidden], x)
	matvec(d.gates[:], d.net.rnn, d.xh[:], d.net.rnnBias)
	i, f, g, o := d.gates[:hidden], d.gates[hidden:2*hidden], d.gates[2*hidden:3*hidden], d.gates[3*hidden:]
	sum := d.net.headBias
	for j := range hidden {
		c := sigmoid(f[j])*d.cell[j] + sigmoid(i[j])*tanh(g[j])
		h := sigmoid(o[j]) * tanh(c)
		d.cell[j], d.xh[hidden+j] = c, h
		sum += max(h, 0) * d.net.head[j]
	}
	return sigmoid(sum)
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }
func tanh(x float32) float32    { return float32(math.Tanh(float64(x))) }

// matvec computes dst [m] = w [m][n] · x [n] + bias [m] (nil: none), four rows at a time so
// that each x is loaded once for four products.
func matvec(dst, w, x, bias []float32) {
	n, m := len(x), len(dst)
	r := 0
	for ; r+4 <= m; r += 4 {
		a, b, c, d := w[r*n:][:n], w[(r+1)*n:][:n], w[(r+2)*n:][:n], w[(r+3)*n:][:n]
		var s0, s1, s2, s3 float32
		for i, v := range x {
			s0 += a[i] * v
			s1 += b[i] * v
			s2 += c[i] * v
			s3 += d[i] * v
		}
		dst[r], dst[r+1], dst[r+2], dst[r+3] = s0, s1, s2, s3
	}
	for ; r < m; r++ {
		var s float32
		for i, v := range w[r*n:][:n] {
			s += v * x[i]
		}
		dst[r] = s
	}
	for i, v := range bias {
		dst[i] += v
	}
}
