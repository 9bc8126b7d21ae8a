package whisper

// Names of a CTranslate2 file of Whisper (specification "WhisperSpec"):
//
//	encoder/conv1/{weight,bias}  encoder/conv2/…  encoder/position_encodings/encodings
//	encoder/layer_N/self_attention/{layer_norm/{gamma,beta}, linear_0: q k v, linear_1: out}
//	encoder/layer_N/ffn/{layer_norm, linear_0: up, linear_1: down}   encoder/layer_norm
//	decoder/embeddings/weight  decoder/position_encodings/encodings  decoder/layer_norm
//	decoder/layer_N/ as the encoder's, and
//	decoder/layer_N/attention/{layer_norm, linear_0: q, linear_1: k v, linear_2: out}
//
// Weights are [out, in] as in PyTorch; key biases are stored as zeros.

import (
	"encoding/binary"
	"fmt"
	"math"

	"soberano/kernels"
	"soberano/models"
)

func putFloat(b []byte, i int, v float32) {
	binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
}

// ct2 reads named parts of a file; the first error stays in err and the rest is skipped.
type ct2 struct {
	f   *models.File
	err error
}

func (c *ct2) need(name string, shape ...int) models.Tensor {
	if c.err != nil {
		return models.Tensor{}
	}
	t, err := c.f.Need(name, shape...)
	c.err = err
	return t
}

func (c *ct2) vector(name string, shape ...int) []float32 {
	t := c.need(name, shape...)
	if c.err != nil {
		return nil
	}
	var v []float32
	v, c.err = floats(c.f.Path, t)
	return v
}

func (c *ct2) norm(name string, n int) norm {
	return norm{gamma: c.vector(name+"/gamma", n), beta: c.vector(name+"/beta", n)}
}

func (c *ct2) matrix(name string, rows, cols int) kernels.Weights {
	t := c.need(name, rows, cols)
	if c.err != nil {
		return kernels.Weights{}
	}
	var w kernels.Weights
	w, c.err = matrix(c.f.Path, t, nil)
	return w
}

func (c *ct2) linear(name string, rows, cols int) []kernels.Weights {
	w := c.matrix(name+"/weight", rows, cols)
	w.Bias = c.vector(name+"/bias", rows)
	return []kernels.Weights{w}
}

func (c *ct2) convolution(name string, out, in int) kernels.Weights {
	t := c.need(name+"/weight", out, in, 3)
	bias := c.vector(name+"/bias", out)
	if c.err != nil {
		return kernels.Weights{}
	}
	var w kernels.Weights
	w, c.err = convolution(c.f.Path, t, bias)
	return w
}

func (c *ct2) layer(prefix string, d Dims, cross bool) layer {
	self, ffn := prefix+"/self_attention", prefix+"/ffn"
	l := layer{
		attnNorm: c.norm(self+"/layer_norm", d.State),
		qkv:      c.linear(self+"/linear_0", 3*d.State, d.State),
		out:      c.linear(self+"/linear_1", d.State, d.State),
		ffnNorm:  c.norm(ffn+"/layer_norm", d.State),
		up:       c.linear(ffn+"/linear_0", d.FFN, d.State),
		down:     c.linear(ffn+"/linear_1", d.State, d.FFN),
	}
	if cross {
		attn := prefix + "/attention"
		l.crossNorm = c.norm(attn+"/layer_norm", d.State)
		l.crossQ = c.linear(attn+"/linear_0", d.State, d.State)
		l.crossKV = c.linear(attn+"/linear_1", 2*d.State, d.State)
		l.crossOut = c.linear(attn+"/linear_2", d.State, d.State)
	}
	return l
}

// ct2Dims takes the sizes from the tensors' shapes.
func ct2Dims(f *models.File) (Dims, error) {
	var err error
	shape := func(name string, rank int) []int {
		t, ok := f.Tensor(name)
		if err == nil && !ok {
			err = models.Unsupported(f.Path, "use a Whisper model for speech", "has no tensor %q, so it is not a Whisper model", name)
		}
		if err == nil && len(t.Shape) != rank {
			err = models.Corrupt(f.Path, "is damaged: tensor %q has shape %v, expected %d dimensions", name, t.Shape, rank)
		}
		if err != nil {
			return make([]int, rank)
		}
		return t.Shape
	}
	layers := func(half string) int {
		n := 0
		for n <= maxLayers {
			if _, ok := f.Tensor(fmt.Sprintf("%s/layer_%d/ffn/layer_norm/gamma", half, n)); !ok {
				break
			}
			n++
		}
		return n
	}
	conv1 := shape("encoder/conv1/weight", 3)
	d := Dims{
		State:        conv1[0],
		Mels:         conv1[1],
		Heads:        conv1[0] / headDim,
		EncLayers:    layers("encoder"),
		DecLayers:    layers("decoder"),
		FFN:          shape("encoder/layer_0/ffn/linear_0/weight", 2)[0],
		AudioContext: shape("encoder/position_encodings/encodings", 2)[0],
		TextContext:  shape("decoder/position_encodings/encodings", 2)[0],
		Vocab:        shape("decoder/embeddings/weight", 2)[0],
	}
	if err != nil {
		return d, err
	}
	return d, d.check(f.Path)
}

func fromCTranslate2(f *models.File) (*weights, error) {
	d, err := ct2Dims(f)
	if err != nil {
		return nil, err
	}
	c := &ct2{f: f}
	w := &weights{
		dims:    d,
		conv1:   c.convolution("encoder/conv1", d.State, d.Mels),
		conv2:   c.convolution("encoder/conv2", d.State, d.State),
		encPos:  c.vector("encoder/position_encodings/encodings", d.AudioContext, d.State),
		encNorm: c.norm("encoder/layer_norm", d.State),
		embed:   c.matrix("decoder/embeddings/weight", d.Vocab, d.State),
		decPos:  c.matrix("decoder/position_encodings/encodings", d.TextContext, d.State),
		decNorm: c.norm("decoder/layer_norm", d.State),
	}
	for n := range d.EncLayers {
		w.enc = append(w.enc, c.layer(fmt.Sprintf("encoder/layer_%d", n), d, false))
	}
	for n := range d.DecLayers {
		w.dec = append(w.dec, c.layer(fmt.Sprintf("decoder/layer_%d", n), d, true))
	}
	return w, c.err
}
