package arch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

var qwen35Cases = kindCases{
	tensors: []string{"blk.0.ssm_a.weight", "blk.0.attn_q.weight", "blk.2.ssm_beta.weight", "blk.0.ssm_in.weight", "blk.0.ffn_norm.weight", "blk.0.ssm_conv1d.bias", "blk.2.attn_output.bias", "blk.0.ffn_gate_inp.weight",
		"blk.4.attn_norm.weight", "rope_freqs.weight"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "attention.scale": 0.5},
	unsupported: models.Metadata{"expert_count": uint64(8)},
	optional:    []string{"nextn_predict_layers"},
	variants: map[string]func(*tiny.Source){
		"list": func(s *tiny.Source) { // the layers with attention by a list, fused projections, an output matrix
			s.Meta["qwen35.attention.recurrent_layers"] = []bool{true, true, false, true}
			delete(s.Meta, "qwen35.full_attention_interval")
			fuse(s, "blk.2.")
			s.Matrix("output.weight", tiny.Vocabulary, tiny.Dim)
		},
		"draft": addDraft,
	},
	unused: map[string]string{"draft": "blk.4."},
}

var qwen35MoECases = kindCases{
	tensors:  []string{"blk.0.ssm_ba.weight", "blk.0.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.0.ssm_in.weight"},
	keys:     models.Metadata{"expert_weights_norm": false, "expert_weights_scale": 2.5, "expert_gating_func": uint64(2)},
	optional: []string{"nextn_predict_layers"},
	variants: map[string]func(*tiny.Source){"fused": fuseExperts},
}

// fuseExperts stores the gate and up projections of each expert as one matrix.
func fuseExperts(s *tiny.Source) {
	s.Float32()
	for i := range 3 {
		blk := fmt.Sprintf("blk.%d.", i)
		var data [2][]byte
		for j, name := range []string{"ffn_gate_exps", "ffn_up_exps"} {
			at := slices.IndexFunc(s.Tensors, func(t models.Tensor) bool { return t.Name == blk+name+".weight" })
			data[j] = s.Tensors[at].Data
			s.Tensors = slices.Delete(s.Tensors, at, at+1)
		}
		t := models.Tensor{Name: blk + "ffn_gate_up_exps.weight", Shape: []int{tiny.Experts, 2 * tiny.ExpertFF, tiny.Dim}}
		const size = 4 * tiny.ExpertFF * tiny.Dim
		for e := range tiny.Experts {
			t.Data = append(append(t.Data, data[0][e*size:][:size]...), data[1][e*size:][:size]...)
		}
		s.Tensors = append(s.Tensors, t)
	}
}

var qwen3NextCases = kindCases{
	tensors:  []string{"blk.0.ssm_beta.weight", "blk.0.ffn_gate.weight", "blk.0.exp_probs_b.bias", "blk.0.attn_q.weight"},
	keys:     models.Metadata{"rope.dimension_sections": []uint64{2, 1, 1, 0}, "expert_weights_norm": false, "expert_group_count": uint64(2)},
	optional: []string{"nextn_predict_layers"},
	variants: map[string]func(*tiny.Source){"old": oldProjections},
}

// addDraft adds a block that drafts tokens.
func addDraft(s *tiny.Source) {
	s.Meta["qwen35.block_count"], s.Meta["qwen35.nextn_predict_layers"] = uint64(5), uint64(1)
	const blk = "blk.4."
	s.GatedAttention(blk)
	for name, n := range map[string]int{"attn_norm": 1, "post_attention_norm": 1, "nextn.enorm": 1, "nextn.hnorm": 1, "nextn.shared_head_norm": 1} {
		s.Vector(blk+name+".weight", wave(n*tiny.Dim, len(name), 1)...)
	}
	s.Matrix(blk+"ffn_gate.weight", tiny.FF, tiny.Dim)
	s.Matrix(blk+"ffn_up.weight", tiny.FF, tiny.Dim)
	s.Matrix(blk+"ffn_down.weight", tiny.Dim, tiny.FF)
	s.Matrix(blk+"nextn.eh_proj.weight", tiny.Dim, 2*tiny.Dim)
}

// oldProjections stores the projections of delta nets as older files have them: queries, keys, values and z of each head of keys one behind
// the other.
func oldProjections(s *tiny.Source) {
	s.Float32()
	const dim, keys, share = tiny.DeltaDim / 2, tiny.DeltaKeyHeads, tiny.DeltaHeads / tiny.DeltaKeyHeads
	for i := range 2 {
		blk := fmt.Sprintf("blk.%d.", i)
		var data [2][]byte
		for j, name := range []string{"attn_qkv", "attn_gate"} {
			at := slices.IndexFunc(s.Tensors, func(t models.Tensor) bool { return t.Name == blk+name+".weight" })
			data[j] = s.Tensors[at].Data
			s.Tensors = slices.Delete(s.Tensors, at, at+1)
		}
		in := models.Tensor{Name: blk + "ssm_in.weight", Shape: []int{(2*keys + 2*tiny.DeltaHeads) * dim, tiny.Dim}}
		rows := func(from []byte, first, n int) { in.Data = append(in.Data, from[first*4*tiny.Dim:][:n*4*tiny.Dim]...) }
		for k := range keys {
			rows(data[0], k*dim, dim)
			rows(data[0], (keys+k)*dim, dim)
			rows(data[0], (2*keys+k*share)*dim, share*dim)
			rows(data[1], k*share*dim, share*dim)
		}
		s.Tensors = append(s.Tensors, in)
	}
}

// layersOfKind makes each layer of a model a copy of layer from[i] of the tiny model.
func layersOfKind(s *tiny.Source, kind string, from []int) {
	whole := tiny.New(kind).Tensors
	s.Tensors = slices.DeleteFunc(s.Tensors, func(t models.Tensor) bool { return strings.HasPrefix(t.Name, "blk.") })
	for i, j := range from {
		for _, w := range whole {
			if rest, ok := strings.CutPrefix(w.Name, fmt.Sprintf("blk.%d.", j)); ok {
				w.Name = fmt.Sprintf("blk.%d.", i) + rest
				s.Tensors = append(s.Tensors, w)
			}
		}
	}
}

// TestDeltaNetFiles checks files whose keys contradict each other.
func TestDeltaNetFiles(t *testing.T) {
	for what, keys := range map[string]models.Metadata{
		"a list of too few layers":      {"attention.recurrent_layers": []bool{true, true, false}},
		"a list of numbers":             {"attention.recurrent_layers": []uint64{1, 1, 0, 1}},
		"a list of other layers":        {"attention.recurrent_layers": []bool{false, true, true, true}},
		"an interval of no layers":      {"full_attention_interval": uint64(0)},
		"heads that do not share":       {"ssm.group_count": uint64(3)},
		"another width":                 {"ssm.inner_size": uint64(64)},
		"three sections":                {"rope.dimension_sections": []uint64{2, 1, 1}},
		"no pairs in the sections":      {"rope.dimension_sections": []uint64{0, 0, 0, 4}},
		"sections wider than the heads": {"rope.dimension_sections": []uint64{9, 1, 1, 0}},
		"drafts only":                   {"nextn_predict_layers": uint64(4)},
	} {
		s := tiny.New("qwen35")
		for key, v := range keys {
			s.Meta["qwen35."+key] = v
		}
		if err := checkTiny(s); !errors.Is(err, models.ErrCorrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
