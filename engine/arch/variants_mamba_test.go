package arch

import (
	"maps"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

// refusedByMamba are keys whose values a network without attention refuses.
var refusedByMamba = models.Metadata{"residual_scale": 0.22, "expert_count": uint64(4)}

// widths are keys of heads, which a network without attention does not have.
var widths = []string{"attention.key_length_swa", "attention.value_length_swa", "rope.dimension_count_swa", "attention.scale"}

var mambaCases = kindCases{
	tensors: []string{"blk.0.ssm_dt_norm.weight", "blk.0.ssm_norm.weight", "blk.1.ffn_norm.weight", "blk.0.attn_q.weight", "blk.0.ssm_in.bias"},
	keys:    refusedByMamba, optional: append([]string{"ssm.dt_b_c_rms"}, widths...),
}

var falconMambaCases = kindCases{tensors: []string{"blk.0.ssm_b_norm.weight"}, keys: refusedByMamba, optional: widths}

var mamba2Cases = kindCases{
	dispensable: []string{"ssm_conv1d.bias"},
	tensors:     []string{"blk.0.ssm_dt.weight", "blk.0.ssm_x.weight", "blk.0.ffn_norm.weight"}, keys: refusedByMamba, optional: widths,
}

var jambaCases = kindCases{
	dispensable: []string{"ffn_gate_inp.weight"},
	tensors:     []string{"blk.0.ssm_norm.weight", "blk.1.ssm_in.weight", "blk.0.attn_q.weight", "rope_freqs.weight", "blk.0.ffn_gate_exps.weight"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "expert_weights_scale": 2.0},
}

var falconH1Cases = kindCases{
	dispensable: []string{"ssm_conv1d.bias", "ssm_norm.weight"},
	tensors:     []string{"blk.0.ssm_x.weight", "blk.0.ffn_norm.weight", "blk.1.attn_output.bias", "rope_freqs.weight"},
	keys:        models.Metadata{"attention.scale": 0.5, "ssm.dt_b_c_rms": true},
}

var graniteHybridCases = kindCases{
	dispensable: []string{"ssm_conv1d.bias", "attn_output.bias"},
	tensors:     []string{"blk.0.ssm_x.weight", "blk.1.ssm_in.weight", "blk.0.attn_q.weight", "blk.0.ffn_gate_inp.weight"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "expert_weights_scale": 2.0},
	variants: map[string]func(*tiny.Source){"rotated": func(s *tiny.Source) {
		s.Meta["granitehybrid.rope.scaling.finetuned"] = true
	}},
}

var graniteHybridMoECases = kindCases{
	dispensable: []string{"ssm_conv1d.bias", "attn_output.bias"},
	tensors:     []string{"blk.0.ffn_gate.weight", "blk.0.exp_probs_b.bias"},
	keys:        models.Metadata{"expert_weights_norm": false},
	optional:    []string{"embedding_scale", "logit_scale", "attention.scale"},
}

var nemotronHCases = kindCases{
	dispensable: []string{"ssm_conv1d.bias", "ffn_down.bias"},
	tensors:     []string{"blk.2.ffn_gate.weight", "blk.2.ssm_in.weight", "blk.0.ffn_norm.weight", "rope_freqs.weight"},
	keys:        models.Metadata{"attention.scale": 0.5, "nextn_predict_layers": uint64(1)},
}

var nemotronHMoECases = kindCases{
	dispensable: []string{"ssm_conv1d.bias"},
	tensors:     []string{"blk.2.ffn_gate_exps.weight", "blk.2.ffn_up.weight", "blk.2.ffn_gate_shexp.weight", "blk.2.ffn_latent_up.weight", "blk.0.ffn_norm.weight"},
	keys:        models.Metadata{"attention.scale": 0.5, "moe_every_n_layers": uint64(2)},
	unsupported: models.Metadata{"expert_gating_func": uint64(1), "expert_used_count": []uint64{0, 0, 2, 0, 3}},
	optional:    []string{"nextn_predict_layers"},
	variants: map[string]func(*tiny.Source){"drafts": func(s *tiny.Source) {
		repeat(s, 4, 5, 6)
		s.Matrix("blk.5.nextn.eh_proj.weight", tiny.Dim, 2*tiny.Dim)
		maps.Copy(s.Meta, models.Metadata{
			"nemotron_h_moe.nextn_predict_layers": uint64(1), "nemotron_h_moe.attention.head_count_kv": []uint64{0, tiny.KVHeads, 0, 0, 0, tiny.KVHeads},
			"nemotron_h_moe.feed_forward_length": []uint64{0, 0, tiny.ExpertFF, 0, tiny.ExpertFF, tiny.ExpertFF},
		})
		for _, name := range []string{"nextn.enorm", "nextn.hnorm", "nextn.shared_head_norm", "post_attention_norm"} {
			s.Vector("blk.5."+name+".weight", aroundOne(tiny.Dim, len(name))...)
		}
		for name, rows := range map[string]int{"attn_q": tiny.Heads, "attn_k": tiny.KVHeads, "attn_v": tiny.KVHeads} {
			s.Matrix("blk.5."+name+".weight", rows*tiny.HeadDim, tiny.Dim)
		}
		s.Matrix("blk.5.attn_output.weight", tiny.Dim, tiny.Heads*tiny.HeadDim)
	}},
	unused: map[string]string{"drafts": "blk.5."},
}

var nemotronHMoELatentCases = kindCases{
	dispensable: []string{"ssm_conv1d.bias"},
	tensors:     []string{"blk.2.ffn_gate_exps.weight", "blk.0.ffn_latent_up.weight"},
	keys:        models.Metadata{"attention.scale": 0.5},
	optional:    []string{"nextn_predict_layers"},
}

var plamo2Cases = kindCases{
	dispensable: []string{"attn_qkv.weight"},
	tensors:     []string{"blk.0.ssm_conv1d.bias", "blk.0.ssm_norm.weight", "blk.1.attn_q.weight", "blk.0.ffn_gate.weight"},
	keys:        models.Metadata{"ssm.group_count": uint64(2), "ssm.dt_b_c_rms": true},
}
