package tiny

import (
	"soberano/kernels/quant"
	"soberano/models"
)

var gptOSS = kind{architecture: "gpt-oss", layers: 4, keys: models.Metadata{
	"attention.sliding_window": uint64(Window), "expert_count": uint64(Experts), "expert_used_count": uint64(Used),
	"expert_feed_forward_length": uint64(ExpertFF),
}, layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.qkvBiases(blk)
	s.bias(blk+"attn_output.bias", Dim)
	s.bias(blk+"attn_sinks.weight", Heads)
	s.norm(blk+"post_attention_norm.weight", Dim)
	s.matrix(blk+"ffn_gate_inp.weight", quant.F32, 1, Experts, Dim)
	s.matrix(blk+"ffn_gate_exps.weight", quant.MXFP4, 1, Experts, ExpertFF, Dim)
	s.matrix(blk+"ffn_up_exps.weight", quant.MXFP4, 1, Experts, ExpertFF, Dim)
	s.matrix(blk+"ffn_down_exps.weight", quant.MXFP4, 1, Experts, Dim, ExpertFF)
	s.bias(blk+"ffn_gate_inp.bias", Experts)
	s.biases(blk+"ffn_gate_exps.bias", Experts, ExpertFF)
	s.biases(blk+"ffn_up_exps.bias", Experts, ExpertFF)
	s.biases(blk+"ffn_down_exps.bias", Experts, Dim)
}, last: func(s *Source) {
	s.norm("output_norm.weight", Dim)
	s.matrix("output.weight", quant.Q8_0, 1, Vocabulary, Dim)
}}

// biases adds n biases for each expert.
func (s *Source) biases(name string, experts, n int) {
	s.bias(name, experts*n)
	s.Tensors[len(s.Tensors)-1].Shape = []int{experts, n}
}
