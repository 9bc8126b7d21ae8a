package engine

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/registry"
)

// damage changes one key or tensor of a tiny model.
type damage struct {
	name string
	do   func(*tiny.Source)
}

// damages returns changes of every key and tensor of a model, and the model as it is.
func damages(s *tiny.Source) []damage {
	list := []damage{{"nothing", func(*tiny.Source) {}}}
	add := func(name string, do func(*tiny.Source)) { list = append(list, damage{name, do}) }
	for _, key := range slices.Sorted(maps.Keys(s.Meta)) {
		add(key+" removed", func(s *tiny.Source) { delete(s.Meta, key) })
		for _, v := range []any{"word", uint64(0), uint64(3), uint64(1 << 41), int64(-1), 0.5, true, []uint64{1}, []string{"a"}} {
			add(key+" changed", func(s *tiny.Source) { s.Meta[key] = v })
		}
	}
	for i, tensor := range s.Tensors {
		add(tensor.Name+" removed", func(s *tiny.Source) { s.Tensors = slices.Delete(s.Tensors, i, i+1) })
		add(tensor.Name+" without its first row", func(s *tiny.Source) {
			x := &s.Tensors[i]
			if x.Shape[0] == 1 {
				return
			}
			size := len(x.Data) / x.Shape[0]
			x.Shape = slices.Clone(x.Shape)
			x.Shape[0]--
			x.Data = x.Data[size:]
		})
		add(tensor.Name+" with another shape", func(s *tiny.Source) {
			if x := &s.Tensors[i]; len(x.Shape) < 4 {
				x.Shape = append([]int{1}, x.Shape...)
			}
		})
	}
	return list
}

// extras are changes that add something.
func extras(architecture string) (list []damage) {
	for key, v := range map[string]any{
		"tokenizer.chat_template": "{% if %}", "tokenizer.ggml.model": "tomorrow", "tokenizer.ggml.pre": "of-tomorrow", "general.type": "adapter",
		"general.license": uint64(1), "general.file_type": "all-f32", "general.architecture": "mamba", "tokenizer.ggml.unknown_token_id": uint64(1 << 20),
		architecture + ".expert_count": uint64(8), architecture + ".attention.causal": false, architecture + ".attention.sliding_window": uint64(0),
		architecture + ".attention.sliding_window_pattern": uint64(0), architecture + ".rope.scaling.type": "longrope",
		architecture + ".rope.dimension_count": uint64(7), architecture + ".final_logit_softcapping": 30.0,
	} {
		list = append(list, damage{key + " added", func(s *tiny.Source) { s.Meta[key] = v }})
	}
	list = append(list, damage{"BPE without merges", func(s *tiny.Source) { s.Meta["tokenizer.ggml.model"] = "gpt2" }},
		damage{"a bias that is too short", func(s *tiny.Source) {
			const name = "blk.0.attn_output.bias"
			s.Tensors = slices.DeleteFunc(s.Tensors, func(x models.Tensor) bool { return x.Name == name })
			s.Vector(name, 1, 2)
		}},
		damage{"a tensor of no network", func(s *tiny.Source) { s.Vector("stray.weight", 1, 2) }},
		damage{"heads of 12 values", func(s *tiny.Source) {
			s.Meta[architecture+".attention.key_length"], s.Meta[architecture+".attention.value_length"] = uint64(12), uint64(12)
			for i, x := range s.Tensors {
				for _, narrow := range []string{"attn_q.", "attn_k.", "attn_v."} {
					if strings.Contains(x.Name, narrow) {
						rows := x.Shape[0] * 12 / tiny.HeadDim
						s.Tensors[i].Shape, s.Tensors[i].Data = append([]int{rows}, x.Shape[1:]...), x.Data[:len(x.Data)/x.Shape[0]*rows]
					}
				}
				if strings.Contains(x.Name, "attn_output.") {
					s.Tensors[i] = models.Tensor{Name: x.Name, Type: quant.F32, Shape: []int{tiny.Dim, tiny.Heads * 12}, Data: make([]byte, 4*tiny.Dim*tiny.Heads*12)}
				}
			}
		}})
	return list
}

