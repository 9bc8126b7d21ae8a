package arch

import (
	"fmt"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

var chatGLMCases = kindCases{
	dispensable: []string{"attn_qkv.weight", "attn_qkv.bias", "output.weight"},
	tensors:     []string{"blk.0.ffn_gate.weight", "blk.0.attn_q_norm.weight", "rope_freqs.weight", "blk.0.attn_output.bias"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8)},
	unsupported: models.Metadata{"attention.head_count": uint64(8)},
}

var glm4Cases = kindCases{
	tensors:  []string{"blk.0.ffn_gate.weight", "blk.0.attn_q_norm.weight", "rope_freqs.weight", "blk.0.attn_output.bias"},
	keys:     models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8), "rope.dimension_sections": []int64{2, 1, 0, 1}},
	optional: []string{"nextn_predict_layers", "rope.dimension_sections"},
	variants: map[string]func(*tiny.Source){
		"biases": qkvBiases,
		"vision": func(s *tiny.Source) { s.Meta["glm4.rope.dimension_sections"] = []int64{2, 1, 1, 0} },
	},
}

var glm4MoECases = kindCases{
	tensors:  []string{"blk.0.ffn_norm.weight", "blk.1.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.1.ffn_gate_inp_shexp.weight", "blk.0.attn_output.bias"},
	keys:     models.Metadata{"attention.sliding_window": uint64(16), "expert_group_used_count": uint64(2), "expert_gating_func": uint64(3), "rope.dimension_sections": []int64{2, 1, 0, 1}},
	optional: []string{"nextn_predict_layers", "rope.dimension_sections"},
	variants: map[string]func(*tiny.Source){
		"biases": qkvBiases,
		"norms": func(s *tiny.Source) {
			for i := range 3 {
				s.Vector(fmt.Sprintf("blk.%d.attn_q_norm.weight", i), aroundOne(tiny.HeadDim, i)...)
				s.Vector(fmt.Sprintf("blk.%d.attn_k_norm.weight", i), aroundOne(tiny.HeadDim, i+3)...)
			}
		},
		"drafts": func(s *tiny.Source) {
			repeat(s, 2, 3, 4)
			s.Matrix("blk.3.nextn.eh_proj.weight", tiny.Dim, 2*tiny.Dim)
			s.Vector("blk.3.nextn.enorm.weight", aroundOne(tiny.Dim, 1)...)
			s.Vector("blk.3.nextn.hnorm.weight", aroundOne(tiny.Dim, 2)...)
			s.Meta["glm4moe.nextn_predict_layers"] = uint64(1)
		},
	},
	unused: map[string]string{"drafts": "blk.3."},
}
