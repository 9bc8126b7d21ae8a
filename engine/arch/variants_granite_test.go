package arch

import (
	"soberano/engine/arch/tiny"
	"soberano/models"
)

var graniteCases = kindCases{
	tensors:  []string{"blk.0.attn_q_norm.weight", "blk.0.post_attention_norm.weight", "blk.0.ffn_gate_inp.weight"},
	keys:     models.Metadata{"attention.sliding_window": uint64(16), "deepstack_mapping": []int64{1, 2, 3}},
	optional: []string{"expert_count"},
	variants: map[string]func(*tiny.Source){
		"unrotated": func(s *tiny.Source) { s.Meta["granite.rope.scaling.finetuned"] = false },
		"biases":    qkvBiases,
	},
}

var graniteMoECases = kindCases{
	tensors: []string{"blk.0.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.1.ffn_gate_inp_shexp.weight"},
	keys:    models.Metadata{"expert_weights_norm": false, "expert_weights_scale": 2.5, "expert_gating_func": uint64(2)},
	variants: map[string]func(*tiny.Source){"alone": func(s *tiny.Source) { // without a shared expert
		delete(s.Meta, "granitemoe.expert_shared_feed_forward_length")
		without(s, "shexp")
	}},
	tolerance: 3e-5, // its logits are close together
}

var minicpmCases = kindCases{
	tensors: []string{"blk.0.attn_q_norm.weight", "blk.0.post_attention_norm.weight", "blk.0.ffn_gate_inp.weight"},
	keys:    models.Metadata{"attention.scale": 0.5, "expert_count": uint64(8)},
	variants: map[string]func(*tiny.Source){"defaults": func(s *tiny.Source) {
		for _, key := range []string{"embedding_scale", "residual_scale", "logit_scale"} {
			delete(s.Meta, "minicpm."+key)
		}
	}},
}
