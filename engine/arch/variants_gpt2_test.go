package arch

import (
	"fmt"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

var gpt2Cases = kindCases{
	tensors:     []string{"blk.0.ffn_gate.weight", "blk.0.attn_q.weight", "token_embd_norm.weight", "rope_freqs.weight"},
	keys:        models.Metadata{"attention.max_alibi_bias": 8.0, "expert_count": uint64(8), "attention.sliding_window": uint64(16)},
	unsupported: models.Metadata{"attention.head_count": uint64(8)},
	tolerance:   geluTolerance,
}

var gptneoxCases = kindCases{
	tensors:     []string{"blk.0.ffn_gate.weight", "blk.0.attn_q.weight", "rope_freqs.weight"},
	keys:        models.Metadata{"rope.scaling.type": "su", "expert_count": uint64(8), "attention.sliding_window": uint64(16)},
	unsupported: models.Metadata{"attention.head_count": uint64(8)},
	variants:    map[string]func(*tiny.Source){"sequential": func(s *tiny.Source) { s.Meta["gptneox.use_parallel_residual"] = false }},
	tolerance:   geluTolerance,
}

var starcoderCases = kindCases{
	tensors:     []string{"blk.0.ffn_gate.weight", "blk.0.attn_q.weight", "token_embd_norm.weight", "rope_freqs.weight"},
	keys:        models.Metadata{"attention.max_alibi_bias": 8.0, "expert_count": uint64(8), "attention.sliding_window": uint64(16)},
	unsupported: models.Metadata{"attention.head_count": uint64(8)},
	tolerance:   geluTolerance,
}

var starcoder2Cases = kindCases{
	tensors:     []string{"blk.0.ffn_gate.weight", "blk.0.attn_q_norm.weight", "rope_freqs.weight"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8)},
	unsupported: models.Metadata{"attention.head_count": uint64(8)},
	variants:    map[string]func(*tiny.Source){"biases": qkvBiases},
	tolerance:   geluTolerance,
}

var falconCases = kindCases{
	tensors:     []string{"blk.0.ffn_gate.weight", "blk.0.attn_q.weight", "blk.0.attn_qkv.bias", "blk.0.attn_output.bias", "rope_freqs.weight"},
	keys:        models.Metadata{"rope.dimension_count": uint64(8), "expert_count": uint64(8)},
	unsupported: models.Metadata{"attention.head_count": uint64(8)},
	variants: map[string]func(*tiny.Source){"norms": func(s *tiny.Source) {
		for i := range 3 {
			s.Vector(fmt.Sprintf("blk.%d.attn_norm_2.weight", i), aroundOne(tiny.Dim, i)...)
			s.Vector(fmt.Sprintf("blk.%d.attn_norm_2.bias", i), wave(tiny.Dim, i, 0.3)...)
		}
	}},
	tolerance: geluTolerance,
}

var stablelmCases = kindCases{
	tensors:     []string{"blk.0.ffn_up.bias", "blk.0.attn_output.bias", "rope_freqs.weight"},
	keys:        models.Metadata{"rope.scaling.type": "su", "expert_count": uint64(8)},
	unsupported: models.Metadata{"attention.head_count": uint64(8)},
	variants: map[string]func(*tiny.Source){"sequential": func(s *tiny.Source) {
		for i := range 3 {
			s.Vector(fmt.Sprintf("blk.%d.ffn_norm.weight", i), aroundOne(tiny.Dim, i)...)
			s.Vector(fmt.Sprintf("blk.%d.ffn_norm.bias", i), wave(tiny.Dim, i, 0.3)...)
		}
		qkvBiases(s)
	}, "norms": func(s *tiny.Source) {
		for i := range 3 {
			s.Rows(fmt.Sprintf("blk.%d.attn_q_norm.weight", i), tiny.Heads, aroundOne(tiny.Heads*tiny.HeadDim, i)...)
			s.Rows(fmt.Sprintf("blk.%d.attn_k_norm.weight", i), tiny.KVHeads, aroundOne(tiny.KVHeads*tiny.HeadDim, i+1)...)
		}
	}},
}
