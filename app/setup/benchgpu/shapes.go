//go:build linux && cgo

package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"soberano/kernels/quant"
	"soberano/models"
)

// shape is that of a published model, whose weights are replaced by random ones.
type shape struct {
	name, family                                string
	layers, dim, ff, heads, kvHeads, vocabulary int
	headDim                                     int
	tied                                        bool // the embedding is the output, too
	biases                                      bool // of queries, keys and values
}

// shapes are those of Qwen2.5 0.5B, Llama 3.2 3B and Llama 3.1 8B, and a small one for tests.
var shapes = []shape{
	{name: "0.5B", family: "qwen2", layers: 24, dim: 896, ff: 4864, heads: 14, kvHeads: 2, headDim: 64, vocabulary: 151936, tied: true, biases: true},
	{name: "3B", family: "llama", layers: 28, dim: 3072, ff: 8192, heads: 24, kvHeads: 8, headDim: 128, vocabulary: 128256, tied: true},
	{name: "8B", family: "llama", layers: 32, dim: 4096, ff: 14336, heads: 32, kvHeads: 8, headDim: 128, vocabulary: 128256},
	{name: "small", family: "llama", layers: 2, dim: 256, ff: 512, heads: 4, kvHeads: 2, headDim: 64, vocabulary: 1000, tied: true},
}

// find returns the shape of that name.
func find(name string) (shape, error) {
	for _, s := range shapes {
		if s.name == name {
			return s, nil
		}
	}
	return shape{}, fmt.Errorf("no shape %q", name)
}

// mixes are the mixtures of formats: for each the format of most matrices and of those that need more precision.
var mixes = map[string]struct{ most, fine quant.Type }{
	"Q4_K_M": {quant.Q4_K, quant.Q6_K},
	"Q8_0":   {quant.Q8_0, quant.Q8_0},
}

// narrower are the formats that take the place of those whose blocks do not divide a row.
var narrower = map[quant.Type]quant.Type{quant.Q4_K: quant.Q5_0, quant.Q6_K: quant.Q8_0}

// source makes the tensors of a model. All tensors of a format share memory, so that a large model takes little.
type source struct {
	shape
	mix    string
	random bool // otherwise the weights are zeros
	data   map[quant.Type][]byte
	f      *models.File
}

// model returns a model of this shape.
func (s shape) model(mix string, random bool) (*models.File, error) {
	if _, ok := mixes[mix]; !ok {
		return nil, fmt.Errorf("no mixture of formats %q", mix)
	}
	key := s.family + "."
	src := source{shape: s, mix: mix, random: random, data: map[quant.Type][]byte{}, f: &models.File{Format: "gguf", Path: s.name + " " + mix, Meta: models.Metadata{
		"general.architecture": s.family, "general.type": "model",
		key + "block_count": uint64(s.layers), key + "context_length": uint64(8192), key + "embedding_length": uint64(s.dim),
		key + "feed_forward_length": uint64(s.ff), key + "attention.head_count": uint64(s.heads), key + "attention.head_count_kv": uint64(s.kvHeads),
		key + "attention.layer_norm_rms_epsilon": 1e-5, key + "rope.freq_base": 5e5,
	}}}
	src.tensors()
	return src.f, nil
}

// tensors adds the tensors in the order of a file.
func (s *source) tensors() {
	s.matrix("token_embd.weight", s.tied, s.vocabulary, s.dim)
	for i := range s.layers {
		blk := "blk." + strconv.Itoa(i) + "."
		// Half of the matrices of values and of those that end the feed-forward network are fine, as in files of llama.cpp.
		fine := i < s.layers/8 || i >= 7*s.layers/8 || (i-s.layers/8)%3 == 2
		s.vector(blk+"attn_norm.weight", s.dim, 1)
		for _, p := range []struct {
			name string
			rows int
			fine bool
		}{{"q", s.heads * s.headDim, false}, {"k", s.kvHeads * s.headDim, false}, {"v", s.kvHeads * s.headDim, fine}} {
			s.matrix(blk+"attn_"+p.name+".weight", p.fine, p.rows, s.dim)
			if s.biases {
				s.vector(blk+"attn_"+p.name+".bias", p.rows, 0)
			}
		}
		s.matrix(blk+"attn_output.weight", false, s.dim, s.heads*s.headDim)
		s.vector(blk+"ffn_norm.weight", s.dim, 1)
		s.matrix(blk+"ffn_gate.weight", false, s.ff, s.dim)
		s.matrix(blk+"ffn_up.weight", false, s.ff, s.dim)
		s.matrix(blk+"ffn_down.weight", fine, s.dim, s.ff)
	}
	s.vector("output_norm.weight", s.dim, 1)
	if !s.tied {
		s.matrix("output.weight", true, s.vocabulary, s.dim)
	}
}

// matrix adds a matrix of weights.
func (s *source) matrix(name string, fine bool, rows, cols int) {
	t := mixes[s.mix].most
	if fine {
		t = mixes[s.mix].fine
	}
	if cols%t.BlockValues() != 0 {
		t = narrower[t]
	}
	s.f.Tensors = append(s.f.Tensors, models.Tensor{Name: name, Type: t, Shape: []int{rows, cols}, Data: s.blocks(t, rows*t.RowBytes(cols))})
}

// vector adds a vector of equal values.
func (s *source) vector(name string, n int, value float32) {
	data := make([]byte, 4*n)
	for i := range n {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(value))
	}
	s.f.Tensors = append(s.f.Tensors, models.Tensor{Name: name, Type: quant.F32, Shape: []int{n}, Data: data})
}

// blocks returns bytes of blocks of a format. The values of random ones have a magnitude of some hundredths.
func (s *source) blocks(t quant.Type, bytes int) []byte {
	if len(s.data[t]) < bytes {
		data := make([]byte, bytes)
		if s.random {
			fill(t, data)
		}
		s.data[t] = data
	}
	return s.data[t][:bytes]
}

// scales are, for each format, the places of the float16 scales in a block and their values.
var scales = map[quant.Type][]struct {
	at    int
	value float32
}{
	quant.Q4_K: {{0, 8e-5}, {2, 6e-4}},
	quant.Q6_K: {{208, 2e-5}},
	quant.Q8_0: {{0, 3e-4}},
	quant.Q5_0: {{0, 2.5e-3}},
}

// fill writes some thousand random blocks, and again the same.
func fill(t quant.Type, data []byte) {
	size := t.BlockBytes()
	n := min(len(data), 4096*size)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range data[:n] {
		data[i] = byte(r.Uint32())
	}
	for at := 0; at < n; at += size {
		for _, scale := range scales[t] {
			binary.LittleEndian.PutUint16(data[at+scale.at:], quant.F32ToF16(scale.value))
		}
	}
	for done := n; done < len(data); done += n {
		copy(data[done:], data[:min(n, len(data)-done)])
	}
}
