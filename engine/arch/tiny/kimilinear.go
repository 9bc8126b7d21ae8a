package tiny

import (
	"math"

	"soberano/kernels/quant"
	"soberano/models"
)

// The widths of the latent attention of kimi-linear. A head of queries has kimiNope values and kimiRope that other models rotate.
const (
	kimiLatent = 32
	kimiNope   = 8
	kimiRope   = 8
	kimiValue  = 24
)

var kimiLinear = kind{architecture: "kimi-linear", layers: 4, keys: mixtureKeys(models.Metadata{
	"attention.head_count_kv": []uint64{0, 0, 1, 0}, "ssm.conv_kernel": uint64(Taps + 1), "kda.head_dim": uint64(DeltaDim),
	"attention.kv_lora_rank": uint64(kimiLatent), "rope.dimension_count": uint64(kimiRope),
	"attention.key_length_mla": uint64(kimiNope + kimiRope), "attention.value_length_mla": uint64(kimiValue),
	"attention.key_length": uint64(kimiLatent + kimiRope), "attention.value_length": uint64(kimiLatent),
	"leading_dense_block_count": uint64(1), "expert_shared_count": uint64(2), "expert_weights_scale": float64(float32(2.446)), "expert_gating_func": uint64(2),
}), layer: func(s *Source, i int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	if i == 2 {
		s.kimiAttention(blk)
	} else {
		s.kimiDelta(blk)
	}
	s.norm(blk+"ffn_norm.weight", Dim)
	if i == 0 {
		s.feedForward(blk)
		return
	}
	s.expertBiases(blk)
	s.mixture(blk, ExpertFF)
	s.sharedExpert(blk, 2*ExpertFF)
}, last: (*Source).normAndOutput}

// kimiAttention adds latent attention.
func (s *Source) kimiAttention(blk string) {
	s.matrix(blk+"attn_q.weight", quant.Q8_0, 2, Heads*(kimiNope+kimiRope), Dim)
	s.matrix(blk+"attn_kv_a_mqa.weight", quant.Q8_0, 2, kimiLatent+kimiRope, Dim)
	s.norm(blk+"attn_kv_a_norm.weight", kimiLatent)
	s.matrix(blk+"attn_k_b.weight", quant.F32, 1, Heads, kimiLatent, kimiNope)
	s.matrix(blk+"attn_v_b.weight", quant.F32, 1, Heads, kimiValue, kimiLatent)
	s.matrix(blk+"attn_output.weight", quant.Q8_0, 1, Dim, Heads*kimiValue)
}

// kimiDelta adds Kimi delta attention.
func (s *Source) kimiDelta(blk string) {
	const inner = Heads * DeltaDim
	for _, name := range []string{"q", "k", "v"} {
		s.matrix(blk+"attn_"+name+".weight", quant.Q8_0, 2, inner, Dim)
		s.matrix(blk+"ssm_conv1d_"+name+".weight", quant.F32, 1, 1, inner, 1, Taps+1)
	}
	for _, name := range []string{"f", "g"} {
		s.matrix(blk+"ssm_"+name+"_a.weight", quant.Q8_0, 1, DeltaDim, Dim)
		s.matrix(blk+"ssm_"+name+"_b.weight", quant.Q8_0, 2, inner, DeltaDim)
	}
	s.matrix(blk+"ssm_beta.weight", quant.Q8_0, 1, Heads, Dim)
	s.bias(blk+"ssm_dt.bias", inner)
	a := make([]float32, Heads)
	for i := range a {
		a[i] = float32(-0.3 * math.Exp(s.random()))
	}
	s.Vector(blk+"ssm_a", a...)
	s.Tensors[len(s.Tensors)-1].Shape = []int{1, 1, Heads, 1}
	s.norm(blk+"ssm_norm.weight", DeltaDim)
	s.matrix(blk+"attn_output.weight", quant.Q8_0, 1, Dim, inner)
}
