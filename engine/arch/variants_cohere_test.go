package arch

import "soberano/models"

var commandRCases = kindCases{
	tensors:     []string{"output.weight", "blk.0.ffn_norm.weight", "blk.0.attn_q_norm.weight", "blk.0.attn_output.bias", "rope_freqs.weight"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8)},
	unsupported: models.Metadata{"attention.head_count": uint64(2)},
}
