package arch

import (
	"soberano/engine/arch/tiny"
	"soberano/models"
)

var hunyuanDenseCases = kindCases{
	tensors:     []string{"blk.0.attn_output.bias", "rope_freqs.weight", "blk.0.ffn_gate_inp.weight"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "rope.dimension_sections": []int64{2, 3, 3, 0}},
	unsupported: models.Metadata{"expert_count": uint64(8)},
	variants:    map[string]func(*tiny.Source){"alpha": func(s *tiny.Source) { s.Meta["hunyuan-dense.rope.scaling.alpha"] = 50.0 }},
}

var maincoderCases = kindCases{
	tensors: []string{"blk.0.attn_output.bias", "rope_freqs.weight", "blk.0.ffn_gate_inp.weight"},
	keys:    models.Metadata{"attention.sliding_window": uint64(16), "expert_count": uint64(8), "rope.dimension_count": uint64(8)},
}

var hunyuanMoECases = kindCases{
	tensors: []string{"blk.0.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.1.ffn_gate_inp_shexp.weight", "rope_freqs.weight"},
	keys:    models.Metadata{"expert_weights_norm": false, "expert_weights_scale": 2.5, "expert_gating_func": uint64(2), "rope.scaling.alpha": 50.0},
}
