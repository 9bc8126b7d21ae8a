package tiny

import (
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
