package tiny

import "soberano/models"

var smallthinker = kind{architecture: "smallthinker", layers: 5, keys: mixtureKeys(models.Metadata{"attention.sliding_window": uint64(Window), "expert_gating_func": uint64(2)}),
	layer: func(s *Source, _ int, blk string) {
		s.norm(blk+"attn_norm.weight", Dim)
		s.attention(blk)
		s.norm(blk+"ffn_norm.weight", Dim)
		s.mixture(blk, ExpertFF)
	},
}
