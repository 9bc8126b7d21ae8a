package tiny

import "soberano/models"

var ernie45 = kind{architecture: "ernie4_5", layers: 3, layer: (*Source).plainLayer}

var ernie45MoE = kind{architecture: "ernie4_5-moe", layers: 3, keys: mixtureKeys(models.Metadata{
	"expert_shared_count": uint64(2), "expert_shared_feed_forward_length": uint64(2 * ExpertFF), "leading_dense_block_count": uint64(1),
	"interleave_moe_layer_step": uint64(1),
}), layer: func(s *Source, i int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	if i == 0 {
		s.feedForward(blk)
		return
	}
	s.mixture(blk, ExpertFF)
	s.sharedExpert(blk, 2*ExpertFF)
}}