// TestCheckIsOpen checks over damaged models that the library says "runs" exactly if Open succeeds,
// with the same reason where the file can be read.
func TestCheckIsOpen(t *testing.T) {
	kinds := tiny.Kinds()
	if testing.Short() {
		kinds = []string{"lfm2-window"}
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ran := 0
			all := append(damages(tiny.New(kind)), extras(tiny.New(kind).Architecture)...)
			for _, d := range all {
				s := tiny.New(kind)
				d.do(s)
				path := s.Write(t)
				i, inspected := registry.Inspect(path, Check)
				m, opened := openFile(path, settings{Threads: 1})
				if opened == nil {
					ran++
					if err := m.Close(); err != nil {
						t.Error(err)
					}
				}
				switch runs := inspected == nil && i.Runs; {
				case runs != (opened == nil):
					t.Errorf("%s: Inspect says %v, %q, %v; Open says %v", d.name, i.Runs, i.Reason, inspected, opened)
				case opened != nil && inspected == nil:
					e, ok := errors.AsType[*models.FileError](opened)
					if !ok || !strings.Contains(i.Reason, e.Reason) {
						t.Errorf("%s: the reason is %q, Open says %v", d.name, i.Reason, opened)
					}
				}
			}
			if ran == 0 || ran == len(all) {
				t.Errorf("%d of %d models ran", ran, len(all))
			}
		})
	}
}

// TestCheckReasons checks the words in which the library says why a model does not run.
func TestCheckReasons(t *testing.T) {
	for _, c := range []struct {
		kind  string
		key   string
		value any
		want  string
	}{
		{"llama", "general.architecture", "lfm3", "The file holds a model of the family lfm3, which does not run here; LFM2, LFM2 MoE models do."},
		{"llama", "general.architecture", "dreamer", "The file holds a model of the family dreamer, which does not run here; Gemma 3, Llama, Qwen3 models do."},
		{"llama", "general.architecture", "", "The file does not say which family its model belongs to."},
		{"gemma3", "gemma3.expert_count", uint64(8), "The file can't be run by this version: a mixture of 8 experts."},
		{"llama", "tokenizer.ggml.model", "tomorrow", `The file can't be run by this version: the tokenizer "tomorrow" is not known.`},
		{"llama", "tokenizer.ggml.model", "gpt2", `The file is damaged: key "tokenizer.ggml.merges" is missing. Download it again.`},
		{"llama", "llama.attention.layer_norm_rms_epsilon", nil, `The file is damaged: key "llama.attention.layer_norm_rms_epsilon" is missing. Download it again.`},
		{"llama", "llama.attention.causal", false, `The file can't be run by this version: key "llama.attention.causal" is false, which is not supported in the family Llama.`},
	} {
		s := tiny.New(c.kind)
		if s.Meta[c.key] = c.value; c.value == nil {
			delete(s.Meta, c.key)
		}
		i, err := registry.Inspect(s.Write(t), Check)
		if err != nil || i.Runs || !strings.HasPrefix(i.Reason, c.want) || i.Kind != registry.Chat {
			t.Errorf("%s: %q, %v; expected %q", c.key, i.Reason, err, c.want)
		}
	}
	s := tiny.New("llama")
	s.Vector("blk.0.attn_q_norm.weight", make([]float32, tiny.HeadDim)...)
	if i, err := registry.Inspect(s.Write(t), Check); err != nil || i.Runs || !strings.Contains(i.Reason, `tensor "blk.0.attn_q_norm.weight" is not part of the network`) {
		t.Errorf("%q, %v", i.Reason, err)
	}
	s = tiny.New("llama")
	s.Tensors = nil
	if i, err := registry.Inspect(s.Write(t), Check); err != nil || !strings.HasPrefix(i.Reason, "The file holds no weights, only the vocabulary") {
		t.Errorf("%q, %v", i.Reason, err)
	}
}
