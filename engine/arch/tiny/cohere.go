package tiny

import "soberano/models"

var commandR = kind{architecture: "command-r", layers: 3, keys: layerNormKeys(models.Metadata{"logit_scale": 0.25}),
	layer: func(s *Source, _ int, blk string) {
		s.norm(blk+"attn_norm.weight", Dim)
		s.attention(blk)
		s.feedForward(blk)
	},
}

var cohere2 = kind{architecture: "cohere2", layers: 5, keys: layerNormKeys(models.Metadata{"logit_scale": 0.25, "attention.sliding_window": uint64(Window)}),
	layer: func(s *Source, _ int, blk string) {
		s.norm(blk+"attn_norm.weight", Dim)
		s.attention(blk)
		s.feedForward(blk)
	},
}
