package arch

import (
	"soberano/engine/arch/tiny"
	"soberano/models"
)

var kimiLinearCases = kindCases{
	tensors: []string{"blk.0.attn_kv_a_mqa.weight", "blk.2.attn_k.weight", "blk.0.ssm_alpha.weight", "blk.0.ssm_in.weight", "blk.2.attn_q_a.weight",
		"blk.0.ffn_gate_shexp.weight", "rope_freqs.weight"},
	keys:     models.Metadata{"attention.q_lora_rank": uint64(16), "expert_weights_norm": false, "expert_group_count": uint64(2), "kda.safe_gate": true},
	optional: []string{"rope.dimension_count_swa"},
	variants: map[string]func(*tiny.Source){
		"fused": func(s *tiny.Source) { // projections, probabilities by softmax
			fuse(s, "blk.1.")
			s.Meta["kimi-linear.expert_gating_func"] = uint64(1)
			delete(s.Meta, "kimi-linear.attention.value_length")
		},
	},
}
