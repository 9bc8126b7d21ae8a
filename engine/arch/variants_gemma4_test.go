package arch

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

var gemmaCases = kindCases{
	tensors:     []string{"blk.0.attn_q_norm.weight", "blk.0.post_attention_norm.weight", "rope_freqs.weight", "blk.0.attn_output.bias"},
	keys:        models.Metadata{"attention.sliding_window": uint64(16), "final_logit_softcapping": 30.0},
	unsupported: models.Metadata{"expert_count": uint64(8)},
}

var gemma2Cases = kindCases{
	tensors:     []string{"blk.0.attn_q_norm.weight", "rope_freqs.weight", "blk.0.attn_output.bias", "blk.0.post_norm.weight"},
	keys:        models.Metadata{"rope.scaling.type": "su", "attention.head_count_kv": []uint64{2, 1, 2, 2}},
	unsupported: models.Metadata{"expert_count": uint64(8)},
	variants: map[string]func(*tiny.Source){
		"uncapped": func(s *tiny.Source) { // with the default caps
			delete(s.Meta, "gemma2.attn_logit_softcapping")
			delete(s.Meta, "gemma2.final_logit_softcapping")
			s.Meta["gemma2.attention.sliding_window_pattern"] = uint64(3)
			s.Meta["gemma2.rope.freq_base_swa"] = 500.0
		},
	},
}

var gemma3nCases = kindCases{
	tensors:     []string{"blk.0.attn_output.bias", "rope_freqs.weight", "blk.0.layer_output_scale.weight", "v.patch_embd.weight"},
	keys:        models.Metadata{"altup.active_idx": uint64(1), "rope.scaling.type": "su"},
	unsupported: models.Metadata{"expert_count": uint64(8), "rope.scaling.type": "yarn"},
	optional:    []string{"attention.shared_kv_layers", "attention.scale"},
	tolerance:   1e-3, // rounding errors grow with each of the 22 layers of the variant
	variants: map[string]func(*tiny.Source){
		"shared": func(s *tiny.Source) { // llama.cpp knows that the first 20 layers have keys and values
			const layers = 22
			s.Meta["gemma3n.block_count"], s.Meta["gemma3n.attention.shared_kv_layers"] = uint64(layers), uint64(2)
			s.Tensors = slices.DeleteFunc(s.Tensors, func(t models.Tensor) bool {
				return t.Name == "per_layer_token_embd.weight" || t.Name == "per_layer_model_proj.weight"
			})
			s.Gemma3nInputs(layers)
			for i := 6; i < layers; i++ {
				s.Gemma3nLayer(i, fmt.Sprintf("blk.%d.", i))
			}
		},
	},
	unused: map[string]string{"shared": "blk.20.attn_k blk.20.attn_v blk.21.attn_k blk.21.attn_v"},
}

var gemma4Cases = kindCases{
	tensors:     []string{"blk.0.attn_output.bias", "blk.0.inp_gate.weight", "blk.0.pre_ffw_norm_2.weight", "per_layer_token_embd.weight"},
	keys:        models.Metadata{"rope.scaling.type": "su"},
	unsupported: models.Metadata{"rope.scaling.type": "yarn", "attention.value_length": uint64(16)},
	optional:    []string{"attention.shared_kv_layers", "attention.scale"},
	dispensable: []string{"attn_v.weight", "layer_output_scale.weight"},
	variants: map[string]func(*tiny.Source){
		"swa": func(s *tiny.Source) {
			s.Meta["gemma4.rope.freq_base_swa"], s.Meta["gemma4.rope.scaling.factor"] = 500.0, 4.0
			delete(s.Meta, "gemma4.final_logit_softcapping")
			s.Matrix("output.weight", tiny.Vocabulary, tiny.Dim)
		},
	},
}

var gemma4ECases = kindCases{
	tensors:     []string{"blk.0.attn_output.bias", "blk.4.attn_q.bias", "blk.0.laurel_l.weight", "altup_proj.weight"},
	keys:        models.Metadata{"rope.scaling.type": "su"},
	unsupported: models.Metadata{"attention.shared_kv_layers": uint64(3)}, // the layers before would be of the wrong kinds
	optional:    []string{"attention.scale"},
	dispensable: []string{"attn_v.weight"},
}

var gemma4MoECases = kindCases{
	tensors:     []string{"blk.0.exp_probs_b.bias", "blk.0.ffn_gate_shexp.weight", "blk.0.ffn_up_exps.bias"},
	keys:        models.Metadata{"rope.scaling.type": "su"},
	unsupported: models.Metadata{"rope.scaling.type": "yarn"},
	optional:    []string{"attention.shared_kv_layers", "attention.scale"},
	dispensable: []string{"attn_v.weight", "ffn_gate_inp.weight", "ffn_gate_up_exps.weight", "ffn_down_exps.scale"},
}

// TestGemma4RotaryFactor checks that the factor of the rotary embedding counts in layers with and without a window: that of q and of k together is
// one of the scores.
func TestGemma4RotaryFactor(t *testing.T) {
	got, want := logitsWith(t, "gemma4", "rope.scaling.attn_factor", 1.25), logitsWith(t, "gemma4", "attention.scale", 1.25*1.25)
	for i := range got {
		if math.Abs(float64(got[i]-want[i])) > 1e-4 {
			t.Fatalf("logit %d is %v, expected %v", i, got[i], want[i])
		}
	}
}

// logitsWith returns logits of a model with another value of a key.
func logitsWith(t *testing.T, kind, key string, value float64) []float32 {
	s := tiny.New(kind)
	s.Meta[s.Architecture+"."+key] = value
	m, dev, err := openTiny(t, s, true)
	if err != nil {
		t.Fatal(err)
	}
	c, err := dev.NewState(m.Shape().State(8))
	if err != nil {
		t.Fatal(err)
	}
	return rows(t, m, c, []int32{1, 50, 60, 70, 80}, 0)[4]
}
