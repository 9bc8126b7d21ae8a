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

var graniteSWA = kind{architecture: "granite_swa", layers: 4, keys: models.Metadata{
	"embedding_scale": 2.5, "residual_scale": 0.75, "logit_scale": 4.0, "attention.scale": 0.5,
	"attention.sliding_window": uint64(Window), "attention.sliding_window_pattern": []bool{false, true, true, false}, "attention.rope_pattern": []bool{true, true, false, false},
}, layer: func(s *Source, i int, blk string) {
	s.plainLayer(i, blk)
	s.bias(blk+"attn_sinks.weight", Heads)
}}
