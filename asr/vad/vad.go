// Package vad detects speech in audio: the Silero VAD v5 network (MIT, see LICENSE-silero) computes a
// probability of speech for each 32 ms, and Segmenter derives from them where speech begins and ends.
// Segmenter's detector raises soft sounds before the network (leveler), so that neither the level of a
// recording nor the telephone's band decides what is speech.
//
// The 16 kHz branch of the network, for one chunk of 512 samples with the 64 before it:
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
// The products and convolutions are two steps of a CPU device with one thread that the package
// opens; the magnitudes between them and the LSTM's cell are computed on the host. All detectors
// share the device, one after the other. A Detector takes 0.3 MB, the network 1.8 MB, and a chunk 30
// µs (Zen 4; 162 µs in plain Go), 0.4 ms beside a loud hum (tonalFilter). The weights are extracted
// by extract.py, which documents their order.
package vad

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"

	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/kernels/quant"
)

// Chunk is the number of samples that Prob takes, 32 ms at Rate.
const Chunk = 512

// Rate is the sample rate in Hz that the network expects.
const Rate = 16000

const (
	context = 64  // samples of the previous chunk that are input again
	pad     = 64  // samples reflected at the end
	window  = 256 // of the STFT
	hop     = 128
	frames  = 4
	bins    = 129
	hidden  = 128
)

//go:embed silero.bin
var silero []byte

// network holds the weights on a device. Whoever uses it holds mu.
type network struct {
	mu       sync.Mutex
	dev      kernels.Device
	basis    kernels.Matrix // [258][256]: 129 real rows, then 129 imaginary
	conv     [4]layer
	ofX, ofH kernels.Matrix // [512][128]: gates i, f, g, o of the LSTM; each with its bias
	head     []float32      // [128]
	headBias float32

	audio [context + Chunk + pad]float32
	mag   [frames * bins]float32 // [4][129]
}

// layer is a convolution of width 3 that pads with one row of zeros on both sides.
type layer struct {
	in, out, stride int
	weight          kernels.Matrix // [out][3][in], and bias
}

// load opens the network that all detectors share. Its device has no workers, so it is never closed.
// AnyLevel makes an unknown instruction level in the environment no error here.
var load = sync.OnceValue(func() *network {
	dev, err := cpu.New(cpu.Options{Threads: 1, Exact: true, AnyLevel: true})
	if err != nil {
		panic(err) // cannot happen with these options
	}
	n, err := parse(silero, dev)
	if err != nil {
		panic(err) // the embedded file is part of the package; a test loads it
	}
	return n
})

func parse(b []byte, dev kernels.Device) (*network, error) {
	const want = 258*256 + 128*387 + 128 + 64*384 + 64 + 64*192 + 64 + 128*192 + 128 + 2*512*128 + 2*512 + 128 + 1
	if len(b) != 4*want {
		return nil, fmt.Errorf("vad: silero.bin: %d bytes, want %d", len(b), 4*want)
	}
	take := func(n int) []byte {
		x := b[:4*n]
		b = b[4*n:]
		return x
	}
	var err error
	matrix := func(rows, cols int, weight []byte, bias []float32) kernels.Matrix {
		m, e := dev.Load(kernels.Weights{Type: quant.F32, Rows: rows, Cols: cols, Data: weight, Bias: bias})
		err = errors.Join(err, e)
		return m
	}
	n := &network{dev: dev, basis: matrix(2*bins, window, take(2*bins*window), nil)}
	for i, l := range []layer{{in: bins, out: 128, stride: 1}, {in: 128, out: 64, stride: 2}, {in: 64, out: 64, stride: 2}, {in: 64, out: 128, stride: 1}} {
		weight := take(l.out * 3 * l.in)
		l.weight = matrix(l.out, 3*l.in, weight, floats(take(l.out)))
		n.conv[i] = l
	}
	x, h := take(4*hidden*hidden), take(4*hidden*hidden)
	n.ofX = matrix(4*hidden, hidden, x, floats(take(4*hidden)))
	n.ofH = matrix(4*hidden, hidden, h, floats(take(4*hidden)))
	n.head, n.headBias = floats(take(hidden)), floats(take(1))[0]
	return n, err
}

