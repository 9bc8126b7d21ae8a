package arch

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

var qwen2Cases = kindCases{
	tensors: []string{"blk.0.attn_q_norm.weight", "blk.0.attn_output.bias", "blk.0.ffn_up.bias", "blk.1.attn_qkv.bias", "rope_freqs.weight", "blk.0.ffn_gate_inp.weight"},
	keys: models.Metadata{
		"attention.sliding_window": uint64(16), "rope.dimension_count": uint64(8), "rope.dimension_sections": []int64{2, 3, 3, 0}, "rope.scaling.type": "su",
	},
	unsupported: models.Metadata{"expert_count": uint64(8)},
	variants: map[string]func(*tiny.Source){
		"yarn": func(s *tiny.Source) {
			maps.Copy(s.Meta, models.Metadata{
				"qwen2.rope.scaling.type": "yarn", "qwen2.rope.scaling.factor": 4.0, "qwen2.rope.scaling.original_context_length": uint64(64), "qwen2.rope.freq_base": 1e6,
			})
		},
		"fused": fuseQKV,
	},
}

var qwen3Cases = kindCases{
	tensors:     []string{"blk.0.attn_output.bias", "blk.0.ffn_down.bias", "blk.0.post_attention_norm.weight", "rope_freqs.weight", "cls.output.weight", "blk.0.ffn_gate_inp.weight"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "rope.dimension_count": uint64(8)},
	unsupported: models.Metadata{"expert_count": uint64(8), "attention.value_length": uint64(32)},
	variants: map[string]func(*tiny.Source){
		"heads32": func(s *tiny.Source) { // heads whose joint width is not that of a row
			setHeads(s, 32)
			s.Tensors = slices.DeleteFunc(s.Tensors, func(t models.Tensor) bool {
				return strings.HasSuffix(t.Name, "attn_q_norm.weight") || strings.HasSuffix(t.Name, "attn_k_norm.weight")
			})
			for i, blk := range []string{"blk.0.", "blk.1.", "blk.2."} {
				for j, name := range []string{"attn_q_norm", "attn_k_norm"} {
					v := wave(32, 2*i+j, 0.5)
					for n := range v {
						v[n]++
					}
					s.Vector(blk+name+".weight", v...)
				}
			}
			s.Matrix("output.weight", tiny.Vocabulary, tiny.Dim)
		},
	},
}

var qwen2VLCases = kindCases{
	tensors: []string{"blk.0.attn_q_norm.weight", "rope_freqs.weight", "v.patch_embd.weight", "blk.0.ffn_gate_inp.weight"},
	keys:    models.Metadata{"rope.dimension_count": uint64(8), "n_deepstack_layers": uint64(1)},
	variants: map[string]func(*tiny.Source){
		"four": func(s *tiny.Source) { // a fourth axis, and sections that are repeated
			s.Meta["qwen2vl.rope.dimension_sections"] = []uint64{1, 2, 1, 1}
		},
	},
}

var qwen2MoECases = kindCases{
	tensors: []string{"blk.0.attn_q_norm.weight", "blk.0.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.1.ffn_up_shexp.bias"},
	keys:    models.Metadata{"expert_weights_norm": true, "expert_weights_scale": 2.5, "expert_group_count": uint64(2), "expert_shared_count": uint64(1), "expert_gating_func": uint64(2)},
	variants: map[string]func(*tiny.Source){
		"widths": func(s *tiny.Source) { // of the experts from that of the network
			delete(s.Meta, "qwen2moe.expert_feed_forward_length")
			delete(s.Meta, "qwen2moe.expert_shared_feed_forward_length")
			s.Meta["qwen2moe.feed_forward_length"] = uint64(tiny.SharedFF)
			narrowExperts(s, tiny.SharedFF/tiny.Used)
		},
	},
}

// narrowExperts gives the experts of a model another width.
func narrowExperts(s *tiny.Source, width int) {
	for i := range 2 {
		blk := fmt.Sprintf("blk.%d.", i)
		s.Tensors = slices.DeleteFunc(s.Tensors, func(t models.Tensor) bool {
			return strings.HasPrefix(t.Name, blk) && strings.HasSuffix(t.Name, "_exps.weight")
		})
		for name, rows := range map[string][2]int{"ffn_gate_exps": {width, tiny.Dim}, "ffn_up_exps": {width, tiny.Dim}, "ffn_down_exps": {tiny.Dim, width}} {
			t := models.Tensor{Name: blk + name + ".weight", Shape: []int{tiny.Experts, rows[0], rows[1]}}
			v := wave(t.Len(), len(name)+i, 0.2)
			for n := range v {
				t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v[n]+0.03*float32(n%7)))
			}
			s.Tensors = append(s.Tensors, t)
		}
	}
}

var qwen3MoECases = kindCases{
	tensors: []string{"blk.0.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.0.ffn_gate_shexp.weight", "blk.1.ffn_up_exps.bias", "rope_freqs.weight"},
	keys:    models.Metadata{"expert_weights_norm": false, "expert_weights_scale": 2.5, "expert_group_count": uint64(2), "expert_shared_count": uint64(1), "expert_gating_func": uint64(2), "rope.dimension_count": uint64(8)},
}

var qwen3VLCases = kindCases{
	tensors: []string{"cls.output.weight", "rope_freqs.weight", "v.patch_embd.weight"},
	keys:    models.Metadata{"rope.dimension_count": uint64(8), "attention.sliding_window": uint64(16)},
	variants: map[string]func(*tiny.Source){
		"four": func(s *tiny.Source) { // a fourth axis, and sections that are repeated
			s.Meta["qwen3vl.rope.dimension_sections"] = []uint64{2, 1, 1, 2}
		},
	},
}

var qwen3VLMoECases = kindCases{
	tensors: []string{"blk.0.ffn_gate.weight", "blk.0.ffn_gate_shexp.weight", "rope_freqs.weight"},
	keys:    models.Metadata{"expert_weights_norm": false, "rope.dimension_count": uint64(8), "expert_gating_func": uint64(2)},
}

var mellumCases = kindCases{
	tensors: []string{"blk.0.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.1.ffn_gate_shexp.weight", "blk.0.attn_output.bias", "rope_freqs.weight"},
	keys:    models.Metadata{"expert_weights_norm": false, "expert_weights_scale": 2.5, "expert_gating_func": uint64(2), "rope.dimension_count": uint64(8)},
	variants: map[string]func(*tiny.Source){
		"whole": func(s *tiny.Source) { delete(s.Meta, "mellum.attention.sliding_window") },
		"pattern": func(s *tiny.Source) {
			s.Meta["mellum.attention.sliding_window_pattern"] = []bool{false, true, true, false}
		},
	},
}
