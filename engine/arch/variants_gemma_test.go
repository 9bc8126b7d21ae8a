package arch

import (
	"maps"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

var gemma3Cases = kindCases{
	tensors: []string{"rope_freqs.weight", "blk.0.attn_output.bias", "blk.0.ffn_up.bias", "v.patch_embd.weight"},
	keys:    models.Metadata{"rope.local.freq_base": 1e6, "rope.global.freq_base": 1e6, "final_logit_softcapping": 30.0},
	unsupported: models.Metadata{
		"expert_count": uint64(8),
	},
	variants: map[string]func(*tiny.Source){
		"yarn": func(s *tiny.Source) {
			maps.Copy(s.Meta, models.Metadata{
				"gemma3.rope.scaling.type": "yarn", "gemma3.rope.scaling.factor": 4.0, "gemma3.rope.scaling.original_context_length": uint64(64),
				"gemma3.rope.scaling.attn_factor": 1.125, "gemma3.rope.freq_base_swa": 500.0,
			})
		},
		"global": func(s *tiny.Source) { delete(s.Meta, "gemma3.attention.sliding_window") },
	},
	tolerance: geluTolerance,
}

// geluTolerance is the tolerance of the logits of networks with GELU, which llama.cpp looks up in a table of float16 values.
const geluTolerance = 1e-3
