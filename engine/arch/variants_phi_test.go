package arch

import (
	"soberano/engine/arch/tiny"
	"soberano/models"
)

var phi2Cases = kindCases{
	tensors:     []string{"blk.0.ffn_norm.weight", "blk.0.ffn_gate.weight", "rope_freqs.weight", "blk.0.attn_q_norm.weight"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8), "rope.scaling.type": "su"},
	unsupported: models.Metadata{"attention.head_count": uint64(2)},
	tolerance:   geluTolerance,
}

var phi3Cases = kindCases{
	tensors:     []string{"blk.0.ffn_gate.weight", "rope_freqs.weight", "blk.0.attn_output.bias", "blk.0.attn_q_norm.weight"},
	keys:        models.Metadata{"expert_count": uint64(8), "rope.scaling.type": "su"},
	unsupported: models.Metadata{"attention.head_count": uint64(2)},
	optional:    []string{"rope_factors_long.weight"},
	variants: map[string]func(*tiny.Source){
		"long":  func(s *tiny.Source) { longRope(s, 64, 3*tiny.HeadDim/8); delete(s.Meta, "phi3.rope.scaling.type") },
		"short": func(s *tiny.Source) { longRope(s, tiny.Context, 3*tiny.HeadDim/8) },
	},
	unused: map[string]string{"long": "rope_factors_short.weight", "short": "rope_factors_long.weight"},
}

var phiMoECases = kindCases{
	tensors:     []string{"blk.0.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.0.ffn_gate_shexp.weight", "rope_freqs.weight"},
	keys:        models.Metadata{"expert_weights_norm": false, "expert_weights_scale": 2.5, "expert_gating_func": uint64(2), "expert_shared_count": uint64(1)},
	unsupported: models.Metadata{"attention.head_count": uint64(8)},
	optional:    []string{"rope_factors_long.weight"},
	variants: map[string]func(*tiny.Source){
		"long":   func(s *tiny.Source) { longRope(s, 64, tiny.HeadDim/2) },
		"biases": qkvBiases,
	},
	unused: map[string]string{"long": "rope_factors_short.weight"},
}
