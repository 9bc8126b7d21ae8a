package tiny

import (
	"soberano/kernels/quant"
	"soberano/models"
)

var gpt2 = kind{architecture: "gpt2", layers: 3, keys: layerNormKeys(models.Metadata{"attention.head_count_kv": uint64(Heads)}),
	first: (*Source).positions, layer: func(s *Source, _ int, blk string) { s.gpt2Layer(blk, Heads) }, last: (*Source).lastLayerNorm,
}

var gptneox = kind{architecture: "gptneox", layers: 3, keys: layerNormKeys(models.Metadata{
	"attention.head_count_kv": uint64(Heads), "rope.dimension_count": uint64(HeadDim / 4), "use_parallel_residual": true,
}), layer: func(s *Source, _ int, blk string) { s.gpt2Layer(blk, Heads) }, last: func(s *Source) {
	s.layerNorm("output_norm", Dim)
	s.output()
}}

// gpt2Layer adds a layer of GPT-2.
func (s *Source) gpt2Layer(blk string, kvHeads int) {
	s.layerNorm(blk+"attn_norm", Dim)
	s.fusedAttention(blk, kvHeads)
	s.bias(blk+"attn_qkv.bias", (Heads+2*kvHeads)*HeadDim)
	s.bias(blk+"attn_output.bias", Dim)
	s.layerNorm(blk+"ffn_norm", Dim)
	s.ungated(blk)
	s.ungatedBiases(blk)
}

// positions adds an embedding of positions.
func (s *Source) positions() { s.matrix("position_embd.weight", quant.F32, 1, Context, Dim) }

// lastLayerNorm adds the last norm, with a bias.
func (s *Source) lastLayerNorm() { s.layerNorm("output_norm", Dim) }
