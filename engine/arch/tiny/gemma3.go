package tiny

import "soberano/models"

var gemma3 = kind{architecture: "gemma3", layers: 7, keys: models.Metadata{"attention.sliding_window": uint64(Window)},
	layer: func(s *Source, _ int, blk string) {
		s.norm(blk+"attn_norm.weight", Dim)
		s.attention(blk)
		s.headNorms(blk)
		s.norm(blk+"post_attention_norm.weight", Dim)
		s.norm(blk+"ffn_norm.weight", Dim)
		s.feedForward(blk)
		s.norm(blk+"post_ffw_norm.weight", Dim)
	},
}
