package arch

import "soberano/models"

var lfm2Cases = kindCases{
	tensors: []string{"rope_freqs.weight", "output_norm.weight", "blk.0.shortconv.conv.bias", "blk.1.ffn_down.bias", "blk.0.attn_q.weight"},
	keys:    models.Metadata{"attention.head_count_kv": []uint64{0, 2, 0, 0, 1}},
	unsupported: models.Metadata{
		"expert_count":         uint64(8),
		"attention.head_count": uint64(2), // heads whose joint width is less than a row
	},
}

var lfm2WindowCases = kindCases{
	tensors: []string{"rope_freqs.weight", "blk.1.attn_q.weight"},
	keys:    models.Metadata{"rope.scaling.type": "su"},
}

var lfm2MoECases = kindCases{
	tensors: []string{"blk.1.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.0.ffn_gate.bias"},
	keys:    models.Metadata{"attention.sliding_window": uint64(16), "expert_gating_func": uint64(3)},
}
