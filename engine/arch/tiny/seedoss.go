package tiny

var seedOSS = kind{architecture: "seed_oss", layers: 3, layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.norm(blk+"post_attention_norm.weight", Dim)
	s.feedForward(blk)
}}
