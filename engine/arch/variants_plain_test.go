package arch

import (
	"soberano/engine/arch/tiny"
	"soberano/models"
)

var seedOSSCases = kindCases{
	tensors:  []string{"blk.0.attn_output.bias", "blk.0.ffn_norm.weight", "rope_freqs.weight"},
	keys:     models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8)},
	variants: map[string]func(*tiny.Source){"biases": qkvBiases},
}

var internlm2Cases = kindCases{
	tensors: []string{"blk.0.attn_output.bias", "blk.0.attn_q_norm.weight", "rope_freqs.weight"},
	keys:    models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8)},
}

var dots1Cases = kindCases{
	tensors:  []string{"blk.1.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.1.ffn_gate_inp_shexp.weight", "rope_freqs.weight"},
	keys:     models.Metadata{"expert_gating_func": uint64(3), "expert_group_used_count": uint64(2), "attention.sliding_window": uint64(16)},
	variants: map[string]func(*tiny.Source){"bias": func(s *tiny.Source) { s.Vector("blk.2.exp_probs_b.bias", wave(tiny.Experts, 1, 0.2)...) }},
}

var minimaxM2Cases = kindCases{
	tensors: []string{"blk.1.ffn_gate.weight", "blk.1.ffn_gate_shexp.weight", "rope_freqs.weight"},
	keys: models.Metadata{
		"expert_gating_func": uint64(3), "expert_weights_norm": false, "expert_weights_scale": 2.5, "expert_shared_count": uint64(1),
	},
}

var bailingMoECases = kindCases{
	tensors:  []string{"blk.1.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.1.ffn_gate_inp_shexp.weight", "rope_freqs.weight", "blk.0.attn_output.bias"},
	keys:     models.Metadata{"expert_gating_func": uint64(2), "leading_dense_block_count": uint64(1), "rope.dimension_count": uint64(8)},
	variants: map[string]func(*tiny.Source){"weights": func(s *tiny.Source) { s.Meta["bailingmoe.expert_weights_norm"] = false }},
}

var deepseekCases = kindCases{
	dispensable: []string{"output.weight"},
	tensors:     []string{"blk.1.ffn_gate.weight", "blk.0.ffn_gate_shexp.weight", "blk.1.exp_probs_b.bias", "blk.0.attn_q_norm.weight", "rope_freqs.weight"},
	keys:        models.Metadata{"expert_gating_func": uint64(2), "expert_weights_norm": true, "attention.q_lora_rank": uint64(16)},
}

var bailingMoE2Cases = kindCases{
	tensors:  []string{"blk.1.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.1.ffn_gate_inp_shexp.weight", "rope_freqs.weight", "blk.0.attn_qkv.bias"},
	keys:     models.Metadata{"expert_gating_func": uint64(3), "attention.sliding_window": uint64(16)},
	optional: []string{"nextn_predict_layers"},
	variants: map[string]func(*tiny.Source){
		"bias": func(s *tiny.Source) { s.Vector("blk.2.exp_probs_b.bias", wave(tiny.Experts, 1, 0.2)...) },
		"groups": func(s *tiny.Source) {
			delete(s.Meta, "bailingmoe2.expert_group_count")
			delete(s.Meta, "bailingmoe2.expert_group_used_count")
		},
	},
}
