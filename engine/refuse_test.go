package engine

import (
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/models/registry"
)

// TestRefusals checks in which words the library says of files that hold no model that runs what they hold and what to do.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ name, typ, want string }{
		{"llama", "adapter", "The file holds an adapter (LoRA) for models of the family llama, and writes nothing by itself. Choose the file of the model itself; chat --lora uses both."},
		{"llama", "imatrix", "The file holds statistics by which a model is quantized (an importance matrix), and no model. Choose the file of the model itself."},
		{"llama", "mmproj", "The file holds the encoder of images or of sound that belongs to a model, and not the model. Choose the file of the model itself."},
		{"llama", "tomorrow", "The file is not a complete model but an addition to one (tomorrow). Choose the file of the model itself."},
		{"clip", "", "The file holds the encoder of images or of sound that belongs to a model, and not the model (clip). Choose the file of the model itself."},
		{"controlvector", "", "The file holds a control vector, which steers another model and writes nothing by itself (controlvector). "},
		{"eagle3", "model", "The file holds a draft model, which only guesses the next tokens of another model (eagle3). Choose the file of the model itself."},
		{"dflash", "model", "The file holds a draft model, which only guesses the next tokens of another model (dflash). "},
		{"gemma4-assistant", "model", "The file holds a draft model, which only guesses the next tokens of another model (gemma4-assistant). "},
		{"dream", "model", "The file holds a model that writes by diffusion, all tokens of a text side by side, which does not run here (dream). "},
		{"llada-moe", "model", "The file holds a model that writes by diffusion, "},
		{"t5", "model", "The file holds an encoder and a decoder (T5), whose models translate or summarize a text instead of continuing it (t5). Choose a model for chat"},
		{"t5encoder", "model", "The file holds the encoder of T5 alone, which mostly belongs to a model that makes pictures (t5encoder). For vectors of texts choose an embedding model"},
		{"wavtokenizer-dec", "model", "The file holds the part of a speech synthesis that makes sound of tokens, and no language model (wavtokenizer-dec). "},
		{"qwen3tts", "model", "The file holds a model that makes speech, which does not run here (qwen3tts). This program makes no speech"},
		{"flux", "model", "The file holds a model that makes pictures or films, which does not run here (flux). This program makes no pictures"},
		{"whisper", "model", "The file holds a Whisper model as GGUF, which is not read (whisper). Take the same model as whisper.cpp's ggml .bin"},
		// Families of llama.cpp that do not run here, and what does.
		{"grok", "model", "The file holds a model of the family grok, which does not run here; Gemma 3, Llama, Qwen3 models do."},
		{"glm-dsa", "model", "The file holds a model of the family glm-dsa, which does not run here; GLM-4, GLM-4.5 models do."},
		{"deepseek4", "model", "The file holds a model of the family deepseek4, which does not run here; DeepSeek V2 and V3, DeepSeekMoE models do."},
		{"minimax-m3", "model", "The file holds a model of the family minimax-m3, which does not run here; MiniMax-M2 models do."},
		{"rwkv6", "model", "The file holds a model of the family rwkv6, which does not run here; RWKV-7 models do."},
		{"hunyuan_vl", "model", "The file holds a model of the family hunyuan_vl, which does not run here; Hunyuan, Hunyuan MoE models do."},
		{"\x1b[31mred", "model", "The file holds a model of the family "},
	} {
		s := tiny.New("llama")
		s.Meta["general.architecture"] = c.name
		if s.Meta["general.type"] = c.typ; c.typ == "" {
			delete(s.Meta, "general.type")
		}
		i, err := registry.Inspect(s.Write(t), Check)
		if err != nil || i.Runs || !strings.HasPrefix(i.Reason, c.want) || strings.Contains(i.Reason, "\x1b") {
			t.Errorf("%s, %s: %q, %v; expected %q", c.name, c.typ, i.Reason, err, c.want)
		}
	}
	adapter := tiny.New("llama").Adapter(2, 1, 1)
	folder := tiny.New("llama").AdapterFolder(t, adapter, map[string]any{"base_model_name_or_path": "someone/base"})
	adapter.Meta["general.base_model.0.name"] = "Base 1B"
	for path, want := range map[string]string{adapter.Write(t): "The file holds an adapter (LoRA) for models of the family llama, made for Base 1B, ", folder: "The file holds an adapter (LoRA) for someone/base, "} {
		if i, err := registry.Inspect(path, Check); err != nil || i.Runs || !strings.HasPrefix(i.Reason, want) {
			t.Errorf("%q, %v; expected %q", i.Reason, err, want)
		}
	}
	for name, edit := range map[string]func(*tiny.Source){
		"holds no weights, only the vocabulary of a model of the family llama": func(s *tiny.Source) { s.Tensors = nil },
		"holds only the last blocks of a model (llama), which draft tokens for the others": func(s *tiny.Source) {
			s.Meta["llama.nextn_predict_layers"] = uint64(1)
			for i := range s.Tensors {
				s.Tensors[i].Name = strings.Replace(s.Tensors[i].Name, "blk.0.", "blk.3.", 1)
			}
		},
		"holds a model that makes pictures or films, which does not run here": func(s *tiny.Source) {
			delete(s.Meta, "general.architecture")
			s.Vector("model.diffusion_model.out.weight", 1)
		},
	} {
		s := tiny.New("llama")
		edit(s)
		if i, err := registry.Inspect(s.Write(t), Check); err != nil || i.Runs || !strings.HasPrefix(i.Reason, "The file "+name+". ") {
			t.Errorf("%s: %q, %v", name, i.Reason, err)
		}
	}
}
