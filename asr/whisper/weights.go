package whisper

import (
	"soberano/engine/token"
	"soberano/kernels"
	"soberano/kernels/quant"
	"soberano/models"
)

// Dims holds the sizes of a model.
type Dims struct {
	Mels         int // mel bands of the input: 80, or 128 from large-v3 on
	State        int // width of the residual stream of encoder and decoder
	Heads        int // each of HeadDim dimensions, 64 in every published model
	EncLayers    int
	DecLayers    int
	FFN          int // width of the feed-forward layers
	AudioContext int // encoder positions: 1500, 20 ms each
	TextContext  int // decoder positions: 448
	Vocab        int // 51865 (multilingual), 51864 (English only), 51866 (large-v3); more with further tokens
}

// HeadDim returns the width of a head.
func (d Dims) HeadDim() int { return d.State / d.Heads }

// Frames returns the number of mel frames of a window, 10 ms each; the second convolution halves
// them.
func (d Dims) Frames() int { return 2 * d.AudioContext }

// norm is a LayerNorm: State values each.
type norm struct{ gamma, beta []float32 }

// layer holds the weights of one block. Matrices with the same input are lists of parts, which the
// device stacks into one.
type layer struct {
	attnNorm norm
	qkv      []kernels.Weights // query, key, value: [3·State × State] in all
	out      []kernels.Weights // [State × State]

	crossNorm norm // decoder only, as the next three
	crossQ    []kernels.Weights
	crossKV   []kernels.Weights // key, value: [2·State × State]
	crossOut  []kernels.Weights

	ffnNorm norm
	up      []kernels.Weights // [FFN × State]
	down    []kernels.Weights // [State × FFN]
}

// weights holds the weights by their role in the network. Each file format has a function that
// fills it (see ctranslate2.go) and an entry in readers.
type weights struct {
	dims Dims

	conv1, conv2 kernels.Weights // [State × 3·Mels], [State × 3·State], see convolution
	encPos       []float32       // [AudioContext × State]
	enc          []layer
	encNorm      norm

	embed   kernels.Weights // [Vocab × State]; also the output matrix
	decPos  kernels.Weights // [TextContext × State]
	dec     []layer
	decNorm norm
}

// reader holds the functions that read Whisper from one file format.
type reader struct {
	weights func(*models.File) (*weights, error)
	text    func(*models.File) (*token.Tokenizer, error)
}

// readers has an entry for each file format that can hold Whisper.
var readers = map[string]reader{
	"ctranslate2": {fromCTranslate2, textCTranslate2},
	"ggml":        {fromGGML, textGGML},
	"safetensors": {fromSafetensors, textSafetensors},
	"apr":         {fromAPR, textAPR},
}

func readerOf(f *models.File) (reader, error) {
	r, ok := readers[f.Format]
	if !ok {
		return r, models.Unsupported(f.Path, "for speech use a Whisper model: a folder in CTranslate2 or safetensors form, whisper.cpp's .bin, or an .apr file",
			"is no speech model, but a %s file", f.Format)
	}
	return r, nil
}

// readWeights returns the checked weights of f.
func readWeights(f *models.File) (*weights, error) {
	r, err := readerOf(f)
	if err != nil {
		return nil, err
	}
	w, err := r.weights(f)
	if err != nil {
		return nil, err
	}
	return w, w.dims.checkHeads(f.Path)
}

// declaredHeads returns the number of heads that f states under keys, which have to agree. If it
// states none, heads have 64 dimensions, as in every published model.
func declaredHeads(f *models.File, state int, keys ...string) (int, error) {
	heads := 0
	for _, key := range keys {
		n, err := f.Meta.Int(key, 0)
		if err != nil {
			return 0, models.Corrupt(f.Path, "is damaged: %v", err)
		}
		if heads != 0 && n != 0 && n != heads {
			return 0, models.Unsupported(f.Path, "use a published Whisper model", "has %d heads in one half and %d in the other", heads, n)
		}
		if n != 0 {
			heads = n
		}
	}
	if heads == 0 {
		heads = state / 64
	}
	return heads, nil
}

