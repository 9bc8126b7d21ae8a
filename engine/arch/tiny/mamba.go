package tiny

import (
	"maps"
	"math"

	"soberano/kernels/quant"
	"soberano/models"
)

// The dimensions of state spaces: columns, states of a column, heads and groups of Mamba 2, columns of δ in Mamba, rows of a convolution.
const (
	inner       = 2 * Dim
	states      = 16
	mambaHeads  = 4
	mambaGroups = 2
	deltaRank   = 8
	mambaTaps   = 4
)

// withoutAttention removes the keys that only attention and feed-forward networks have.
func withoutAttention(more models.Metadata) models.Metadata {
	m := models.Metadata{
		"attention.head_count": uint64(0), "attention.head_count_kv": nil, "attention.key_length": nil, "attention.value_length": nil,
		"rope.freq_base": nil, "feed_forward_length": uint64(0),
	}
	for key, v := range more {
		m[key] = v
	}
	return m
}

// mambaKeys returns the keys of Mamba.
func mambaKeys(more models.Metadata) models.Metadata {
	m := models.Metadata{
		"ssm.conv_kernel": uint64(mambaTaps), "ssm.inner_size": uint64(inner), "ssm.state_size": uint64(states), "ssm.time_step_rank": uint64(deltaRank),
	}
	for key, v := range more {
		m[key] = v
	}
	return m
}

// mamba2Keys returns the keys of Mamba 2.
func mamba2Keys(more models.Metadata) models.Metadata {
	m := mambaKeys(more)
	m["ssm.time_step_rank"], m["ssm.group_count"] = uint64(mambaHeads), uint64(mambaGroups)
	return m
}

var mamba = kind{architecture: "mamba", layers: 3, keys: withoutAttention(mambaKeys(nil)), layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.mamba(blk)
}}

// falconMamba normalises δ, b and c.
var falconMamba = kind{architecture: "mamba", layers: 2, keys: withoutAttention(mambaKeys(models.Metadata{"ssm.dt_b_c_rms": true})), layer: mamba.layer}

var mamba2 = kind{architecture: "mamba2", layers: 3, keys: withoutAttention(mamba2Keys(nil)), layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.mamba2(blk, true)
}}

var jamba = kind{architecture: "jamba", layers: 4, keys: mambaKeys(models.Metadata{
	"attention.head_count_kv": []uint64{0, KVHeads, 0, KVHeads}, "expert_count": uint64(Experts), "expert_used_count": uint64(Used),
}), layer: func(s *Source, i int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	if i%2 == 1 {
		s.attention(blk)
	} else {
		s.mamba(blk)
		s.norm(blk+"ssm_dt_norm.weight", deltaRank)
		s.norm(blk+"ssm_b_norm.weight", states)
		s.norm(blk+"ssm_c_norm.weight", states)
	}
	s.norm(blk+"ffn_norm.weight", Dim)
	if i < 2 {
		s.feedForward(blk)
	} else {
		s.mixture(blk, FF)
	}
}}

var falconH1 = kind{architecture: "falcon-h1", layers: 3, keys: mamba2Keys(nil), layer: func(s *Source, i int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.mamba2(blk, i == 1)
	s.norm(blk+"ffn_norm", Dim)
	s.feedForward(blk)
}}

var graniteHybrid = kind{architecture: "granitehybrid", layers: 4, keys: mamba2Keys(models.Metadata{
	"attention.head_count_kv": []uint64{0, KVHeads, 0, KVHeads}, "rope.scaling.finetuned": false, "embedding_scale": 3.0, "residual_scale": 0.5, "logit_scale": 2.0,
	"attention.scale": float64(float32(0.2)),
}), layer: func(s *Source, i int, blk string) {
	s.graniteHybridLayer(i, blk)
	s.feedForward(blk)
}}

var graniteHybridMoE = kind{architecture: "granitehybrid", layers: 3, keys: mamba2Keys(models.Metadata{
	"attention.head_count_kv": []uint64{0, KVHeads, 0}, "expert_count": uint64(Experts), "expert_used_count": uint64(Used),
	"expert_shared_feed_forward_length": uint64(ExpertFF), "residual_scale": 0.5,
}), layer: func(s *Source, i int, blk string) {
	s.graniteHybridLayer(i, blk)
	s.mixture(blk, FF)
	s.matrix(blk+"ffn_gate_shexp.weight", quant.Q8_0, 1, ExpertFF, Dim)
	s.matrix(blk+"ffn_up_shexp.weight", quant.Q8_0, 1, ExpertFF, Dim)
	s.matrix(blk+"ffn_down_shexp.weight", quant.F32, 1, Dim, ExpertFF)
}}

