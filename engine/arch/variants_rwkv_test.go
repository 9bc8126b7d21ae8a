package arch

import "soberano/models"

var rwkv7Cases = kindCases{
	tensors:  []string{"blk.0.time_mix_first.weight", "blk.0.channel_mix_receptance.weight", "blk.1.attn_q.weight", "blk.0.ffn_norm.weight"},
	keys:     models.Metadata{"token_shift_count": uint64(1), "rescale_every_n_layers": uint64(6)},
	optional: widths,
	unused:   map[string]string{"rwkv7": "blk.0.time_mix_v0 blk.0.time_mix_v1 blk.0.time_mix_v2"},
}
