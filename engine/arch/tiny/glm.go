package tiny

import "soberano/models"

var chatGLM = kind{architecture: "chatglm", layers: 3, keys: models.Metadata{"rope.dimension_count": uint64(HeadDim / 2)},
	layer: func(s *Source, _ int, blk string) {
		s.norm(blk+"attn_norm.weight", Dim)
		s.fusedAttention(blk, KVHeads)
		s.bias(blk+"attn_qkv.bias", (Heads+2*KVHeads)*HeadDim)
		s.norm(blk+"ffn_norm.weight", Dim)
		s.fusedFeedForward(blk)
	}, last: (*Source).normAndOutput,
}

var glm4 = kind{architecture: "glm4", layers: 3, keys: models.Metadata{"rope.dimension_count": uint64(HeadDim / 2)},
	layer: func(s *Source, _ int, blk string) {
		s.norm(blk+"attn_norm.weight", Dim)
		s.attention(blk)
		s.norm(blk+"post_attention_norm.weight", Dim)
		s.norm(blk+"ffn_norm.weight", Dim)
		s.fusedFeedForward(blk)
		s.norm(blk+"post_ffw_norm.weight", Dim)
	},
}

var glm4MoE = kind{architecture: "glm4moe", layers: 3, keys: mixtureKeys(models.Metadata{
	"rope.dimension_count": uint64(HeadDim / 2), "expert_shared_count": uint64(2), "leading_dense_block_count": uint64(1),
	"expert_weights_norm": true, "expert_weights_scale": 1.5,
}), layer: func(s *Source, i int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.norm(blk+"post_attention_norm.weight", Dim)
	if i == 0 {
		s.feedForward(blk)
		return
	}
	s.mixture(blk, ExpertFF)
	s.expertBiases(blk)
	s.sharedExpert(blk, 2*ExpertFF)
}}
