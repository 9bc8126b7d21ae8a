package tiny

import "soberano/models"

var nemotron = kind{architecture: "nemotron", layers: 3, keys: layerNormKeys(models.Metadata{"rope.dimension_count": uint64(HeadDim / 2)}),
	layer: func(s *Source, _ int, blk string) {
		s.layerNorm(blk+"attn_norm", Dim)
		s.attention(blk)
		s.layerNorm(blk+"ffn_norm", Dim)
		s.ungated(blk)
	},
	last: func(s *Source) {
		s.layerNorm("output_norm", Dim)
		s.output()
	},
}

var arcee = kind{architecture: "arcee", layers: 3, layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.ungated(blk)
}}

var apertus = kind{architecture: "apertus", layers: 3, first: func(s *Source) {
	s.Meta["xielu.alpha_p"], s.Meta["xielu.alpha_n"] = []float64{0.5, 0.75, -1}, []float64{0.25, 1, -0.5}
	s.Meta["xielu.beta"], s.Meta["xielu.eps"] = []float64{0.5, 0.25, 0.75}, []float64{-0.125, -0.5, -0.0625}
}, layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.headNorms(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.ungated(blk)
}, last: (*Source).normAndOutput}