// graniteHybridLayer adds the part of a layer before its feed-forward network.
func (s *Source) graniteHybridLayer(i int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	if i%2 == 1 {
		s.attention(blk)
		s.bias(blk+"attn_output.bias", Dim)
	} else {
		s.mamba2(blk, true)
	}
	s.norm(blk+"ffn_norm.weight", Dim)
}

var nemotronH = kind{architecture: "nemotron_h", layers: 5, keys: mamba2Keys(models.Metadata{
	"attention.head_count_kv": []uint64{0, KVHeads, 0, 0, 0}, "feed_forward_length": []uint64{0, 0, FF, 0, FF}, "attention.layer_norm_epsilon": float64(float32(1e-5)),
}), layer: func(s *Source, i int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	switch i {
	case 1:
		s.attention(blk)
	case 2, 4:
		s.matrix(blk+"ffn_up.weight", quant.Q8_0, 1, FF, Dim)
		s.matrix(blk+"ffn_down.weight", quant.F32, 1, Dim, FF)
		s.bias(blk+"ffn_down.bias", Dim)
	default:
		s.mamba2(blk, true)
	}
}}

var nemotronHMoE = kind{architecture: "nemotron_h_moe", layers: 5, keys: nemotronHMoEKeys(nil), layer: func(s *Source, i int, blk string) {
	s.nemotronHMoELayer(i, blk, Dim)
}}

// nemotronLatent is the width of the rows that the experts of nemotron_h-latent see.
const nemotronLatent = 32

var nemotronHMoELatent = kind{architecture: "nemotron_h_moe", layers: 3, keys: nemotronHMoEKeys(models.Metadata{
	"attention.head_count_kv": []uint64{0, KVHeads, 0}, "feed_forward_length": []uint64{0, 0, ExpertFF}, "moe_latent_size": uint64(nemotronLatent),
}), layer: func(s *Source, i int, blk string) {
	s.nemotronHMoELayer(i, blk, nemotronLatent)
	if i == 2 {
		s.matrix(blk+"ffn_latent_down.weight", quant.Q8_0, 1, nemotronLatent, Dim)
		s.matrix(blk+"ffn_latent_up.weight", quant.Q8_0, 1, Dim, nemotronLatent)
	}
}}

// nemotronHMoEKeys returns the keys of nemotron_h_moe.
func nemotronHMoEKeys(more models.Metadata) models.Metadata {
	m := mamba2Keys(mixtureKeys(models.Metadata{
		"attention.head_count_kv": []uint64{0, KVHeads, 0, 0, 0}, "feed_forward_length": []uint64{0, 0, ExpertFF, 0, ExpertFF},
		"attention.layer_norm_epsilon": float64(float32(1e-5)), "expert_shared_count": uint64(1), "expert_shared_feed_forward_length": uint64(SharedFF),
		"expert_weights_norm": true, "expert_weights_scale": 2.5, "expert_group_count": uint64(1),
	}))
	maps.Copy(m, more)
	return m
}

// nemotronHMoELayer adds a layer of nemotron_h_moe whose experts see rows of in values.
func (s *Source) nemotronHMoELayer(i int, blk string, in int) {
	s.norm(blk+"attn_norm.weight", Dim)
	switch i {
	case 1:
		s.attention(blk)
	case 2, 4:
		s.matrix(blk+"ffn_gate_inp.weight", quant.F32, 1, Experts, Dim)
		s.expertBiases(blk)
		s.matrix(blk+"ffn_up_exps.weight", quant.Q8_0, 1, Experts, ExpertFF, in)
		s.matrix(blk+"ffn_down_exps.weight", quant.F32, 1, Experts, in, ExpertFF)
		s.matrix(blk+"ffn_up_shexp.weight", quant.Q8_0, 1, SharedFF, Dim)
		s.matrix(blk+"ffn_down_shexp.weight", quant.F32, 1, Dim, SharedFF)
	default:
		s.mamba2(blk, true)
	}
}

// plamo2Rank is the number of columns of δ; files do not say it.
const plamo2Rank = 64

