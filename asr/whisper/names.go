package whisper

import (
	"fmt"

	"soberano/kernels"
	"soberano/models"
)

// naming is one family of tensor names; %s is the half of the network, %d the layer. Files with
// separate query, key and value matrices use one of two families:
//
//	OpenAI's, in ggml files                 Hugging Face's, in safetensors (with "model." before
//	                                        them) and APR files
//	encoder.conv1.{weight,bias}             encoder.conv1.{weight,bias}
//	encoder.positional_embedding            encoder.embed_positions.weight
//	encoder.blocks.N.attn_ln                encoder.layers.N.self_attn_layer_norm
//	encoder.blocks.N.attn.query             encoder.layers.N.self_attn.q_proj
//	                .attn.key (no bias)                    .self_attn.k_proj (no bias)
//	                .attn.value, .out                      .self_attn.v_proj, .out_proj
//	                .mlp_ln, .mlp.0, .mlp.2                .final_layer_norm, .fc1, .fc2
//	encoder.ln_post                         encoder.layer_norm
//	decoder.token_embedding.weight          decoder.embed_tokens.weight
//	decoder.positional_embedding            decoder.embed_positions.weight
//	decoder.blocks.N.cross_attn_ln, …       decoder.layers.N.encoder_attn_layer_norm, …
//	decoder.ln                              decoder.layer_norm
//
// Weights are [out, in]. A name that differs between programs is a list.
type naming struct {
	encPos, decPos, embed            []string
	encNorm, decNorm, layer          string
	attn, attnNorm, cross, crossNorm string
	q, k, v, out, ffnNorm, up, down  string
}

var openAI = naming{
	encPos: []string{"encoder.positional_embedding"}, decPos: []string{"decoder.positional_embedding"}, embed: []string{"decoder.token_embedding.weight"},
	encNorm: "encoder.ln_post", decNorm: "decoder.ln", layer: "%s.blocks.%d.",
	attn: "attn.", attnNorm: "attn_ln", cross: "cross_attn.", crossNorm: "cross_attn_ln",
	q: "query", k: "key", v: "value", out: "out", ffnNorm: "mlp_ln", up: "mlp.0", down: "mlp.2",
}

var huggingFace = naming{
	encPos:  []string{"encoder.embed_positions.weight", "encoder.positional_embedding"},
	decPos:  []string{"decoder.embed_positions.weight", "decoder.positional_embedding"},
	embed:   []string{"decoder.embed_tokens.weight", "decoder.token_embedding", "decoder.token_embedding.weight"},
	encNorm: "encoder.layer_norm", decNorm: "decoder.layer_norm", layer: "%s.layers.%d.",
	attn: "self_attn.", attnNorm: "self_attn_layer_norm", cross: "encoder_attn.", crossNorm: "encoder_attn_layer_norm",
	q: "q_proj", k: "k_proj", v: "v_proj", out: "out_proj", ffnNorm: "final_layer_norm", up: "fc1", down: "fc2",
}

// apart reads the tensors of a file with separate query, key and value matrices.
type apart struct {
	part
	naming
	prefix string // of every name: "model." or ""
}

// first returns the first of names that the file has, or names[0].
func (a *apart) first(names []string) string {
	for _, name := range names {
		if _, ok := a.f.Tensor(a.prefix + name); ok {
			return a.prefix + name
		}
	}
	return a.prefix + names[0]
}

func (a *apart) norm(name string, n int) norm {
	return norm{gamma: a.vector(name+".weight", n), beta: a.vector(name+".bias", n)}
}

// projection reads a matrix and its bias, which may be missing if optional.
func (a *apart) projection(name string, rows, cols int, optional bool) kernels.Weights {
	bias := name + ".bias"
	if _, ok := a.f.Tensor(bias); !ok && optional {
		bias = ""
	}
	return a.linear(name+".weight", bias, rows, cols)
}

func (a *apart) attention(name string, d Dims) (q, k, v, out kernels.Weights) {
	n := d.State
	return a.projection(name+a.q, n, n, false), a.projection(name+a.k, n, n, true),
		a.projection(name+a.v, n, n, false), a.projection(name+a.out, n, n, false)
}

func (a *apart) readLayer(half string, n int, d Dims) layer {
	at := a.prefix + fmt.Sprintf(a.layer, half, n)
	q, k, v, out := a.attention(at+a.attn, d)
	l := layer{
		attnNorm: a.norm(at+a.attnNorm, d.State),
		qkv:      []kernels.Weights{q, k, v},
		out:      []kernels.Weights{out},
		ffnNorm:  a.norm(at+a.ffnNorm, d.State),
		up:       []kernels.Weights{a.projection(at+a.up, d.FFN, d.State, false)},
		down:     []kernels.Weights{a.projection(at+a.down, d.State, d.FFN, false)},
	}
	if half == "decoder" {
		q, k, v, out := a.attention(at+a.cross, d)
		l.crossNorm = a.norm(at+a.crossNorm, d.State)
		l.crossQ, l.crossKV, l.crossOut = []kernels.Weights{q}, []kernels.Weights{k, v}, []kernels.Weights{out}
	}
	return l
}

// dims returns the sizes by the tensors' shapes; heads is the number that the file states.
func (a *apart) dims(heads int) (Dims, error) {
	layers := func(half string) int {
		return a.count(func(n int) string { return a.prefix + fmt.Sprintf(a.layer, half, n) + a.attnNorm + ".weight" })
	}
	conv1 := a.shape(a.prefix+"encoder.conv1.weight", 3)
	d := Dims{
		State:        conv1[0],
		Mels:         conv1[1],
		Heads:        heads,
		EncLayers:    layers("encoder"),
		DecLayers:    layers("decoder"),
		FFN:          a.shape(a.prefix+fmt.Sprintf(a.layer, "encoder", 0)+a.up+".weight", 2)[0],
		AudioContext: a.shape(a.first(a.encPos), 2)[0],
		TextContext:  a.shape(a.first(a.decPos), 2)[0],
		Vocab:        a.shape(a.first(a.embed), 2)[0],
	}
	if a.err != nil {
		return d, a.err
	}
	return d, d.check(a.f.Path)
}

func (a *apart) read(d Dims) (*weights, error) {
	w := &weights{
		dims:    d,
		conv1:   a.convolution(a.prefix+"encoder.conv1", d.State, d.Mels),
		conv2:   a.convolution(a.prefix+"encoder.conv2", d.State, d.State),
		encPos:  a.vector(a.first(a.encPos), d.AudioContext, d.State),
		encNorm: a.norm(a.prefix+a.encNorm, d.State),
		embed:   a.matrix(a.first(a.embed), d.Vocab, d.State),
		decPos:  a.matrix(a.first(a.decPos), d.TextContext, d.State),
		decNorm: a.norm(a.prefix+a.decNorm, d.State),
	}
	for n := range d.EncLayers {
		w.enc = append(w.enc, a.readLayer("encoder", n, d))
	}
	for n := range d.DecLayers {
		w.dec = append(w.dec, a.readLayer("decoder", n, d))
	}
	return w, a.err
}

// checkDeclared compares sizes that a file declares with those of its tensors, which finds a layer
// that is missing at the end of the file. Absent keys are ignored.
func checkDeclared(f *models.File, declared map[string]int) error {
	for key, n := range declared {
		want, err := f.Meta.Int(key, n)
		if err != nil {
			return models.Corrupt(f.Path, "is damaged: %v", err)
		}
		if want != n {
			return models.Corrupt(f.Path, "is damaged or cut short: %s is %d, but its weights have %d", key, want, n)
		}
	}
	return nil
}
