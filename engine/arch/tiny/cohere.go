package tiny

import "soberano/models"

var commandR = kind{architecture: "command-r", layers: 3, keys: layerNormKeys(models.Metadata{"logit_scale": 0.25}),
	layer: func(s *Source, _ int, blk string) {
		s.norm(blk+"attn_norm.weight", Dim)
		s.attention(blk)
		s.feedForward(blk)
	},
}
