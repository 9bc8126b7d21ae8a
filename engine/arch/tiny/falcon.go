package tiny

import "soberano/models"

var falcon = kind{architecture: "falcon", layers: 3, keys: layerNormKeys(models.Metadata{"attention.head_count_kv": uint64(1)}),
	layer: func(s *Source, _ int, blk string) {
		s.layerNorm(blk+"attn_norm", Dim)
		s.fusedAttention(blk, 1)
		s.ungated(blk)
	},
	last: (*Source).lastLayerNorm,
}
