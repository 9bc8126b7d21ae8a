package arch

import (
	"fmt"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

var graniteCases = kindCases{
	tensors:  []string{"blk.0.attn_q_norm.weight", "blk.0.post_attention_norm.weight", "blk.0.ffn_gate_inp.weight"},
	keys:     models.Metadata{"attention.sliding_window": uint64(16), "deepstack_mapping": []int64{1, 2, 3}},
	optional: []string{"expert_count"},
	variants: map[string]func(*tiny.Source){
		"unrotated": func(s *tiny.Source) { s.Meta["granite.rope.scaling.finetuned"] = false },
		"biases":    qkvBiases,
	},
}

var graniteSWACases = kindCases{
	tensors:  []string{"blk.0.attn_q_norm.weight", "blk.0.post_attention_norm.weight", "blk.0.ffn_gate_inp.weight", "blk.0.ffn_up_shexp.weight"},
	keys:     models.Metadata{"expert_shared_feed_forward_length": uint64(64), "deepstack_mapping": []int64{1, 2, 3}, "rope.dimension_count": uint64(8)},
	optional: []string{"expert_count"},
	variants: map[string]func(*tiny.Source){
		"rotated": func(s *tiny.Source) { delete(s.Meta, "granite_swa.attention.rope_pattern") },
		"moe": func(s *tiny.Source) {
			s.Meta["granite_swa.expert_count"], s.Meta["granite_swa.expert_used_count"] = uint64(tiny.Experts), uint64(tiny.Used)
			for i := range 4 {
				blk := fmt.Sprintf("blk.%d.", i)
				without(s, blk+"ffn_gate")
				without(s, blk+"ffn_up")
				without(s, blk+"ffn_down")
				s.Matrix(blk+"ffn_gate_inp.weight", tiny.Experts, tiny.Dim)
				s.Matrix(blk+"ffn_gate_up_exps.weight", tiny.Experts*2*tiny.FF, tiny.Dim)
				s.Tensors[len(s.Tensors)-1].Shape = []int{tiny.Experts, 2 * tiny.FF, tiny.Dim}
				s.Matrix(blk+"ffn_down_exps.weight", tiny.Experts*tiny.Dim, tiny.FF)
				s.Tensors[len(s.Tensors)-1].Shape = []int{tiny.Experts, tiny.Dim, tiny.FF}
			}
		},
	},
	tolerance: 3e-5, // its logits are close together
}

var graniteMoECases = kindCases{
	tensors: []string{"blk.0.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.1.ffn_gate_inp_shexp.weight"},
	keys:    models.Metadata{"expert_weights_norm": false, "expert_weights_scale": 2.5, "expert_gating_func": uint64(2)},
	variants: map[string]func(*tiny.Source){"alone": func(s *tiny.Source) { // without a shared expert
		delete(s.Meta, "granitemoe.expert_shared_feed_forward_length")
		without(s, "shexp")
	}},
	tolerance: 3e-5, // its logits are close together
}

var minicpmCases = kindCases{
	tensors: []string{"blk.0.attn_q_norm.weight", "blk.0.post_attention_norm.weight", "blk.0.ffn_gate_inp.weight"},
	keys:    models.Metadata{"attention.scale": 0.5, "expert_count": uint64(8)},
	variants: map[string]func(*tiny.Source){"defaults": func(s *tiny.Source) {
		for _, key := range []string{"embedding_scale", "residual_scale", "logit_scale"} {
			delete(s.Meta, "minicpm."+key)
		}
	}},
}
