package tiny

import "soberano/models"

var bailingMoE = kind{architecture: "bailingmoe", layers: 3, keys: mixtureKeys(models.Metadata{
	"expert_shared_count": uint64(2), "expert_weights_norm": true, "expert_weights_scale": 1.5,
}), layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.mixture(blk, ExpertFF)
	s.sharedExpert(blk, 2*ExpertFF)
}, last: (*Source).normAndOutput}

// deepseek is the first DeepSeekMoE.
var deepseek = kind{architecture: "deepseek", layers: 3, keys: mixtureKeys(models.Metadata{
	"expert_shared_count": uint64(2), "expert_weights_scale": 1.5, "leading_dense_block_count": uint64(1), "attention.head_count_kv": uint64(Heads),
}), layer: func(s *Source, i int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attentionHeads(blk, Heads)
	s.norm(blk+"ffn_norm.weight", Dim)
	if i == 0 {
		s.feedForward(blk)
		return
	}
	s.mixture(blk, ExpertFF)
	s.sharedExpert(blk, 2*ExpertFF)
}, last: (*Source).normAndOutput}

var bailingMoE2 = kind{architecture: "bailingmoe2", layers: 3, keys: mixtureKeys(models.Metadata{
	"rope.dimension_count": uint64(HeadDim / 2), "expert_shared_count": uint64(1), "expert_shared_feed_forward_length": uint64(ExpertFF), "leading_dense_block_count": uint64(1),
	"expert_weights_norm": true, "expert_weights_scale": 2.5, "expert_gating_func": uint64(2), "expert_group_count": uint64(3), "expert_group_used_count": uint64(2),
}), layer: func(s *Source, i int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.fusedAttention(blk, KVHeads)
	s.headNorms(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	if i == 0 {
		s.feedForward(blk)
		return
	}
	s.mixture(blk, ExpertFF)
	s.sharedExpert(blk, ExpertFF)
}, last: (*Source).normAndOutput}
