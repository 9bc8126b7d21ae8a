package tiny

import (
	"maps"

	"soberano/kernels/quant"
	"soberano/models"
)

// The widths of deepseek2's latent attention: of the latents of q and of keys and values, of the parts of a head that are not
// rotated and that are, and of a value.
const (
	qLatent  = 32
	kvLatent = 64
	nope     = HeadDim - ropeDim
	ropeDim  = 8
	valueDim = 24
)

var deepseekKeys = models.Metadata{
	"attention.head_count_kv": uint64(1), "attention.kv_lora_rank": uint64(kvLatent), "attention.q_lora_rank": uint64(qLatent),
	"rope.dimension_count": uint64(ropeDim), "attention.key_length": uint64(kvLatent + ropeDim), "attention.value_length": uint64(kvLatent),
	"attention.key_length_mla": uint64(HeadDim), "attention.value_length_mla": uint64(valueDim),
	"leading_dense_block_count": uint64(1), "expert_count": uint64(Experts), "expert_used_count": uint64(Used), "expert_feed_forward_length": uint64(ExpertFF),
	"expert_shared_count": uint64(1),
}

// deepseekWith returns deepseekKeys with others in addition or instead.
func deepseekWith(keys models.Metadata) models.Metadata {
	all := maps.Clone(deepseekKeys)
	maps.Copy(all, keys)
	return all
}

// deepseek2 is as DeepSeek V3: experts in groups, chosen with a bias, with probabilities by a sigmoid.
var deepseek2 = kind{architecture: "deepseek2", layers: 3, keys: deepseekWith(models.Metadata{
	"expert_group_count": uint64(3), "expert_group_used_count": uint64(2), "expert_gating_func": uint64(2), "expert_weights_norm": true, "expert_weights_scale": 2.5,
}), layer: func(s *Source, i int, blk string) {
	s.latentAttention(blk, true)
	s.deepseekFeedForward(i, blk, 1)
	if i > 0 {
		s.bias(blk+"exp_probs_b.bias", Experts)
	}
}}

// deepseek2Lite is as the first files of DeepSeek V2 Lite: q is made directly, and keys and values of each head are one tensor.
var deepseek2Lite = kind{architecture: "deepseek2", layers: 3, keys: deepseekWith(models.Metadata{
	"attention.head_count_kv": uint64(Heads), "attention.q_lora_rank": uint64(0), "attention.key_length": uint64(HeadDim), "attention.value_length": uint64(valueDim),
	"attention.key_length_mla": nil, "attention.value_length_mla": nil, "expert_shared_count": uint64(2),
}), layer: func(s *Source, i int, blk string) {
	s.latentAttention(blk, false)
	s.deepseekFeedForward(i, blk, 2)
}}

var mistral4 = kind{architecture: "mistral4", layers: 3, keys: deepseekWith(models.Metadata{
	"expert_weights_norm": true, "attention.temperature_scale": 0.25, "attention.temperature_length": uint64(16),
	"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": uint64(64), "rope.scaling.yarn_log_multiplier": float64(float32(0.07)),
}), layer: func(s *Source, i int, blk string) {
	s.latentAttention(blk, true)
	s.deepseekFeedForward(i, blk, 1)
}}

// latentAttention adds the projections of attention, as V3 or as V2 Lite has them.
func (s *Source) latentAttention(blk string, v3 bool) {
	s.norm(blk+"attn_norm.weight", Dim)
	if v3 {
		s.matrix(blk+"attn_q_a.weight", quant.Q8_0, 2, qLatent, Dim)
		s.norm(blk+"attn_q_a_norm.weight", qLatent)
		s.matrix(blk+"attn_q_b.weight", quant.Q8_0, 2, Heads*HeadDim, qLatent)
		s.matrix(blk+"attn_k_b.weight", quant.F32, 1, Heads, kvLatent, nope)
		s.matrix(blk+"attn_v_b.weight", quant.Q8_0, 2, Heads, valueDim, kvLatent)
	} else {
		s.matrix(blk+"attn_q.weight", quant.Q8_0, 2, Heads*HeadDim, Dim)
		s.matrix(blk+"attn_kv_b.weight", quant.Q8_0, 2, Heads*(nope+valueDim), kvLatent)
	}
	s.matrix(blk+"attn_kv_a_mqa.weight", quant.Q8_0, 1, kvLatent+ropeDim, Dim)
	s.norm(blk+"attn_kv_a_norm.weight", kvLatent)
	s.matrix(blk+"attn_output.weight", quant.Q8_0, 1, Dim, Heads*valueDim)
}

// deepseekFeedForward adds the feed-forward network of layer i: a dense one in the first layer.
func (s *Source) deepseekFeedForward(i int, blk string, shared int) {
	s.norm(blk+"ffn_norm.weight", Dim)
	if i == 0 {
		s.feedForward(blk)
		return
	}
	s.mixture(blk, ExpertFF)
	s.sharedNetwork(blk, shared*ExpertFF)
}
