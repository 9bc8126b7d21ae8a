package tiny

import "soberano/models"

var bloom = kind{architecture: "bloom", layers: 3, keys: layerNormKeys(models.Metadata{"attention.head_count_kv": uint64(Heads)}),
	first: func(s *Source) { s.layerNorm("token_embd_norm", Dim) },
	layer: func(s *Source, _ int, blk string) { s.gpt2Layer(blk, Heads) }, last: (*Source).lastLayerNorm,
}

var mpt = kind{architecture: "mpt", layers: 3, keys: layerNormKeys(models.Metadata{
	"attention.head_count_kv": uint64(Heads), "attention.max_alibi_bias": 4.0, "attention.clamp_kqv": 2.0,
}), layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.fusedAttention(blk, Heads)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.ungated(blk)
}}
