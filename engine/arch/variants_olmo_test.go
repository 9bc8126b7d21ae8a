package arch

import (
	"maps"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

var olmoCases = kindCases{
	tensors:     []string{"blk.0.attn_norm.weight", "blk.0.ffn_norm.weight", "output_norm.weight", "rope_freqs.weight", "blk.0.attn_output.bias", "blk.0.attn_q_norm.weight"},
	keys:        models.Metadata{"expert_count": uint64(8), "rope.dimension_count": uint64(8)},
	unsupported: models.Metadata{"attention.head_count": uint64(2)},
	variants: map[string]func(*tiny.Source){"unlimited": func(s *tiny.Source) {
		delete(s.Meta, "olmo.attention.clamp_kqv")
		s.Matrix("output.weight", tiny.Vocabulary, tiny.Dim)
	}},
}

var olmo2Cases = kindCases{
	tensors:     []string{"blk.0.attn_norm.weight", "blk.0.ffn_norm.weight", "rope_freqs.weight", "blk.0.attn_output.bias"},
	keys:        models.Metadata{"expert_count": uint64(8), "rope.dimension_count": uint64(8), "attention.clamp_kqv": 8.0},
	unsupported: models.Metadata{"attention.head_count": uint64(2)},
	variants: map[string]func(*tiny.Source){
		"windows": func(s *tiny.Source) { // as in OLMo 3
			maps.Copy(s.Meta, models.Metadata{
				"olmo2.attention.sliding_window": uint64(tiny.Window), "olmo2.attention.sliding_window_pattern": []bool{true, false, true, true, false},
				"olmo2.rope.scaling.type": "yarn", "olmo2.rope.scaling.factor": 4.0, "olmo2.rope.scaling.original_context_length": uint64(64), "olmo2.rope.scaling.attn_factor": 1.125,
			})
		},
		"period": func(s *tiny.Source) { s.Meta["olmo2.attention.sliding_window"] = uint64(tiny.Window) },
	},
}

var olmoeCases = kindCases{
	tensors: []string{"blk.0.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.0.ffn_gate_shexp.weight", "rope_freqs.weight"},
	keys:    models.Metadata{"expert_weights_norm": true, "expert_weights_scale": 2.5, "expert_gating_func": uint64(2), "expert_shared_count": uint64(1)},
}
