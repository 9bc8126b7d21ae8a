package tiny

import "soberano/models"

var granite = kind{architecture: "granite", layers: 3, layer: (*Source).plainLayer, keys: models.Metadata{
	"embedding_scale": 2.5, "residual_scale": 0.75, "logit_scale": 4.0, "attention.scale": 0.5,
}}

var graniteMoE = kind{architecture: "granitemoe", layers: 3, keys: models.Metadata{
	"embedding_scale": 2.5, "residual_scale": 0.75, "logit_scale": 4.0, "attention.scale": 0.5,
	"expert_count": uint64(Experts), "expert_used_count": uint64(Used), "expert_shared_feed_forward_length": uint64(ExpertFF),
}, layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.mixture(blk, FF)
	s.sharedExpert(blk, ExpertFF)
}}

var minicpm = kind{architecture: "minicpm", layers: 3, layer: (*Source).plainLayer, keys: models.Metadata{
	"embedding_scale": 2.5, "residual_scale": 0.75, "logit_scale": 4.0,
}}
