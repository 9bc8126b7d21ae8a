package tiny

import "soberano/models"

var dots1 = kind{architecture: "dots1", layers: 3, keys: mixtureKeys(models.Metadata{
	"attention.head_count_kv": uint64(Heads), "expert_shared_count": uint64(2), "leading_dense_block_count": uint64(1),
	"expert_weights_norm": true, "expert_weights_scale": 2.5, "expert_gating_func": uint64(2),
}), layer: func(s *Source, i int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attentionHeads(blk, Heads)
	s.headNorms(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	if i == 0 {
		s.feedForward(blk)
		return
	}
	s.mixture(blk, ExpertFF)
	s.sharedExpert(blk, 2*ExpertFF)
}, last: (*Source).normAndOutput}
