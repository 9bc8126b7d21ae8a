package tiny

import (
	"soberano/kernels/quant"
	"soberano/models"
)

// Ranks of the products of two matrices.
const (
	decayRank = 12
	rateRank  = 8
	mixRank   = 16
	gateRank  = 20
)

var rwkv7 = kind{architecture: "rwkv7", layers: 3, keys: withoutAttention(models.Metadata{
	"attention.layer_norm_rms_epsilon": nil, "attention.layer_norm_epsilon": float64(float32(1e-5)), "feed_forward_length": uint64(FF),
	"wkv.head_size": uint64(2 * HeadDim), "token_shift_count": uint64(2), "attention.decay_lora_rank": uint64(decayRank), "attention.iclr_lora_rank": uint64(rateRank),
	"attention.value_residual_mix_lora_rank": uint64(mixRank), "attention.gate_lora_rank": uint64(gateRank),
}),
	first: func(s *Source) { s.layerNorm("token_embd_norm", Dim) },
	last: func(s *Source) {
		s.layerNorm("output_norm", Dim)
		s.matrix("output.weight", quant.Q8_0, 1, Vocabulary, Dim)
	},
	layer: func(s *Source, i int, blk string) {
		s.layerNorm(blk+"attn_norm", Dim)
		s.layerNorm(blk+"attn_norm_2", Dim)
		s.lowRank(blk+"time_mix_w", decayRank, true)
		s.lowRank(blk+"time_mix_a", rateRank, true)
		rank := mixRank
		if i == 0 { // as in the files, although the first layer does not use it
			rank = rateRank
		}
		s.lowRank(blk+"time_mix_v", rank, true)
		s.lowRank(blk+"time_mix_g", gateRank, false)
		s.bias(blk+"time_mix_lerp_fused.weight", 6*Dim)
		s.Tensors[len(s.Tensors)-1].Shape = []int{6, 1, 1, Dim}
		for _, name := range []string{"k_k", "k_a", "r_k"} {
			s.bias(blk+"time_mix_"+name+".weight", Dim)
		}
		for _, name := range []string{"key", "value", "receptance", "output"} {
			s.matrix(blk+"time_mix_"+name+".weight", quant.Q8_0, 1, Dim, Dim)
		}
		s.layerNorm(blk+"time_mix_ln", Dim)
		s.bias(blk+"channel_mix_lerp_k.weight", Dim)
		s.Tensors[len(s.Tensors)-1].Shape = []int{1, 1, Dim}
		s.matrix(blk+"channel_mix_key.weight", quant.Q8_0, 1, FF, Dim)
		s.matrix(blk+"channel_mix_value.weight", quant.F32, 1, Dim, FF)
	},
}

// lowRank adds a product of two matrices, with a bias or without.
func (s *Source) lowRank(name string, rank int, biased bool) {
	if biased {
		s.bias(name+"0.weight", Dim)
	}
	s.matrix(name+"1.weight", quant.F32, 1, rank, Dim)
	s.matrix(name+"2.weight", quant.F32, 1, Dim, rank)
}
