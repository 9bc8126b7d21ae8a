package tiny

import "soberano/models"

var minimaxM2 = kind{architecture: "minimax-m2", layers: 3, keys: mixtureKeys(models.Metadata{
	"expert_feed_forward_length": uint64(FF), "expert_gating_func": uint64(2), "rope.dimension_count": uint64(HeadDim / 2),
}), layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.norm(blk+"attn_q_norm.weight", Heads*HeadDim)
	s.norm(blk+"attn_k_norm.weight", KVHeads*HeadDim)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.mixture(blk, FF)
	s.expertBiases(blk)
}, last: (*Source).normAndOutput}
