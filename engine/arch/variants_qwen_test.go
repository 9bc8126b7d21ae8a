package arch

import (
	"maps"
	"slices"
	"strings"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

var qwen2Cases = kindCases{
	tensors: []string{"blk.0.attn_q_norm.weight", "blk.0.attn_output.bias", "blk.0.ffn_up.bias", "blk.1.attn_qkv.bias", "rope_freqs.weight", "blk.0.ffn_gate_inp.weight"},
	keys: models.Metadata{
		"attention.sliding_window": uint64(16), "rope.dimension_count": uint64(8), "rope.dimension_sections": []int64{2, 3, 3, 0}, "rope.scaling.type": "su",
	},
	unsupported: models.Metadata{"expert_count": uint64(8)},
	variants: map[string]func(*tiny.Source){
		"yarn": func(s *tiny.Source) {
			maps.Copy(s.Meta, models.Metadata{
				"qwen2.rope.scaling.type": "yarn", "qwen2.rope.scaling.factor": 4.0, "qwen2.rope.scaling.original_context_length": uint64(64), "qwen2.rope.freq_base": 1e6,
			})
		},
		"fused": fuseQKV,
	},
}

var qwen3Cases = kindCases{
	tensors:     []string{"blk.0.attn_output.bias", "blk.0.ffn_down.bias", "blk.0.post_attention_norm.weight", "rope_freqs.weight", "cls.output.weight", "blk.0.ffn_gate_inp.weight"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "rope.dimension_count": uint64(8)},
	unsupported: models.Metadata{"expert_count": uint64(8), "attention.value_length": uint64(32)},
	variants: map[string]func(*tiny.Source){
		"heads32": func(s *tiny.Source) { // heads whose joint width is not that of a row
			setHeads(s, 32)
			s.Tensors = slices.DeleteFunc(s.Tensors, func(t models.Tensor) bool {
				return strings.HasSuffix(t.Name, "attn_q_norm.weight") || strings.HasSuffix(t.Name, "attn_k_norm.weight")
			})
			for i, blk := range []string{"blk.0.", "blk.1.", "blk.2."} {
				for j, name := range []string{"attn_q_norm", "attn_k_norm"} {
					v := wave(32, 2*i+j, 0.5)
					for n := range v {
						v[n]++
					}
					s.Vector(blk+name+".weight", v...)
				}
			}
			s.Matrix("output.weight", tiny.Vocabulary, tiny.Dim)
		},
	},
}