// floats reads little-endian values.
func floats(b []byte) []float32 {
	x := make([]float32, len(b)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}

// Ahead is how many chunks a detector may look at before it processes them: 2 s, in which a hum is known.
const Ahead = humSpan

// Detector runs the network over one stream of audio. It belongs to one goroutine.
type Detector struct {
	net    *network
	last   [context]float32 // last samples of the chunks looked at
	seen   [Ahead]seen      // the latest of them; chunk number k is at k modulo Ahead
	looked int              // chunks looked at
	done   int              // chunks processed
	h      [hidden]float32
	cell   [hidden]float32
	level  float64 // of the last chunk processed, in dB

	levels  bool // the network sees soft sounds raised
	leveler leveler
	before  humFilter        // finds the hum in the chunks looked at
	tonal   tonalFilter      // takes a loud one away from the samples
	cleaned bool             // it has done so with the last chunk processed
	adapted int              // chunks looked at when tonal was used last; 0: never
	rest    [context]float32 // last of the samples without it
	hum     humFilter        // takes away what remains
}

// seen is a chunk and the magnitudes of its spectrum.
type seen struct {
	samples [Chunk]float32
	mag     [frames * bins]float32
}

// New returns a detector at the beginning of a stream.
func New() *Detector { return &Detector{net: load()} }

// NewLeveled is New for a detector that finds soft speech like loud speech, see leveler, and speech beside a hum.
func NewLeveled() *Detector { return &Detector{net: load(), levels: true} }

// Reset returns the detector to the beginning of a stream.
func (d *Detector) Reset() { *d = Detector{net: d.net, levels: d.levels} }

// Level returns the level of the last chunk between 300 and 3400 Hz in dB, where a full-scale
// square wave would have 0: -120 or more.
func (d *Detector) Level() float64 { return d.level }

// WithoutHum returns the samples of the last chunk processed without the tones of a loud hum, valid until the next
// call, or nil if there is none. They may be beyond -1 and 1.
func (d *Detector) WithoutHum() []float32 {
	if !d.cleaned {
		return nil
	}
	return d.tonal.out[:]
}

// Look lets the detector know the next of at most Ahead chunks that Prob will get, so that it knows a hum when the hum
// begins, and not 2 s later. Chunks are as for Prob.
func (d *Detector) Look(chunk []float32) {
	if len(chunk) > Chunk {
		panic(fmt.Sprintf("vad: a chunk of %d samples, at most %d", len(chunk), Chunk))
	}
	if d.looked-d.done == Ahead {
		panic("vad: too many chunks are looked at")
	}
	d.net.mu.Lock()
	defer d.net.mu.Unlock()
	d.look(chunk)
}

// look is Look for the owner of the network.
func (d *Detector) look(chunk []float32) {
	n, s := d.net, &d.seen[d.looked%Ahead]
	n.input(chunk, &d.last)
	n.stft()
	s.mag = n.mag
	copy(s.samples[:], n.audio[context:])
	d.looked++
	if !d.levels {
		return
	}
	d.before.observe(s.mag[:])
	if d.before.loud {
		if d.adapted == 0 || d.looked-d.adapted > Ahead {
			d.adapt()
		}
		d.adapted = d.looked
	}
}

// adapt adapts the filters to a hum that has become loud, by all chunks in seen.
func (d *Detector) adapt() {
	past, rest := d.tonal.past, d.rest
	d.hum = humFilter{}
	for k := max(0, d.looked-Ahead); k < d.looked; k++ {
		d.tonal.push(d.seen[k%Ahead].samples[:])
		d.withoutTones()
		limitHum(d.net.mag[:])
		d.hum.observe(d.net.mag[:])
	}
	d.tonal.past, d.rest = past, rest
}

// Prob processes the next Chunk samples (16 kHz, mono, -1 to 1) and returns the probability, 0 to 1,
// that they hold speech. A shorter chunk, the last of a stream, is padded with zeros; a longer one
// panics. Samples beyond -1 and 1 are clipped; those that are not finite count as 0. A chunk that the
// detector has looked at is given again.
func (d *Detector) Prob(chunk []float32) float32 {
	if d.looked == d.done {
		d.Look(chunk)
	}
	n, s := d.net, &d.seen[d.done%Ahead]
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mag = s.mag
	d.done++
	d.level = bandLevel(n.mag[:])
	if d.levels {
		d.cleanTones(s.samples[:])
		limitHum(n.mag[:])
		d.hum.clean(n.mag[:])
		n.raise(d.leveler.gain(bandLevel(n.mag[:])))
	}
	return n.speech(&d.h, &d.cell)
}

// cleanTones replaces the spectrum of the next chunk by that without the tones of a loud hum.
func (d *Detector) cleanTones(samples []float32) {
	d.tonal.push(samples)
	if d.cleaned = d.before.loud; !d.cleaned {
		copy(d.rest[:], samples[Chunk-context:])
		return
	}
	d.withoutTones()
}

// withoutTones computes the spectrum of the chunk that was pushed to the tonal filter, without tones.
func (d *Detector) withoutTones() {
	d.net.input(d.tonal.rest(), &d.rest)
	d.net.stft()
}

// input writes the context and the chunk to audio, reflects the end, and replaces the context.
func (n *network) input(chunk []float32, last *[context]float32) {
	x := n.audio[context : context+Chunk]
	copy(n.audio[:], last[:])
	clear(x[copy(x, chunk):])
	for i, v := range x {
		if v-v != 0 { // NaN or infinite: it would remain in the state
			v = 0
		}
		x[i] = min(max(v, -1), 1)
	}
	copy(last[:], x[Chunk-context:])
	const end = context + Chunk
	for i := range pad {
		n.audio[end+i] = n.audio[end-2-i]
	}
}

// stft fills mag with the magnitudes of the audio's spectrum.
func (n *network) stft() {
	s := n.dev.Begin(nil)
	audio := s.New(len(n.audio)/hop, hop)
	s.Write(audio, n.audio[:])
	windows := s.New(frames, window)
	s.Unfold(windows, audio, window/hop, 1, 0)
	spec := s.New(frames, 2*bins) // real parts, then imaginary ones
	s.MatMul(spec, windows, n.basis)
	rows := s.Read(spec)
	end(s)
	for t := range frames {
		re, im := rows.Row(t)[:bins], rows.Row(t)[bins:]
		for i, x := range re {
			n.mag[t*bins+i] = float32(math.Sqrt(float64(x*x + im[i]*im[i])))
		}
	}
}

// raise multiplies mag.
func (n *network) raise(gain float32) {
	if gain != 1 {
		for i := range n.mag {
			n.mag[i] *= gain
		}
	}
}

// speech runs the convolutions over mag, updates the state and returns the probability.
func (n *network) speech(h, cell *[hidden]float32) float32 {
	s := n.dev.Begin(nil)
	x, times := s.New(frames, bins), frames
	s.Write(x, n.mag[:])
	for i := range n.conv {
		l := &n.conv[i]
		times = (times-1)/l.stride + 1
		wide, y := s.New(times, 3*l.in), s.New(times, l.out)
		s.Unfold(wide, x, 3, l.stride, 1)
		s.MatMul(y, wide, l.weight)
		s.Activate(y, y, kernels.Tensor{}, kernels.ReLU)
		x = y
	}
	before, gates := s.New(1, hidden), s.New(1, 4*hidden)
	s.Write(before, h[:])
	s.MatMul(gates, x, n.ofX)
	s.MatMulAdd(gates, before, n.ofH)
	rows := s.Read(gates)
	end(s)
	return n.lstm(rows.Row(0), h, cell)
}

// end ends a step; a step of the CPU does not fail.
func end(s kernels.Step) {
	if err := s.End(); err != nil {
		panic(err)
	}
}

// lstm updates the state by the gates and returns the probability.
func (n *network) lstm(gates []float32, h, cell *[hidden]float32) float32 {
	i, f, g, o := gates[:hidden], gates[hidden:2*hidden], gates[2*hidden:3*hidden], gates[3*hidden:]
	sum := n.headBias
	for j := range hidden {
		cell[j] = sigmoid(f[j])*cell[j] + sigmoid(i[j])*tanh(g[j])
		h[j] = sigmoid(o[j]) * tanh(cell[j])
		sum += max(h[j], 0) * n.head[j]
	}
	return sigmoid(sum)
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }
func tanh(x float32) float32    { return float32(math.Tanh(float64(x))) }
