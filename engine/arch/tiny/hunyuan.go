package tiny

import "soberano/models"

var hunyuanDense = kind{architecture: "hunyuan-dense", layers: 3, keys: models.Metadata{"rope.scaling.type": "none"}, layer: func(s *Source, i int, blk string) {
	s.plainLayer(i, blk)
	s.headNorms(blk)
}}

var maincoder = kind{architecture: "maincoder", layers: 3, layer: func(s *Source, i int, blk string) {
	s.plainLayer(i, blk)
	s.headNorms(blk)
}}

var hunyuanMoE = kind{architecture: "hunyuan-moe", layers: 3, keys: mixtureKeys(models.Metadata{
	"expert_feed_forward_length": uint64(FF), "expert_shared_count": uint64(1), "expert_shared_feed_forward_length": uint64(ExpertFF),
}), layer: func(s *Source, _ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.headNorms(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.mixture(blk, FF)
	s.sharedExpert(blk, ExpertFF)
}}
