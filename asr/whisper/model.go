// Package whisper is the Whisper network (Radford et al. 2022, arXiv:2212.04356) on a
// kernels.Device, and its decoding to text with times.
//
//	mel [3000 × 80] ─conv─conv/2─▶ [1500 × State] ─encoder blocks─▶ audio features
//	                                                                     │ keys, values once per window
//	tokens ─embed + position─▶ decoder blocks (self, cross attention) ◀──┘
//	                                └─▶ logits ─rules─▶ token ─▶ …
//
// A window is 30 s of audio, padded with zeros. Tokens after the text vocabulary are times from the
// window's start in steps of 20 ms.
package whisper

import (
	"errors"
	"fmt"
	"slices"

	"soberano/engine/token"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models"
)

// Tokenizer converts tokens to text and back. Special tokens follow from the size of the
// vocabulary, see Specials.
type Tokenizer interface {
	Decode(ids []int32) []byte
	Encode(text string, o token.Options) []int32
}

// maxBeam is the largest number of hypotheses that are decoded side by side.
const maxBeam = 8

// block is a layer with its weights on the device.
type block struct {
	attnNorm, crossNorm, ffnNorm layerNorm
	qkv, out                     kernels.Matrix
	crossQ, crossKV, crossOut    kernels.Matrix
	up, down                     kernels.Matrix
}

// layerNorm is a LayerNorm on the device, State values each.
type layerNorm struct{ gamma, beta kernels.Vector }

// Model is a Whisper model on a device. It is used by one goroutine at a time.
type Model struct {
	Dims
	Specials

	file  *models.File
	dev   kernels.Device
	pool  *cpu.Pool // computes on logits
	text  Tokenizer
	batch kernels.Batch // of the decoder's step

	conv1, conv2  kernels.Matrix
	encPos        kernels.Vector // [AudioContext × State]
	enc           []block
	encNorm       layerNorm
	embed, decPos kernels.Matrix
	dec           []block
	decNorm       layerNorm
	suppress      []int32 // never sampled
	suppressFirst []int32 // not sampled as the first token
	aligned       []head  // alignment heads, see Align
	encState      kernels.State
	input         []float32 // see transposed

	replace func(cause error) error // see SetReplace
	moves   int                     // how often the device was replaced
	failed  error                   // the device has failed, and could not be replaced
}

// New loads the weights of f into dev. pool computes on the host; dev may use the same pool. f has
// to stay open until dev is closed. Errors name the file and the reason.
func New(dev kernels.Device, pool *cpu.Pool, f *models.File, text Tokenizer) (*Model, error) {
	m, err := read(dev, pool, f, text)
	if err != nil {
		return nil, err
	}
	if err := m.reserve(); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return m, nil
}

// Check reports whether New can load f, on a device that loads nothing, and returns the model's
// special tokens.
func Check(f *models.File, text Tokenizer) (Specials, error) {
	m, err := read(kernels.Checker{}, nil, f, text)
	if err != nil {
		return Specials{}, err
	}
	return m.Specials, nil
}

// read is New without the memory for steps.
func read(dev kernels.Device, pool *cpu.Pool, f *models.File, text Tokenizer) (*Model, error) {
	w, err := readWeights(f)
	if err != nil {
		return nil, err
	}
	special, ok := layout(w.dims.Vocab, text)
	if !ok {
		return nil, models.Unsupported(f.Path, "use a published Whisper model", "has a vocabulary of %d tokens, in which its tokenizer has none of Whisper's", w.dims.Vocab)
	}
	m := &Model{Dims: w.dims, Specials: special, file: f, dev: dev, pool: pool, text: text}
	if m.suppress, m.suppressFirst, err = suppressed(f, m.Specials); err != nil {
		return nil, err
	}
	if m.aligned, err = alignmentHeads(f, w.dims); err != nil {
		return nil, err
	}
	if _, listed, _ := lists(f); !listed {
		m.suppress, m.suppressFirst = append(m.suppress, nonSpeech(text)...), append(m.suppressFirst, blank(text)...)
	}
	for id := special.TimesBegin + timestamps; int(id) < m.Vocab; id++ {
		m.suppress = append(m.suppress, id) // tokens of this model alone, with unknown meaning
	}
	if err := m.load(w); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return m, nil
}

func (m *Model) load(w *weights) error {
	var errs error
	load := func(parts ...kernels.Weights) kernels.Matrix {
		if len(parts) == 0 || errs != nil {
			return nil
		}
		x, err := m.dev.Load(parts...)
		errs = errors.Join(errs, err)
		return x
	}
	vector := func(x []float32) kernels.Vector {
		if x == nil || errs != nil {
			return nil
		}
		v, err := m.dev.NewVector(x)
		errs = errors.Join(errs, err)
		return v
	}
	norms := func(n norm) layerNorm { return layerNorm{vector(n.gamma), vector(n.beta)} }
	m.conv1, m.conv2, m.encPos = load(w.conv1), load(w.conv2), vector(w.encPos)
	m.embed, m.decPos = load(w.embed), load(w.decPos)
	blocks := func(layers []layer) []block {
		out := make([]block, len(layers))
		for i, l := range layers {
			out[i] = block{
				attnNorm: norms(l.attnNorm), crossNorm: norms(l.crossNorm), ffnNorm: norms(l.ffnNorm),
				qkv: load(l.qkv...), out: load(l.out...),
				crossQ: load(l.crossQ...), crossKV: load(l.crossKV...), crossOut: load(l.crossOut...),
				up: load(l.up...), down: load(l.down...),
			}
		}
		return out
	}
	m.enc, m.dec = blocks(w.enc), blocks(w.dec)
	m.encNorm, m.decNorm = norms(w.encNorm), norms(w.decNorm)
	return errs
}

// reserve makes the encoder's state, and makes the device allocate the memory of the largest step,
// the encoder's, at once: growing in parts would take twice as much for a while.
func (m *Model) reserve() error {
	// The encoder's blocks run one after the other and share one layer of state. Keys and values
	// in 8 bits were not faster, and the features less accurate. In bfloat16 words are wrong that are
	// right in float16 and float32.
	var err error
	if m.encState, err = m.dev.NewState(m.stateShape(1, m.AudioContext, true)); err != nil {
		return err
	}
	const pad = 32 // most values by which a row may be padded
	s := m.dev.Begin(nil)
	s.New(1, m.scratch(m.AudioContext)+m.AudioContext*2*(m.State+pad))
	return s.End()
}

// stateShape returns the shape of a state of so many layers and positions.
func (m *Model) stateShape(layers, positions int, fine bool) kernels.StateShape {
	l := kernels.Layer{KVHeads: m.Heads, KeyDim: m.HeadDim(), ValueDim: m.HeadDim(), Fine: fine}
	return kernels.StateShape{Layers: slices.Repeat([]kernels.Layer{l}, layers), Cap: positions}
}

// CrossShape returns the shape of the state that holds a window's audio for the decoder.
func (m *Model) CrossShape() kernels.StateShape {
	return m.stateShape(m.DecLayers, m.AudioContext, false)
}
