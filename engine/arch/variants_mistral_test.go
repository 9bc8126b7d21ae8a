package arch

import (
	"maps"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

var gptOSSCases = kindCases{
	tensors:     []string{"blk.0.ffn_norm.weight", "blk.0.attn_q_norm.weight", "blk.0.exp_probs_b.bias", "blk.0.ffn_gate_shexp.weight", "rope_freqs.weight"},
	keys:        models.Metadata{"rope.scaling.type": "su", "expert_weights_scale": 2.5, "rope.dimension_count": uint64(8)},
	dispensable: []string{"attn_q.bias", "attn_k.bias", "attn_v.bias"},
	variants: map[string]func(*tiny.Source){
		"yarn": func(s *tiny.Source) {
			maps.Copy(s.Meta, models.Metadata{
				"gpt-oss.rope.scaling.type": "yarn", "gpt-oss.rope.scaling.factor": 32.0, "gpt-oss.rope.scaling.original_context_length": uint64(64),
				"gpt-oss.rope.freq_base": 150000.0,
			})
		},
	},
}

var llama4Cases = kindCases{
	tensors: []string{"blk.0.attn_q_norm.weight", "blk.1.exp_probs_b.bias", "blk.0.ffn_gate_inp.weight", "blk.1.ffn_gate_inp_shexp.weight"},
	keys: models.Metadata{"attention.sliding_window": uint64(0), "attention.sliding_window_pattern": uint64(3), "rope.scaling.type": "su",
		"expert_shared_count": uint64(2), "leading_dense_block_count": uint64(1)},
	unsupported: models.Metadata{"rope.scaling.type": "yarn"},
}

var mistral3Cases = kindCases{
	tensors:  []string{"blk.0.attn_q_norm.weight", "blk.0.post_attention_norm.weight", "blk.0.ffn_gate_shexp.weight"},
	keys:     models.Metadata{"rope.scaling.type": "su", "attention.sliding_window": uint64(16), "final_logit_softcapping": 30.0},
	optional: []string{"expert_count"},
	variants: map[string]func(*tiny.Source){
		"plain": func(s *tiny.Source) { // Mistral Small
			delete(s.Meta, "mistral3.attention.temperature_scale")
			delete(s.Meta, "mistral3.rope.scaling.yarn_log_multiplier")
			s.Meta["mistral3.rope.scaling.type"], s.Meta["mistral3.rope.freq_base"] = "none", 1e9
			s.Matrix("output.weight", tiny.Vocabulary, tiny.Dim)
		},
	},
}
