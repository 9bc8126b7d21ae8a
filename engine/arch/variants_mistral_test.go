package arch

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels"
	"soberano/models"
)

var gptOSSCases = kindCases{
	tensors:     []string{"blk.0.ffn_norm.weight", "blk.0.attn_q_norm.weight", "blk.0.exp_probs_b.bias", "blk.0.ffn_gate_shexp.weight", "rope_freqs.weight"},
	keys:        models.Metadata{"rope.scaling.type": "su", "expert_weights_scale": 2.5, "rope.dimension_count": uint64(8)},
	dispensable: []string{"attn_q.bias", "attn_k.bias", "attn_v.bias"},
	variants: map[string]func(*tiny.Source){
		"yarn": func(s *tiny.Source) {
			maps.Copy(s.Meta, models.Metadata{
				"gpt-oss.rope.scaling.type": "yarn", "gpt-oss.rope.scaling.factor": 32.0, "gpt-oss.rope.scaling.original_context_length": uint64(64),
				"gpt-oss.rope.freq_base": 150000.0,
			})
		},
	},
}

var llama4Cases = kindCases{
	tensors: []string{"blk.0.attn_q_norm.weight", "blk.1.exp_probs_b.bias", "blk.0.ffn_gate_inp.weight", "blk.1.ffn_gate_inp_shexp.weight"},
	keys: models.Metadata{"attention.sliding_window": uint64(0), "attention.sliding_window_pattern": uint64(3), "rope.scaling.type": "su",
		"expert_shared_count": uint64(2), "leading_dense_block_count": uint64(1)},
	unsupported: models.Metadata{"rope.scaling.type": "yarn"},
	variants: map[string]func(*tiny.Source){
		"experts128": func(s *tiny.Source) { // heads are not normalised
			const n = 128
			s.Layers(4)
			s.Meta["llama4.expert_count"] = uint64(n)
			for i, t := range s.Tensors {
				if strings.HasSuffix(t.Name, "_exps.weight") {
					size := len(t.Data) / tiny.Experts
					s.Tensors[i].Shape, s.Tensors[i].Data = append([]int{n}, t.Shape[1:]...), bytes.Repeat(t.Data, n/tiny.Experts+1)[:n*size]
				}
			}
			s.Tensors = slices.DeleteFunc(s.Tensors, func(t models.Tensor) bool { return strings.HasSuffix(t.Name, "ffn_gate_inp.weight") })
			s.Matrix("blk.1.ffn_gate_inp.weight", n, tiny.Dim)
			s.Matrix("blk.3.ffn_gate_inp.weight", n, tiny.Dim)
		},
	},
}

var mistral3Cases = kindCases{
	tensors:  []string{"blk.0.attn_q_norm.weight", "blk.0.post_attention_norm.weight", "blk.0.ffn_gate_shexp.weight"},
	keys:     models.Metadata{"rope.scaling.type": "su", "attention.sliding_window": uint64(16), "final_logit_softcapping": 30.0},
	optional: []string{"expert_count"},
	variants: map[string]func(*tiny.Source){
		"plain": func(s *tiny.Source) { // Mistral Small
			delete(s.Meta, "mistral3.attention.temperature_scale")
			delete(s.Meta, "mistral3.rope.scaling.yarn_log_multiplier")
			s.Meta["mistral3.rope.scaling.type"], s.Meta["mistral3.rope.freq_base"] = "none", 1e9
			s.Matrix("output.weight", tiny.Vocabulary, tiny.Dim)
		},
	},
}

// TestWindows checks which layers keep a window of the last positions only, and that layers which share keys and values keep
// none of their own.
func TestWindows(t *testing.T) {
	const w = tiny.Window
	for kind, want := range map[string][]int{
		"gemma2": {w, 0, w, 0}, "gemma3n": {w, w, w, w, 0, w}, "gemma4": {w, 0, w, 0}, "gemma4-e": {w, 0, w, 0}, "gemma4-moe": {w, 0, w}, "gpt-oss": {w, 0, w, 0},
		"llama4": {llama4Chunk, llama4Chunk, llama4Chunk, 0, llama4Chunk}, "mistral3": {0, 0, 0},
	} {
		m, err := Open(fileOf(tiny.New(kind)), kernels.Checker{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, l := range m.Shape().Layers {
			got = append(got, l.Window)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: layers have windows %v, expected %v", kind, got, want)
		}
	}
}

// TestLlama4Base checks that the base of the layers with chunks, which alone are rotated, may have its own key.
func TestLlama4Base(t *testing.T) {
	got, want := logitsWith(t, "llama4", "rope.freq_base_swa", 500), logitsWith(t, "llama4", "rope.freq_base", 500)
	if !slices.Equal(got, want) || slices.Equal(got, logitsWith(t, "llama4", "rope.freq_base_swa", 10000)) {
		t.Errorf("the logits are %v, expected %v", got[:4], want[:4])
	}
}
