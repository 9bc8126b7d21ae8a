package tiny

import "soberano/models"

var starcoder = kind{architecture: "starcoder", layers: 3, keys: layerNormKeys(models.Metadata{"attention.head_count_kv": uint64(1)}),
	first: (*Source).positions, layer: func(s *Source, _ int, blk string) { s.gpt2Layer(blk, 1) }, last: (*Source).lastLayerNorm,
}

var starcoder2 = kind{architecture: "starcoder2", layers: 3, keys: layerNormKeys(nil), layer: func(s *Source, _ int, blk string) {
	s.layerNorm(blk+"attn_norm", Dim)
	s.attention(blk)
	s.bias(blk+"attn_output.bias", Dim)
	s.layerNorm(blk+"ffn_norm", Dim)
	s.ungated(blk)
	s.ungatedBiases(blk)
}, last: (*Source).lastLayerNorm}
