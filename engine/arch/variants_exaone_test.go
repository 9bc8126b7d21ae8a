package arch

import (
	"soberano/engine/arch/tiny"
	"soberano/models"
)

var exaoneCases = kindCases{
	tensors:  []string{"blk.0.attn_q_norm.weight", "blk.0.attn_output.bias", "blk.0.ffn_gate_inp.weight", "blk.0.ffn_up.bias"},
	keys:     models.Metadata{"expert_count": uint64(8), "rope.dimension_count": uint64(8), "attention.sliding_window": uint64(16)},
	variants: map[string]func(*tiny.Source){"divisors": func(s *tiny.Source) { s.Vector("rope_freqs.weight", aroundOne(tiny.HeadDim/2, 1)...) }},
}

var exaone4Cases = kindCases{
	tensors:     []string{"blk.0.attn_norm.weight", "blk.0.ffn_norm.weight", "blk.0.attn_output.bias", "blk.0.ffn_gate_inp.weight"},
	keys:        models.Metadata{"expert_count": uint64(8), "rope.dimension_count": uint64(8)},
	unsupported: models.Metadata{"attention.head_count": uint64(8)},
	optional:    []string{"nextn_predict_layers"},
	variants: map[string]func(*tiny.Source){
		"divisors": func(s *tiny.Source) { s.Vector("rope_freqs.weight", aroundOne(tiny.HeadDim/2, 1)...) },
		"windows": func(s *tiny.Source) {
			repeat(s, 1, 3, 64)
			s.Meta["exaone4.attention.sliding_window"] = uint64(tiny.Window)
		},
	},
	unused: map[string]string{"windows": "blk."},
}

var exaoneMoECases = kindCases{
	tensors:  []string{"blk.1.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.1.ffn_gate_inp_shexp.weight"},
	keys:     models.Metadata{"expert_gating_func": uint64(3), "rope.dimension_count": uint64(8)},
	optional: []string{"nextn_predict_layers"},
	variants: map[string]func(*tiny.Source){"bias": func(s *tiny.Source) { s.Vector("blk.2.exp_probs_b.bias", wave(tiny.Experts, 1, 0.2)...) }},
}

var smallthinkerCases = kindCases{
	tolerance: 2e-5, // with AVX2 and attention to all positions 1.1e-5
	tensors:   []string{"blk.1.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.1.ffn_gate_shexp.weight", "rope_freqs.weight"},
	keys:      models.Metadata{"expert_gating_func": uint64(3), "expert_weights_norm": false, "expert_weights_scale": 2.5, "expert_shared_count": uint64(1)},
	variants: map[string]func(*tiny.Source){
		"softmax": func(s *tiny.Source) { s.Meta["smallthinker.expert_gating_func"] = uint64(1) },
		"whole":   func(s *tiny.Source) { delete(s.Meta, "smallthinker.attention.sliding_window") },
		"bases":   func(s *tiny.Source) { s.Meta["smallthinker.rope.freq_base_swa"] = 500.0 },
	},
}
