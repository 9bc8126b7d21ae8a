package tiny

import "soberano/models"

var llama = kind{architecture: "llama", layers: 3, layer: (*Source).plainLayer}

var mixtral = kind{architecture: "llama", layers: 3,
	keys: models.Metadata{"expert_count": uint64(Experts), "expert_used_count": uint64(Used)},
	layer: func(s *Source, _ int, blk string) {
		s.norm(blk+"attn_norm.weight", Dim)
		s.attention(blk)
		s.norm(blk+"ffn_norm.weight", Dim)
		s.mixture(blk, FF)
	},
}

// nanbeige runs its two layers twice.
var nanbeige = kind{architecture: "nanbeige", layers: 2, keys: models.Metadata{"num_loops": uint64(2)}, layer: (*Source).plainLayer, last: (*Source).normAndOutput}

var pangu = kind{architecture: "pangu-embedded", layers: 3, layer: func(s *Source, i int, blk string) {
	s.plainLayer(i, blk)
	s.qkvBiases(blk)
	s.bias(blk+"attn_output.bias", Dim)
}}
