package tiny

import (
	"soberano/kernels/quant"
	"soberano/models"
)

var afmoe = kind{architecture: "afmoe", layers: 5, keys: mixtureKeys(models.Metadata{
	"attention.sliding_window": uint64(Window), "expert_shared_count": uint64(1), "leading_dense_block_count": uint64(1),
	"expert_weights_norm": true, "expert_weights_scale": 2.5,
}), layer: func(s *Source, i int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.headNorms(blk)
	s.matrix(blk+"attn_gate.weight", quant.Q8_0, 1, Heads*HeadDim, Dim)
	s.norm(blk+"post_attention_norm.weight", Dim)
	s.norm(blk+"ffn_norm.weight", Dim)
	if i == 0 {
		s.feedForward(blk)
	} else {
		s.mixture(blk, ExpertFF)
		s.expertBiases(blk)
		s.sharedExpert(blk, ExpertFF)
	}
	s.norm(blk+"post_ffw_norm.weight", Dim)
}}
