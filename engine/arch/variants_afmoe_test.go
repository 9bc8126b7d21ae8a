package arch

import (
	"soberano/engine/arch/tiny"
	"soberano/models"
)

var afmoeCases = kindCases{
	tensors: []string{"blk.1.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.1.ffn_gate_inp_shexp.weight", "blk.0.attn_output.bias", "rope_freqs.weight"},
	keys:    models.Metadata{"expert_gating_func": uint64(3), "rope.dimension_count": uint64(8)},
	variants: map[string]func(*tiny.Source){
		"alone": func(s *tiny.Source) { // without a shared expert
			s.Meta["afmoe.expert_shared_count"] = uint64(0)
			without(s, "shexp")
		},
		"bases": func(s *tiny.Source) { s.Meta["afmoe.rope.freq_base_swa"] = 500.0 },
	},
}
