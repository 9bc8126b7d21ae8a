package arch

import (
	"maps"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

var llamaCases = kindCases{
	tensors: []string{"blk.0.attn_q_norm.weight", "blk.0.attn_k_norm.weight", "blk.0.post_attention_norm.weight", "rope_freqs.weight.bias"},
	keys: models.Metadata{
		"attention.sliding_window": uint64(16), "shortconv.l_cache": uint64(3), "leading_dense_block_count": uint64(1), "final_logit_softcapping": 30.0,
		"rope.scaling.type": "su", "rope.dimension_count": uint64(8), "attention.head_count_kv": []uint64{2, 1, 2},
	},
	unsupported: models.Metadata{"attention.value_length": uint64(32)},
	optional:    []string{"expert_count"},
	variants: map[string]func(*tiny.Source){
		"biases": func(s *tiny.Source) {
			for name, n := range map[string]int{"attn_q": tiny.Heads * tiny.HeadDim, "attn_k": tiny.KVHeads * tiny.HeadDim, "attn_v": tiny.KVHeads * tiny.HeadDim,
				"attn_output": tiny.Dim, "ffn_gate": tiny.FF, "ffn_up": tiny.FF, "ffn_down": tiny.Dim} {
				s.Vector("blk.1."+name+".bias", wave(n, len(name), 0.5)...)
			}
		},
		"heads100": func(s *tiny.Source) { setHeads(s, 100) },
		"heads6":   func(s *tiny.Source) { setHeads(s, 6) },
		"yarn": func(s *tiny.Source) {
			maps.Copy(s.Meta, models.Metadata{
				"llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": 4.0, "llama.rope.scaling.original_context_length": uint64(64),
				"llama.rope.scaling.attn_factor": 1.125, "llama.rope.scaling.yarn_log_multiplier": 0.5,
				"llama.rope.scaling.yarn_beta_fast": 16.0, "llama.rope.scaling.yarn_beta_slow": 2.0,
			})
		},
		"long":  func(s *tiny.Source) { longRope(s, 64, tiny.HeadDim/2) },
		"short": func(s *tiny.Source) { longRope(s, tiny.Context, tiny.HeadDim/2) },
		"fused": fuseQKV,
	},
	unused: map[string]string{"long": "rope_factors_short.weight", "short": "rope_factors_long.weight"},
}

var nanbeigeCases = kindCases{
	dispensable: []string{"output.weight"},
	tensors:     []string{"blk.0.attn_q_norm.weight", "blk.0.attn_output.bias", "blk.0.ffn_up.bias"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8), "rope.dimension_count": uint64(8)},
	variants: map[string]func(*tiny.Source){
		"bare": func(s *tiny.Source) {
			s.Meta["nanbeige.num_loops"], s.Meta["nanbeige.skip_loop_final_norm"] = uint64(3), true
		},
		"once": func(s *tiny.Source) { delete(s.Meta, "nanbeige.num_loops") },
	},
}

var panguCases = kindCases{
	dispensable: []string{"attn_q.bias", "attn_k.bias", "attn_v.bias"},
	tensors:     []string{"blk.0.attn_q_norm.weight", "blk.0.ffn_up.bias", "rope_freqs.weight"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8), "rope.dimension_count": uint64(8)},
}

var mixtralCases = kindCases{
	tensors: []string{"blk.0.ffn_gate_shexp.weight", "blk.0.exp_probs_b.bias", "blk.1.ffn_up_exps.bias", "blk.0.ffn_gate.weight"},
	keys: models.Metadata{
		"expert_weights_norm": false, "leading_dense_block_count": uint64(1), "expert_shared_count": uint64(1),
		"expert_group_count": uint64(2), "expert_weights_scale": 2.5,
	},
	unsupported: models.Metadata{"expert_gating_func": uint64(2)},
}
