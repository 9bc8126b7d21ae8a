package tiny

import (
	"slices"

	"soberano/kernels/quant"
	"soberano/models"
)

var lfm2 = kind{architecture: "lfm2", layers: 5, layer: lfm2Layer(Taps, 1, 4), last: lfm2Last,
	keys: models.Metadata{"shortconv.l_cache": uint64(Taps), "attention.head_count_kv": []uint64{0, KVHeads, 0, 0, KVHeads}},
}

var lfm2Window = kind{architecture: "lfm2", layers: 3, layer: lfm2Layer(Taps+1, 0, 2), last: lfm2Last, keys: models.Metadata{
	"shortconv.l_cache": uint64(Taps + 1), "attention.head_count_kv": []uint64{KVHeads, 0, KVHeads}, "attention.sliding_window": uint64(Window),
}}

var lfm2MoE = kind{architecture: "lfm2moe", layers: 4, last: lfm2Last, keys: models.Metadata{
	"shortconv.l_cache": uint64(Taps), "attention.head_count_kv": []uint64{0, KVHeads, 0, KVHeads},
	"expert_count": uint64(Experts), "expert_used_count": uint64(Used), "expert_feed_forward_length": uint64(ExpertFF),
	"leading_dense_block_count": uint64(1), "expert_gating_func": uint64(2),
}, layer: func(s *Source, i int, blk string) {
	s.lfm2Operator(blk, i%2 == 1, Taps)
	if i == 0 {
		s.feedForward(blk)
		return
	}
	s.expertBiases(blk)
	s.mixture(blk, ExpertFF)
}}

// lfm2Layer returns a function that adds a layer, with attention if it is one of the listed ones, otherwise with a convolution.
func lfm2Layer(taps int, attention ...int) func(*Source, int, string) {
	return func(s *Source, i int, blk string) {
		s.lfm2Operator(blk, slices.Contains(attention, i), taps)
		s.feedForward(blk)
	}
}

// lfm2Operator adds the part of a layer before its feed-forward network.
func (s *Source) lfm2Operator(blk string, attention bool, taps int) {
	s.norm(blk+"attn_norm.weight", Dim)
	if attention {
		s.attention(blk)
		s.headNorms(blk)
	} else {
		s.matrix(blk+"shortconv.conv.weight", quant.F32, 1, Dim, taps)
		s.matrix(blk+"shortconv.in_proj.weight", quant.Q8_0, 2, 3*Dim, Dim)
		s.matrix(blk+"shortconv.out_proj.weight", quant.Q8_0, 1, Dim, Dim)
	}
	s.norm(blk+"ffn_norm.weight", Dim)
}

func lfm2Last(s *Source) { s.norm("token_embd_norm.weight", Dim) }
