package arch

import "soberano/models"

var deciCases = kindCases{
	tensors: []string{"blk.2.attn_norm.weight", "blk.1.attn_q.weight", "blk.0.attn_q_norm.weight", "blk.0.ffn_gate_inp.weight"},
	keys:    models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8), "rope.dimension_count": uint64(8)},
	unused:  map[string]string{"": "blk.3."},
}
