package arch

import (
	"soberano/engine/arch/tiny"
	"soberano/models"
)

var nemotronCases = kindCases{
	tensors:     []string{"blk.0.ffn_gate.weight", "blk.0.attn_q_norm.weight", "rope_freqs.weight"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "hidden_activation": "silu", "expert_count": uint64(8)},
	unsupported: models.Metadata{"attention.head_count": uint64(8)},
	variants: map[string]func(*tiny.Source){"biases": func(s *tiny.Source) {
		qkvBiases(s)
		s.Vector("blk.0.attn_output.bias", wave(tiny.Dim, 1, 0.5)...)
		s.Vector("blk.1.ffn_up.bias", wave(tiny.FF, 2, 0.5)...)
		s.Vector("blk.2.ffn_down.bias", wave(tiny.Dim, 3, 0.5)...)
	}},
}

var arceeCases = kindCases{
	tensors:  []string{"blk.0.ffn_gate.weight", "blk.0.ffn_up.bias", "blk.0.attn_output.bias", "blk.0.attn_q_norm.weight"},
	keys:     models.Metadata{"rope.dimension_count": uint64(8), "hidden_activation": "silu"},
	variants: map[string]func(*tiny.Source){"divisors": func(s *tiny.Source) { s.Vector("rope_freqs.weight", aroundOne(tiny.HeadDim/2, 1)...) }},
}

var apertusCases = kindCases{
	tensors:  []string{"blk.0.ffn_gate.weight", "blk.0.ffn_up.bias"},
	keys:     models.Metadata{"rope.dimension_count": uint64(8), "hidden_activation": "silu"},
	variants: map[string]func(*tiny.Source){"divisors": func(s *tiny.Source) { s.Vector("rope_freqs.weight", aroundOne(tiny.HeadDim/2, 1)...) }},
}
