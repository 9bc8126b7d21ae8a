package arch

import (
	"soberano/engine/arch/tiny"
	"soberano/models"
)

var bloomCases = kindCases{
	tensors:     []string{"blk.0.ffn_gate.weight", "blk.0.attn_q.weight", "rope_freqs.weight"},
	keys:        models.Metadata{"attention.clamp_kqv": 8.0, "expert_count": uint64(8), "attention.sliding_window": uint64(16)},
	unsupported: models.Metadata{"attention.head_count": uint64(8)},
	variants: map[string]func(*tiny.Source){"heads": func(s *tiny.Source) { // more heads than a power of two
		for _, key := range []string{"attention.key_length", "attention.value_length"} {
			delete(s.Meta, "bloom."+key)
		}
		s.Meta["bloom.attention.head_count"], s.Meta["bloom.attention.head_count_kv"] = uint64(32), uint64(32)
	}},
	tolerance: geluTolerance,
}

var mptCases = kindCases{
	tensors:     []string{"blk.0.ffn_gate.weight", "blk.0.attn_q.weight", "rope_freqs.weight", "blk.0.ffn_act.scales", "blk.0.attn_q_norm.weight"},
	keys:        models.Metadata{"expert_count": uint64(8), "attention.sliding_window": uint64(16)},
	unsupported: models.Metadata{"attention.head_count": uint64(8)},
	optional:    []string{"blk.0.attn_norm.bias", "blk.0.ffn_norm.bias", "output_norm.bias", "blk.0.attn_output.bias", "position_embd.weight"},
	variants: map[string]func(*tiny.Source){
		"biases": func(s *tiny.Source) {
			s.Vector("blk.1.attn_qkv.bias", wave(3*tiny.Dim, 1, 0.5)...)
			s.Vector("blk.0.attn_norm.bias", wave(tiny.Dim, 2, 0.3)...)
			s.Vector("blk.1.ffn_up.bias", wave(tiny.FF, 3, 0.5)...)
			s.Vector("output_norm.bias", wave(tiny.Dim, 4, 0.3)...)
		},
		"positions": func(s *tiny.Source) {
			delete(s.Meta, "mpt.attention.clamp_kqv")
			delete(s.Meta, "mpt.attention.max_alibi_bias")
			s.Matrix("position_embd.weight", tiny.Context, tiny.Dim)
		},
	},
	tolerance: geluTolerance,
}
