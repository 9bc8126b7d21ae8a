package tiny

import (
	"soberano/kernels/quant"
	"soberano/models"
)

// deciHeads, deciKVHeads and deciFF are the sizes of deci's layers.
var (
	deciHeads   = []uint64{Heads, Heads, 0, 0, Heads}
	deciKVHeads = []uint64{KVHeads, 0, 0, 0, 1}
	deciFF      = []uint64{FF, FF, ExpertFF, 0, ExpertFF}
)

var deci = kind{architecture: "deci", layers: 5, keys: models.Metadata{
	"attention.head_count": deciHeads, "attention.head_count_kv": deciKVHeads, "feed_forward_length": deciFF,
}, layer: func(s *Source, i int, blk string) {
	if deciHeads[i] > 0 {
		s.norm(blk+"attn_norm.weight", Dim)
	}
	switch {
	case deciKVHeads[i] > 0:
		s.attentionHeads(blk, int(deciKVHeads[i]))
	case deciHeads[i] > 0:
		s.matrix(blk+"attn_output.weight", quant.Q8_0, 1, Dim, Dim)
	}
	if ff := int(deciFF[i]); ff > 0 {
		s.norm(blk+"ffn_norm.weight", Dim)
		s.matrix(blk+"ffn_gate.weight", quant.Q8_0, 1, ff, Dim)
		s.matrix(blk+"ffn_up.weight", quant.Q8_0, 1, ff, Dim)
		s.matrix(blk+"ffn_down.weight", quant.F32, 1, Dim, ff)
	}
}}
