package tiny

import "soberano/models"

var stablelm = kind{architecture: "stablelm", layers: 3, keys: layerNormKeys(models.Metadata{"rope.dimension_count": uint64(HeadDim / 4), "use_parallel_residual": true}),
	layer: func(s *Source, _ int, blk string) {
		s.layerNorm(blk+"attn_norm", Dim)
		s.attention(blk)
		s.feedForward(blk)
	},
	last: func(s *Source) {
		s.layerNorm("output_norm", Dim)
		s.output()
	},
}
