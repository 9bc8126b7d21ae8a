package tiny

import (
	"soberano/kernels/quant"
	"soberano/models"
)

var mistral3 = kind{architecture: "mistral3", layers: 3, layer: (*Source).plainLayer, keys: models.Metadata{
	"attention.temperature_scale": 0.25, "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": uint64(16),
	"rope.scaling.yarn_beta_fast": 8.0, "rope.scaling.yarn_beta_slow": 0.5, "rope.scaling.yarn_log_multiplier": 0.5,
}}

var llama4 = kind{architecture: "llama4", layers: 5, keys: models.Metadata{
	"expert_count": uint64(Experts), "expert_used_count": uint64(Used), "expert_feed_forward_length": uint64(ExpertFF), "interleave_moe_layer_step": uint64(2),
}, layer: func(s *Source, i int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	if i%2 == 0 {
		s.feedForward(blk)
		return
	}
	s.mixture(blk, ExpertFF)
	s.sharedNetwork(blk, ExpertFF)
}}

// sharedNetwork adds the expert that all tokens go through.
func (s *Source) sharedNetwork(blk string, ff int) {
	s.matrix(blk+"ffn_gate_shexp.weight", quant.Q8_0, 1, ff, Dim)
	s.matrix(blk+"ffn_up_shexp.weight", quant.Q8_0, 1, ff, Dim)
	s.matrix(blk+"ffn_down_shexp.weight", quant.F32, 1, Dim, ff)
}
