package arch

import (
	"soberano/engine/arch/tiny"
	"soberano/models"
)

var smollm3Cases = kindCases{
	tensors:  []string{"blk.0.attn_q_norm.weight", "rope_freqs.weight", "blk.0.ffn_up.bias", "blk.0.ffn_gate_inp.weight"},
	keys:     models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8), "rope.dimension_count": uint64(8)},
	variants: map[string]func(*tiny.Source){"biases": qkvBiases},
}