var plamo2 = kind{architecture: "plamo2", layers: 3, keys: mambaKeys(models.Metadata{
	"attention.head_count_kv": []uint64{0, KVHeads, 0}, "ssm.time_step_rank": uint64(mambaHeads), "ssm.group_count": uint64(0),
}), layer: func(s *Source, i int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	if i == 1 {
		s.matrix(blk+"attn_qkv.weight", quant.Q8_0, 2, (Heads+2*KVHeads)*HeadDim, Dim)
		s.matrix(blk+"attn_output.weight", quant.Q8_0, 1, Dim, Heads*HeadDim)
		s.norm(blk+"attn_q_norm.weight", Heads*HeadDim)
		s.Tensors[len(s.Tensors)-1].Shape = []int{Heads, HeadDim}
		s.norm(blk+"attn_k_norm.weight", KVHeads*HeadDim)
		s.Tensors[len(s.Tensors)-1].Shape = []int{KVHeads, HeadDim}
	} else {
		s.matrix(blk+"ssm_in.weight", quant.Q8_0, 1, 2*inner, Dim)
		s.matrix(blk+"ssm_conv1d.weight", quant.F32, 1, inner, mambaTaps)
		s.matrix(blk+"ssm_x.weight", quant.F32, 1, plamo2Rank+2*states, inner)
		s.matrix(blk+"ssm_dt.weight", quant.F32, 1, mambaHeads, plamo2Rank)
		s.bias(blk+"ssm_dt.bias", mambaHeads)
		s.rates(blk, mambaHeads, 1)
		for _, name := range []string{"ssm_a", "ssm_d"} {
			for i := range s.Tensors {
				if s.Tensors[i].Name == blk+name {
					s.Tensors[i].Shape = []int{mambaHeads}
				}
			}
		}
		s.norm(blk+"ssm_dt_norm", plamo2Rank)
		s.norm(blk+"ssm_b_norm", states)
		s.norm(blk+"ssm_c_norm", states)
		s.matrix(blk+"ssm_out.weight", quant.Q8_0, 1, Dim, inner)
	}
	s.norm(blk+"post_attention_norm", Dim)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.matrix(blk+"ffn_up.weight", quant.Q8_0, 1, 2*FF, Dim)
	s.matrix(blk+"ffn_down.weight", quant.F32, 1, Dim, FF)
	s.norm(blk+"post_ffw_norm", Dim)
}}

// mamba adds a state space of Mamba.
func (s *Source) mamba(blk string) {
	s.matrix(blk+"ssm_in.weight", quant.Q8_0, 1, 2*inner, Dim)
	s.convolution(blk, inner)
	s.matrix(blk+"ssm_x.weight", quant.F32, 1, deltaRank+2*states, inner)
	s.matrix(blk+"ssm_dt.weight", quant.F32, 1, inner, deltaRank)
	s.bias(blk+"ssm_dt.bias", inner)
	s.rates(blk, inner, states)
	s.matrix(blk+"ssm_out.weight", quant.Q8_0, 1, Dim, inner)
}

// mamba2 adds a state space of Mamba 2.
func (s *Source) mamba2(blk string, normed bool) {
	s.matrix(blk+"ssm_in.weight", quant.Q8_0, 1, 2*inner+2*mambaGroups*states+mambaHeads, Dim)
	s.convolution(blk, inner+2*mambaGroups*states)
	s.bias(blk+"ssm_dt.bias", mambaHeads)
	s.rates(blk, mambaHeads, 1)
	if normed {
		s.norm(blk+"ssm_norm.weight", inner)
		s.Tensors[len(s.Tensors)-1].Shape = []int{mambaGroups, inner / mambaGroups}
	}
	s.matrix(blk+"ssm_out.weight", quant.Q8_0, 1, Dim, inner)
}

// convolution adds the convolution before a state space.
func (s *Source) convolution(blk string, cols int) {
	s.matrix(blk+"ssm_conv1d.weight", quant.F32, 1, cols, mambaTaps)
	s.bias(blk+"ssm_conv1d.bias", cols)
}

// rates adds the rates of decay, [heads × states], and the shares of the input that are added to the output.
func (s *Source) rates(blk string, heads, states int) {
	v := make([]float32, heads*states)
	for i := range v {
		v[i] = float32(-0.1 - math.Abs(s.random()))
	}
	s.Vector(blk+"ssm_a", v...)
	s.Tensors[len(s.Tensors)-1].Shape = []int{heads, states}
	s.bias(blk+"ssm_d", heads)
	if states == 1 {
		s.Tensors[len(s.Tensors)-1].Shape = []int{heads, 1}
	}
}
