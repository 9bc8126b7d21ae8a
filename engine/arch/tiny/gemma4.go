package tiny

import (
	"slices"

	"soberano/kernels/quant"
	"soberano/models"
)

// The widths of gemma4's heads in layers without a window, and of its per-layer inputs.
const (
	WideHead = 2 * HeadDim
	PerLayer = 32
)

var gemma4 = kind{architecture: "gemma4", layers: 4, keys: gemma4Keys(models.Metadata{
	"attention.sliding_window_pattern": []bool{true, false, true, false}, "attention.head_count_kv": []uint64{KVHeads, 1, KVHeads, 1},
}), first: gemma4First, layer: func(s *Source, i int, blk string) {
	s.gemma4Attention(blk, i%2 == 0, false, i%2 == 0)
	s.gemma4FeedForward(blk, FF)
	if i < 3 { // that of the last layer makes no difference to the norm behind it
		s.Vector(blk+"layer_output_scale.weight", 0.5+0.25*float32(i))
	}
}}

// gemma4E has per-layer inputs, and its last two layers have no keys and values.
var gemma4E = kind{architecture: "gemma4", layers: 6, keys: gemma4Keys(models.Metadata{
	"attention.sliding_window_pattern": []bool{true, false, true, false, true, false}, "attention.shared_kv_layers": uint64(2),
	"feed_forward_length": []uint64{FF, FF, FF, FF, 2 * FF, 2 * FF}, "embedding_length_per_layer_input": uint64(PerLayer),
}), first: func(s *Source) {
	gemma4First(s)
	s.matrix("per_layer_token_embd.weight", quant.Q8_0, 1, Vocabulary, 6*PerLayer)
	s.matrix("per_layer_model_proj.weight", quant.F32, 1, 6*PerLayer, Dim)
	s.norm("per_layer_proj_norm.weight", PerLayer)
}, layer: func(s *Source, i int, blk string) {
	s.gemma4Attention(blk, i%2 == 0, i >= 4, true)
	s.gemma4FeedForward(blk, FF*(1+i/4))
	s.matrix(blk+"inp_gate.weight", quant.F32, 1, PerLayer, Dim)
	s.matrix(blk+"proj.weight", quant.F32, 1, Dim, PerLayer)
	s.norm(blk+"post_norm.weight", Dim)
}}

// gemma4MoE has mixtures; gate and up of its second layer are one tensor, and those of the others two.
var gemma4MoE = kind{architecture: "gemma4", layers: 3, keys: gemma4Keys(models.Metadata{
	"attention.sliding_window_pattern": []bool{true, false, true}, "expert_count": uint64(Experts), "expert_used_count": uint64(Used),
	"expert_feed_forward_length": uint64(ExpertFF),
}), first: gemma4First, layer: func(s *Source, i int, blk string) {
	s.gemma4Attention(blk, i != 1, false, true)
	s.gemma4FeedForward(blk, FF)
	s.matrix(blk+"ffn_gate_inp.weight", quant.F32, 8, Experts, Dim)
	s.norm(blk+"ffn_gate_inp.scale", Dim)
	for _, name := range []string{"pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2"} {
		s.norm(blk+name+".weight", Dim)
	}
	if i == 1 {
		s.matrix(blk+"ffn_gate_up_exps.weight", quant.Q8_0, 1, Experts, 2*ExpertFF, Dim)
	} else {
		s.matrix(blk+"ffn_gate_exps.weight", quant.Q8_0, 1, Experts, ExpertFF, Dim)
		s.matrix(blk+"ffn_up_exps.weight", quant.Q8_0, 1, Experts, ExpertFF, Dim)
	}
	s.matrix(blk+"ffn_down_exps.weight", quant.F32, 1, Experts, Dim, ExpertFF)
	s.norm(blk+"ffn_down_exps.scale", Experts)
}}

// gemma4Keys returns keys with those that all models of the family have.
func gemma4Keys(keys models.Metadata) models.Metadata {
	for key, v := range (models.Metadata{
		"attention.key_length": uint64(WideHead), "attention.value_length": uint64(WideHead),
		"attention.key_length_swa": uint64(HeadDim), "attention.value_length_swa": uint64(HeadDim),
		"rope.dimension_count": uint64(WideHead), "rope.dimension_count_swa": uint64(HeadDim), "rope.freq_base": 1e6, "rope.freq_base_swa": 500.0,
		"attention.sliding_window": uint64(Window), "embedding_length_per_layer_input": uint64(0), "final_logit_softcapping": 3.0,
	}) {
		if _, ok := keys[key]; !ok {
			keys[key] = v
		}
	}
	return keys
}

// gemma4First adds the divisors of the rotary frequencies: half of the pairs are not rotated.
func gemma4First(s *Source) {
	s.Vector("rope_freqs.weight", slices.Concat(slices.Repeat([]float32{1}, WideHead/4), slices.Repeat([]float32{1e30}, WideHead/4))...)
}

// gemma4Attention adds the attention of a layer, which may have a window, and keys and values of its own or not.
func (s *Source) gemma4Attention(blk string, window, shared, values bool) {
	width, kv := WideHead, KVHeads
	if window {
		width = HeadDim
	}
	if !values {
		kv = 1
	}
	s.norm(blk+"attn_norm.weight", Dim)
	s.matrix(blk+"attn_q.weight", quant.Q8_0, 2, Heads*width, Dim)
	s.norm(blk+"attn_q_norm.weight", width)
	if !shared {
		s.matrix(blk+"attn_k.weight", quant.Q8_0, 2, kv*width, Dim)
		s.norm(blk+"attn_k_norm.weight", width)
	}
	if !shared && values {
		s.matrix(blk+"attn_v.weight", quant.F32, 2, kv*width, Dim)
	}
	s.matrix(blk+"attn_output.weight", quant.Q8_0, 1, Dim, Heads*width)
	s.norm(blk+"post_attention_norm.weight", Dim)
}

func (s *Source) gemma4FeedForward(blk string, ff int) {
	s.norm(blk+"ffn_norm.weight", Dim)
	s.matrix(blk+"ffn_gate.weight", quant.Q8_0, 1, ff, Dim)
	s.matrix(blk+"ffn_up.weight", quant.Q8_0, 1, ff, Dim)
	s.matrix(blk+"ffn_down.weight", quant.F32, 1, Dim, ff)
	s.norm(blk+"post_ffw_norm.weight", Dim)
}
