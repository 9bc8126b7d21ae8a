package arch

import (
	"soberano/engine/arch/tiny"
	"soberano/models"
)

var ernie45Cases = kindCases{
	tensors: []string{"blk.0.attn_output.bias", "blk.0.attn_q_norm.weight", "rope_freqs.weight", "blk.0.ffn_up.bias"},
	keys:    models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8), "rope.dimension_sections": []int64{2, 3, 3, 0}},
}

var ernie45MoECases = kindCases{
	tensors: []string{"blk.1.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.1.ffn_gate_inp_shexp.weight", "rope_freqs.weight"},
	keys: models.Metadata{
		"interleave_moe_layer_step": uint64(2), "expert_weights_norm": false, "expert_weights_scale": 2.5, "expert_gating_func": uint64(2),
	},
	variants: map[string]func(*tiny.Source){"bias": func(s *tiny.Source) { s.Vector("blk.2.exp_probs_b.bias", wave(tiny.Experts, 1, 0.2)...) }},
}
