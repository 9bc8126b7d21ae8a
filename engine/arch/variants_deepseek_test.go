package arch

import (
	"maps"
	"slices"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

// latentCases returns cases of a family with latent attention, which reads the keys of all of them.
func latentCases(present ...string) (optional []string) {
	for _, key := range []string{"attention.temperature_length", "attention.temperature_scale", "nextn_predict_layers"} {
		if !slices.Contains(present, key) {
			optional = append(optional, key)
		}
	}
	return optional
}

var deepseek2Cases = kindCases{
	tensors:     []string{"blk.0.attn_q_norm.weight", "blk.0.attn_k.weight", "blk.0.attn_kv_a_mqa.bias", "blk.1.ffn_gate_inp_shexp.weight", "rope_freqs.weight"},
	keys:        models.Metadata{"expert_gating_func": uint64(4), "rope.scaling.type": "su"},
	optional:    latentCases(),
	dispensable: []string{"exp_probs_b.bias"},
	tolerance:   3e-5,
	variants: map[string]func(*tiny.Source){
		"yarn": func(s *tiny.Source) {
			maps.Copy(s.Meta, models.Metadata{
				"deepseek2.rope.scaling.type": "yarn", "deepseek2.rope.scaling.factor": 40.0, "deepseek2.rope.scaling.original_context_length": uint64(64),
				"deepseek2.rope.scaling.yarn_log_multiplier": float64(float32(0.1)), "deepseek2.attention.temperature_scale": 0.25, "deepseek2.attention.temperature_length": uint64(16),
			})
			s.Matrix("output.weight", tiny.Vocabulary, tiny.Dim)
		},
	},
}

var deepseek2LiteCases = kindCases{
	tensors:     []string{"blk.0.attn_q_a.weight", "blk.0.attn_k_b.weight", "blk.0.attn_kv_b.bias"},
	keys:        models.Metadata{"expert_gating_func": uint64(4)},
	optional:    latentCases(),
	dispensable: []string{"attn_kv_b.weight"}, // attn_k_b.weight is missed
	variants: map[string]func(*tiny.Source){
		"yarn": func(s *tiny.Source) {
			maps.Copy(s.Meta, models.Metadata{
				"deepseek2.rope.scaling.type": "yarn", "deepseek2.rope.scaling.factor": 40.0, "deepseek2.rope.scaling.original_context_length": uint64(64),
				"deepseek2.rope.scaling.yarn_log_multiplier": float64(float32(0.0707)),
			})
		},
	},
}

var mistral4Cases = kindCases{
	tensors:  []string{"blk.0.attn_q_norm.weight", "blk.0.attn_k.weight", "blk.1.ffn_gate_inp_shexp.weight"},
	keys:     models.Metadata{"expert_gating_func": uint64(4), "rope.scaling.type": "su"},
	optional: latentCases("attention.temperature_length", "attention.temperature_scale"),
}
