package tiny

var qwen2 = kind{architecture: "qwen2", layers: 3, layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.qkvBiases(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.feedForward(blk)
}}

var qwen3 = kind{architecture: "qwen3", layers: 3, layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.headNorms(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.feedForward(blk)
}}
