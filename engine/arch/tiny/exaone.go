package tiny

import "soberano/models"

var exaone = kind{architecture: "exaone", layers: 3, layer: (*Source).plainLayer}

var exaone4 = kind{architecture: "exaone4", layers: 3, layer: func(s *Source, _ int, blk string) {
	s.attention(blk)
	s.headNorms(blk)
	s.norm(blk+"post_attention_norm.weight", Dim)
	s.feedForward(blk)
	s.norm(blk+"post_ffw_norm.weight", Dim)
}}

var exaoneMoE = kind{architecture: "exaone-moe", layers: 5, keys: mixtureKeys(models.Metadata{
	"attention.sliding_window": uint64(Window), "expert_shared_count": uint64(1), "expert_shared_feed_forward_length": uint64(ExpertFF),
	"leading_dense_block_count": uint64(1), "expert_weights_norm": true, "expert_weights_scale": 2.5, "expert_gating_func": uint64(2),
}), layer: func(s *Source, i int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.headNorms(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	if i == 0 {
		s.feedForward(blk)
		return
	}
	s.mixture(blk, ExpertFF)
	s.sharedExpert(blk, ExpertFF)
}, last: (*Source).normAndOutput}