// Limits of a plausible model; the largest published one has State 1280, 32 layers, FFN 5120.
const (
	maxState    = 4096
	maxLayers   = 64
	maxFFN      = 4 * maxState
	maxContext  = 4096
	leastVocab  = 51864   // English only
	layoutVocab = 51866   // 100 languages, the largest published one
	maxVocab    = 1 << 17 // with further tokens after the special ones
)

func (d Dims) check(path string) error {
	bad := func(field string, value int, want string) error {
		return models.Unsupported(path, "use a published Whisper model", "has the %s %d, expected %s", field, value, want)
	}
	switch {
	case d.Mels != 80 && d.Mels != 128:
		return bad("number of mel bands", d.Mels, "80 or 128")
	case d.State < 8 || d.State > maxState || d.State%8 != 0:
		return bad("model width", d.State, "a multiple of 8 up to 4096")
	case d.EncLayers < 1 || d.EncLayers > maxLayers:
		return bad("number of encoder layers", d.EncLayers, "1 to 64")
	case d.DecLayers < 1 || d.DecLayers > maxLayers:
		return bad("number of decoder layers", d.DecLayers, "1 to 64")
	case d.FFN < 1 || d.FFN > maxFFN:
		return bad("feed-forward width", d.FFN, "1 to 16384")
	case d.AudioContext != 1500:
		return bad("audio context", d.AudioContext, "1500")
	case d.TextContext < 16 || d.TextContext > maxContext:
		return bad("text context", d.TextContext, "16 to 4096")
	case d.Vocab < leastVocab || d.Vocab > maxVocab:
		return bad("vocabulary size", d.Vocab, "51864 to 131072")
	}
	return nil
}

// checkHeads checks the number of heads, which some files state elsewhere than the other sizes.
func (d Dims) checkHeads(path string) error {
	if d.Heads < 1 || d.State%d.Heads != 0 || d.HeadDim()%8 != 0 || d.HeadDim() > 256 {
		return models.Unsupported(path, "use a published Whisper model", "has %d heads for a width of %d, which is not a multiple of 8 up to 256 for each", d.Heads, d.State)
	}
	return nil
}

// floats returns t's values as float32.
func floats(path string, t models.Tensor) ([]float32, error) {
	n := t.Rows() * t.Cols()
	if !t.Type.Known() || n%t.Type.BlockValues() != 0 || t.Type.RowBytes(n) != len(t.Data) {
		return nil, models.Corrupt(path, "is damaged: tensor %s of type %v has %d bytes for %d values",
			models.Quote(t.Name), t.Type, len(t.Data), n)
	}
	out := make([]float32, n)
	quant.Dequantize(t.Type, out, t.Data)
	return out, nil
}

// matrix returns t, two dimensions, as weights with an optional bias.
func matrix(path string, t models.Tensor, bias []float32) (kernels.Weights, error) {
	w := kernels.Weights{Type: t.Type, Rows: t.Rows(), Cols: t.Cols(), Data: t.Data, Bias: bias}
	if !t.Type.Known() || w.Cols%t.Type.BlockValues() != 0 || w.Rows*t.Type.RowBytes(w.Cols) != len(t.Data) {
		return w, models.Corrupt(path, "is damaged: tensor %s of type %v has %d bytes for %d × %d values",
			models.Quote(t.Name), t.Type, len(t.Data), w.Rows, w.Cols)
	}
	return w, nil
}

// convolution converts a kernel [out, in, width] to the matrix [out × width·in] that multiplies
// unfolded rows, in which the neighbours of a position are side by side.
func convolution(path string, t models.Tensor, bias []float32) (kernels.Weights, error) {
	out, in, width := t.Shape[0], t.Shape[1], t.Shape[2]
	src, err := floats(path, t)
	if err != nil {
		return kernels.Weights{}, err
	}
	data := make([]byte, 4*len(src))
	for o := range out {
		for c := range in {
			for k := range width {
				putFloat(data, (o*width+k)*in+c, src[(o*in+c)*width+k])
			}
		}
	}
	return kernels.Weights{Type: quant.F32, Rows: out, Cols: width * in, Data: data, Bias: bias}, nil
}
