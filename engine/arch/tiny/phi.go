package tiny

import (
	"soberano/kernels/quant"
	"soberano/models"
)

var phi2 = kind{architecture: "phi2", layers: 3, keys: layerNormKeys(models.Metadata{"rope.dimension_count": uint64(HeadDim / 2)}),
	layer: func(s *Source, _ int, blk string) {
		s.layerNorm(blk+"attn_norm", Dim)
		s.attention(blk)
		s.qkvBiases(blk)
		s.bias(blk+"attn_output.bias", Dim)
		s.ungated(blk)
		s.ungatedBiases(blk)
	},
	last: func(s *Source) {
		s.layerNorm("output_norm", Dim)
		s.output()
		s.bias("output.bias", Vocabulary)
	},
}

var phi3 = kind{architecture: "phi3", layers: 3, keys: models.Metadata{"attention.sliding_window": uint64(Window), "rope.dimension_count": uint64(3 * HeadDim / 4)},
	layer: func(s *Source, _ int, blk string) {
		s.norm(blk+"attn_norm.weight", Dim)
		s.fusedAttention(blk, KVHeads)
		s.norm(blk+"ffn_norm.weight", Dim)
		s.fusedFeedForward(blk)
	},
}

var phiMoE = kind{architecture: "phimoe", layers: 3, keys: models.Metadata{
	"expert_count": uint64(Experts), "expert_used_count": uint64(Used), "attention.sliding_window": uint64(Window),
}, layer: func(s *Source, _ int, blk string) {
	s.layerNorm(blk+"attn_norm", Dim)
	s.attention(blk)
	s.bias(blk+"attn_output.bias", Dim)
	s.layerNorm(blk+"ffn_norm", Dim)
	s.mixture(blk, FF)
}, last: func(s *Source) {
	s.layerNorm("output_norm", Dim)
	s.output()
	s.bias("output.bias", Vocabulary)
}}

// fusedFeedForward adds a gated feed-forward network whose gate and up are one matrix.
func (s *Source) fusedFeedForward(blk string) {
	s.matrix(blk+"ffn_up.weight", quant.Q8_0, 1, 2*FF, Dim)
	s.matrix(blk+"ffn_down.weight", quant.F32, 1, Dim, FF)
}
