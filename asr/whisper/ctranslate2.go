package whisper

import (
	"fmt"

	"soberano/engine/token"
	"soberano/kernels"
	"soberano/models"
)

// ct2 reads the tensors of a CTranslate2 file of Whisper (specification "WhisperSpec"):
//
//	encoder/conv1/{weight,bias}  encoder/conv2/…  encoder/position_encodings/encodings
//	encoder/layer_N/self_attention/{layer_norm/{gamma,beta}, linear_0: q k v, linear_1: out}
//	encoder/layer_N/ffn/{layer_norm, linear_0: up, linear_1: down}   encoder/layer_norm
//	decoder/embeddings/weight  decoder/position_encodings/encodings  decoder/layer_norm
//	decoder/layer_N/ as the encoder's, and
//	decoder/layer_N/attention/{layer_norm, linear_0: q, linear_1: k v, linear_2: out}
//
// Weights are [out, in] as in PyTorch; key biases are stored as zeros.
type ct2 struct{ part }

func (c *ct2) norm(name string, n int) norm {
	return norm{gamma: c.vector(name+"/gamma", n), beta: c.vector(name+"/beta", n)}
}

func (c *ct2) stack(name string, rows, cols int) []kernels.Weights {
	return []kernels.Weights{c.linear(name+"/weight", name+"/bias", rows, cols)}
}

func (c *ct2) conv(name string, out, in int) kernels.Weights {
	t := c.need(name+"/weight", out, in, 3)
	return c.unfold(t, c.vector(name+"/bias", out))
}

func (c *ct2) layer(prefix string, d Dims, cross bool) layer {
	self, ffn := prefix+"/self_attention", prefix+"/ffn"
	l := layer{
		attnNorm: c.norm(self+"/layer_norm", d.State),
		qkv:      c.stack(self+"/linear_0", 3*d.State, d.State),
		out:      c.stack(self+"/linear_1", d.State, d.State),
		ffnNorm:  c.norm(ffn+"/layer_norm", d.State),
		up:       c.stack(ffn+"/linear_0", d.FFN, d.State),
		down:     c.stack(ffn+"/linear_1", d.State, d.FFN),
	}
	if cross {
		attn := prefix + "/attention"
		l.crossNorm = c.norm(attn+"/layer_norm", d.State)
		l.crossQ = c.stack(attn+"/linear_0", d.State, d.State)
		l.crossKV = c.stack(attn+"/linear_1", 2*d.State, d.State)
		l.crossOut = c.stack(attn+"/linear_2", d.State, d.State)
	}
	return l
}

// dims returns the sizes by the tensors' shapes, and the number of heads that the file states.
func (c *ct2) dims() (Dims, error) {
	layers := func(half string) int {
		return c.count(func(n int) string { return fmt.Sprintf("%s/layer_%d/ffn/layer_norm/gamma", half, n) })
	}
	conv1 := c.shape("encoder/conv1/weight", 3)
	d := Dims{
		State:        conv1[0],
		Mels:         conv1[1],
		EncLayers:    layers("encoder"),
		DecLayers:    layers("decoder"),
		FFN:          c.shape("encoder/layer_0/ffn/linear_0/weight", 2)[0],
		AudioContext: c.shape("encoder/position_encodings/encodings", 2)[0],
		TextContext:  c.shape("decoder/position_encodings/encodings", 2)[0],
		Vocab:        c.shape("decoder/embeddings/weight", 2)[0],
	}
	if c.err != nil {
		return d, c.err
	}
	var err error
	d.Heads, err = declaredHeads(c.f, d.State, "encoder/num_heads", "decoder/num_heads")
	if err != nil {
		return d, err
	}
	return d, d.check(c.f.Path)
}

func fromCTranslate2(f *models.File) (*weights, error) {
	c := &ct2{part{f: f}}
	d, err := c.dims()
	if err != nil {
		return nil, err
	}
	w := &weights{
		dims:    d,
		conv1:   c.conv("encoder/conv1", d.State, d.Mels),
		conv2:   c.conv("encoder/conv2", d.State, d.State),
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

func textCTranslate2(f *models.File) (*token.Tokenizer, error) {
	if f.Aux["tokenizer.json"] == nil {
		return nil, models.Unsupported(f.Path, "put the tokenizer.json that belongs to it beside model.bin", "has no tokenizer.json")
	}
	return fromJSON(f, "vocabulary.json", "vocabulary.txt")
}
