package tiny

import (
	"soberano/kernels/quant"
	"soberano/models"
)

var gemma = kind{architecture: "gemma", layers: 3, layer: (*Source).plainLayer}

var gemma2 = kind{architecture: "gemma2", layers: 4, keys: models.Metadata{
	"attention.sliding_window": uint64(Window), "attn_logit_softcapping": 2.5, "final_logit_softcapping": 3.0,
}, layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.norm(blk+"post_attention_norm.weight", Dim)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.feedForward(blk)
	s.norm(blk+"post_ffw_norm.weight", Dim)
}}

// What llama.cpp knows of gemma3n without reading it from the file.
const (
	streams3n  = 4
	laurel3n   = 64
	perLayer3n = 256
)

var gemma3n = kind{architecture: "gemma3n", layers: 6, keys: models.Metadata{"attention.sliding_window": uint64(Window)},
	first: func(s *Source) { s.gemma3nFirst(6) },
	layer: (*Source).Gemma3nLayer,
}

// gemma3nFirst adds the tensors of the streams and of the inputs of n layers.
func (s *Source) gemma3nFirst(n int) {
	s.matrix("altup_proj.weight", quant.Q8_0, 1, streams3n-1, Dim, Dim)
	s.matrix("altup_unembd_proj.weight", quant.Q8_0, 1, streams3n-1, Dim, Dim)
	s.Gemma3nInputs(n)
	s.norm("per_layer_proj_norm.weight", perLayer3n)
}

// Gemma3nInputs adds the tensors of gemma3n whose size depends on the number of layers, n.
func (s *Source) Gemma3nInputs(n int) {
	s.matrix("per_layer_token_embd.weight", quant.Q8_0, 1, Vocabulary, n*perLayer3n)
	s.matrix("per_layer_model_proj.weight", quant.Q8_0, 1, n*perLayer3n, Dim)
}

// Gemma3nLayer adds a layer of gemma3n.
func (s *Source) Gemma3nLayer(_ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.headNorms(blk)
	s.norm(blk+"post_attention_norm.weight", Dim)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.feedForward(blk)
	s.norm(blk+"post_ffw_norm.weight", Dim)
	s.matrix(blk+"inp_gate.weight", quant.F32, 1, perLayer3n, Dim)
	s.matrix(blk+"proj.weight", quant.F32, 1, Dim, perLayer3n)
	s.norm(blk+"post_norm.weight", Dim)
	s.matrix(blk+"altup_correct_coef.weight", quant.F32, 0.1, streams3n, streams3n)
	s.norm(blk+"altup_correct_scale.weight", Dim)
	s.matrix(blk+"altup_predict_coef.weight", quant.F32, 0.1, streams3n*streams3n, streams3n)
	s.matrix(blk+"altup_router.weight", quant.F32, 20, streams3n, Dim)
	s.norm(blk+"altup_router_norm.weight", Dim)
	s.matrix(blk+"laurel_l.weight", quant.Q8_0, 1, laurel3n, Dim)
	s.matrix(blk+"laurel_r.weight", quant.Q8_0, 1, Dim, laurel3n)
	s.norm(blk+"laurel_post_norm.weight", Dim)
}
