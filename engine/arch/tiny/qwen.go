package tiny

import "soberano/models"

var qwen2 = kind{architecture: "qwen2", layers: 3, layer: qwen2Layer}

// qwen2VL has next to no epsilon, since llama.cpp's version of which testdata has the logits does not read it in this family and takes 0.
var qwen2VL = kind{architecture: "qwen2vl", layers: 2, layer: qwen2Layer, keys: models.Metadata{
	"rope.dimension_sections": []uint64{3, 2, 3, 0}, "attention.layer_norm_rms_epsilon": 1e-12,
}}

func qwen2Layer(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.qkvBiases(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.feedForward(blk)
}

var qwen2MoE = kind{architecture: "qwen2moe", layers: 2, keys: models.Metadata{
	"expert_count": uint64(Experts), "expert_used_count": uint64(Used), "expert_feed_forward_length": uint64(ExpertFF),
	"expert_shared_feed_forward_length": uint64(SharedFF),
}, layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.qkvBiases(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.mixture(blk, ExpertFF)
	s.gatedExpert(blk)
}, last: func(s *Source) {
	s.norm("output_norm.weight", Dim)
	s.Matrix("output.weight", Vocabulary, Dim)
}}

var qwen3 = kind{architecture: "qwen3", layers: 3, layer: qwen3Layer}

var qwen3VL = kind{architecture: "qwen3vl", layers: 3, layer: qwen3Layer, keys: models.Metadata{
	"rope.dimension_sections": []uint64{3, 3, 2, 0}, "n_deepstack_layers": uint64(2),
}}

func qwen3Layer(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.headNorms(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.feedForward(blk)
}

var qwen3MoE = kind{architecture: "qwen3moe", layers: 3, layer: qwen3MoELayer, keys: models.Metadata{
	"expert_count": uint64(Experts), "expert_used_count": uint64(Used), "expert_feed_forward_length": uint64(ExpertFF), "feed_forward_length": nil,
}}

var qwen3VLMoE = kind{architecture: "qwen3vlmoe", layers: 2, layer: qwen3MoELayer, keys: models.Metadata{
	"expert_count": uint64(Experts), "expert_used_count": uint64(Used), "expert_feed_forward_length": uint64(ExpertFF),
	"rope.dimension_sections": []uint64{3, 3, 2, 0}, "n_deepstack_layers": uint64(1),
}}

func qwen3MoELayer(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.headNorms(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.mixture(blk, ExpertFF)
}

var mellum = kind{architecture: "mellum", layers: 4, keys: mixtureKeys(models.Metadata{
	"attention.sliding_window": uint64(Window), "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": uint64(64),
}), layer: qwen3MoE.layer, last: (*Source).normAndOutput}
