package tiny

import (
	"math"

	"soberano/kernels/quant"
	"soberano/models"
)

// Delta nets have DeltaKeyHeads heads of keys and DeltaHeads of values, with keys and values of DeltaDim dimensions, in qwen3next of half
// of them. Every third layer is attention.
const (
	DeltaKeyHeads = 2
	DeltaHeads    = 4
	DeltaDim      = 32
)

// deltaKeys returns the keys of a model with delta nets with heads of dim dimensions, and more.
func deltaKeys(dim int, more models.Metadata) models.Metadata {
	keys := models.Metadata{
		"ssm.conv_kernel": uint64(Taps + 1), "ssm.state_size": uint64(dim), "ssm.group_count": uint64(DeltaKeyHeads),
		"ssm.time_step_rank": uint64(DeltaHeads), "ssm.inner_size": uint64(DeltaHeads * dim), "full_attention_interval": uint64(3), "rope.dimension_count": uint64(HeadDim / 2),
	}
	for key, v := range more {
		keys[key] = v
	}
	return keys
}

// gatedMixture are the keys of mixtures with a shared expert.
var gatedMixture = models.Metadata{
	"expert_count": uint64(Experts), "expert_used_count": uint64(Used), "expert_feed_forward_length": uint64(ExpertFF),
	"expert_shared_feed_forward_length": uint64(SharedFF), "feed_forward_length": nil,
}

var qwen35 = kind{architecture: "qwen35", layers: 4, keys: deltaKeys(DeltaDim, models.Metadata{"rope.dimension_sections": []uint64{2, 1, 1, 0}}),
	layer: func(s *Source, i int, blk string) {
		s.gatedOperator(blk, i%3 == 2, s.deltaNet)
		s.feedForward(blk)
	}}

var qwen35MoE = kind{architecture: "qwen35moe", layers: 3, keys: deltaKeys(DeltaDim, with(gatedMixture, "rope.dimension_sections", []uint64{2, 1, 1, 0})),
	layer: func(s *Source, i int, blk string) {
		s.gatedOperator(blk, i%3 == 2, s.deltaNet)
		s.mixture(blk, ExpertFF)
		s.gatedExpert(blk)
	}}

var qwen3Next = kind{architecture: "qwen3next", layers: 3, keys: deltaKeys(DeltaDim/2, gatedMixture), layer: func(s *Source, i int, blk string) {
	s.gatedOperator(blk, i%3 == 2, func(blk string) {
		s.deltaHeads(blk, DeltaDim/2)
		s.matrix(blk+"ssm_ba.weight", quant.Q8_0, 1, 2*DeltaHeads, Dim)
	})
	s.mixture(blk, ExpertFF)
	s.gatedExpert(blk)
}}

// with returns keys and one more.
func with(keys models.Metadata, key string, v any) models.Metadata {
	out := models.Metadata{key: v}
	for key, v := range keys {
		out[key] = v
	}
	return out
}

// gatedOperator adds the part of a layer before its feed-forward network: attention with a gate, or a delta net.
func (s *Source) gatedOperator(blk string, attention bool, deltaNet func(blk string)) {
	s.norm(blk+"attn_norm.weight", Dim)
	if attention {
		s.GatedAttention(blk)
	} else {
		deltaNet(blk)
	}
	s.norm(blk+"post_attention_norm.weight", Dim)
}

// GatedAttention adds attention with a gate.
func (s *Source) GatedAttention(blk string) {
	s.matrix(blk+"attn_q.weight", quant.Q8_0, 2, 2*Heads*HeadDim, Dim)
	s.matrix(blk+"attn_k.weight", quant.Q8_0, 2, KVHeads*HeadDim, Dim)
	s.matrix(blk+"attn_v.weight", quant.F32, 2, KVHeads*HeadDim, Dim)
	s.matrix(blk+"attn_output.weight", quant.Q8_0, 1, Dim, Heads*HeadDim)
	s.headNorms(blk)
}

// deltaNet adds a delta net of Qwen3.5.
func (s *Source) deltaNet(blk string) {
	s.deltaHeads(blk, DeltaDim)
	s.matrix(blk+"ssm_beta.weight", quant.Q8_0, 1, DeltaHeads, Dim)
	s.matrix(blk+"ssm_alpha.weight", quant.F32, 1, DeltaHeads, Dim)
}

// deltaHeads adds what all delta nets have.
func (s *Source) deltaHeads(blk string, dim int) {
	convolved := (2*DeltaKeyHeads + DeltaHeads) * dim
	s.matrix(blk+"attn_qkv.weight", quant.Q8_0, 2, convolved, Dim)
	s.matrix(blk+"attn_gate.weight", quant.Q8_0, 2, DeltaHeads*dim, Dim)
	s.matrix(blk+"ssm_conv1d.weight", quant.F32, 1, convolved, Taps+1)
	s.bias(blk+"ssm_dt.bias", DeltaHeads)
	a := make([]float32, DeltaHeads)
	for i := range a {
		a[i] = float32(-0.3 * math.Exp(s.random()))
	}
	s.Vector(blk+"ssm_a", a...)
	s.norm(blk+"ssm_norm.weight", dim)
	s.matrix(blk+"ssm_out.weight", quant.Q8_0, 1, Dim, DeltaHeads*dim)
}
