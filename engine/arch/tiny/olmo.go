package tiny

import "soberano/models"

var olmo = kind{architecture: "olmo", layers: 3, keys: layerNormKeys(models.Metadata{"attention.clamp_kqv": 2.0}), layer: func(s *Source, _ int, blk string) {
	s.attention(blk)
	s.feedForward(blk)
}, last: func(*Source) {}}

var olmo2 = kind{architecture: "olmo2", layers: 5, layer: func(s *Source, _ int, blk string) {
	s.attention(blk)
	s.norm(blk+"attn_q_norm.weight", Heads*HeadDim)
	s.norm(blk+"attn_k_norm.weight", KVHeads*HeadDim)
	s.norm(blk+"post_attention_norm.weight", Dim)
	s.feedForward(blk)
	s.norm(blk+"post_ffw_norm.weight", Dim)
}, last: (*Source).normAndOutput}

var olmoe = kind{architecture: "olmoe", layers: 3, keys: models.Metadata{
	"expert_count": uint64(Experts), "expert_used_count": uint64(Used), "attention.head_count_kv": uint64(Heads),
}, layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attentionHeads(blk, Heads)
	s.norm(blk+"attn_q_norm.weight", Heads*HeadDim)
	s.norm(blk+"attn_k_norm.weight", Heads*HeadDim)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.mixture(blk, FF)
}, last: (*Source).normAndOutput}
