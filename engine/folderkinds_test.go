package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/registry"
	"soberano/models/safetensors"
)

// rewrite changes the config.json and the tensors of a folder with one file of weights.
func rewrite(t *testing.T, dir string, config func(string) string, change func([]models.Tensor) []models.Tensor) {
	t.Helper()
	f, err := safetensors.Peek(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b strings.Builder
	if err := safetensors.Write(&b, nil, change(f.Tensors)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{safetensors.Weights: b.String(), "config.json": config(string(f.Aux["config.json"]))} {
		path := filepath.Join(dir, name)
		if err := os.Remove(path); err != nil { // which may be mapped
			t.Fatal(err)
		}
		if text == "" {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestForeignFolders checks what the library says of folders whose weights are stored in a way that is not read, and of files without a config.json.
func TestForeignFolders(t *testing.T) {
	const gguf = " Use the same model as a GGUF file, or its weights as float16 or bfloat16."
	with := func(more string) func(string) string {
		return func(config string) string { return strings.Replace(config, "{", "{"+more+",", 1) }
	}
	same := func(s string) string { return s }
	nothing := func(string) string { return "" }
	all := func(l []models.Tensor) []models.Tensor { return l }
	first := func(name string, typ int) func([]models.Tensor) []models.Tensor {
		return func(l []models.Tensor) []models.Tensor {
			for i := range l {
				if strings.HasSuffix(l[i].Name, "layers.0.self_attn.v_proj.weight") {
					if l[i].Name = "model.layers.0.self_attn.v_proj." + name; typ != 0 {
						l[i].Type, l[i].Data = safetensors.U8, l[i].Data[:l[i].Len()]
					}
				}
			}
			return l
		}
	}
	for _, c := range []struct {
		config func(string) string
		change func([]models.Tensor) []models.Tensor
		want   string
	}{
		{with(`"quantization_config":{"quant_method":"gptq","bits":4}`), all, "is quantized by GPTQ, which is not read from safetensors." + gguf},
		{with(`"quantization_config":{"quant_method":"awq","bits":4}`), all, "is quantized by AWQ, " + "which is not read from safetensors." + gguf},
		{with(`"quantization_config":{"quant_method":"bitsandbytes","load_in_4bit":true}`), all, "is quantized by bitsandbytes, "},
		{with(`"quantization_config":{"load_in_8bit":true}`), all, "is quantized by bitsandbytes, "},
		{with(`"quantization_config":{"quant_method":"fp8","activation_scheme":"dynamic"}`), all, "is quantized by FP8, "},
		{with(`"quantization_config":{"quant_method":"compressed-tensors"}`), all, "is quantized by compressed-tensors, "},
		{with(`"compression_config":{"quant_method":"compressed-tensors"}`), all, "is quantized by compressed-tensors, "},
		{with(`"quantization_config":{"quant_method":"mxfp4"}`), all, "is quantized by MXFP4, "},
		{with(`"quantization":{"group_size":64,"bits":4}`), all, "is quantized by MLX, "},
		{same, first("qweight", 0), "is quantized by GPTQ or AWQ, "},
		{same, first("weight", 1), `stores tensor "model.layers.0.self_attn.v_proj.weight" as U8, which is not read from safetensors. Use this model as float32, float16 or bfloat16.`},
		{func(s string) string { return strings.Replace(s, `"llama"`, `"mt5"`, 1) }, all, "holds a model of an encoder and a decoder (mt5), which translates"},
		{func(s string) string { return strings.Replace(s, `"llama"`, `"deepseek_v32"`, 1) }, all, `holds a model of the type "deepseek_v32", which is not read from safetensors; afmoe, apertus, `},
		{nothing, all, "has no config.json, which says what its weights are. Download all files of the model's folder."},
		{nothing, first("lora_A.weight", 0), "holds an adapter (LoRA), and writes nothing by itself. "},
		{nothing, func(l []models.Tensor) []models.Tensor { l[0].Name = "model.diffusion_model.x"; return l }, "holds a model that makes pictures or films, "},
	} {
		s := tiny.New("llama")
		s.Float32()
		dir := s.Folder(t, 1)
		rewrite(t, dir, c.config, c.change)
		i, err := registry.Inspect(dir, Check)
		if err != nil || i.Runs || !strings.HasPrefix(i.Reason, "The file "+c.want) {
			t.Errorf("%q, %v; expected %q", i.Reason, err, c.want)
		}
	}
}

// TestMissingExperts checks that the folder of a mixture is refused where an expert is missing, differs, or is one too many.
func TestMissingExperts(t *testing.T) {
	const up = "model.layers.1.mlp.experts.3.up_proj.weight"
	for want, change := range map[string]func([]models.Tensor) []models.Tensor{
		`expert 3 of tensor "blk.1.ffn_up_exps.weight" is missing`: func(l []models.Tensor) (out []models.Tensor) {
			for _, x := range l {
				if x.Name != up {
					out = append(out, x)
				}
			}
			return out
		},
		`expert 3 of tensor "blk.1.ffn_up_exps.weight" differs from the others in shape or type`: func(l []models.Tensor) []models.Tensor {
			for i := range l {
				if l[i].Name == up {
					l[i].Shape, l[i].Data = []int{l[i].Shape[0] - 1, l[i].Shape[1]}, l[i].Data[:len(l[i].Data)-4*l[i].Shape[1]]
				}
			}
			return l
		},
		`tensor "blk.1.ffn_up_exps.weight" has 8 experts, config.json 6`: func(l []models.Tensor) []models.Tensor {
			for i := range l {
				if l[i].Name == up {
					l[i].Name = strings.Replace(up, ".3.", ".7.", 1)
				}
			}
			return l
		},
	} {
		s := tiny.New("qwen3moe")
		s.Float32()
		dir := s.Folder(t, 1)
		rewrite(t, dir, func(s string) string { return s }, change)
		i, err := registry.Inspect(dir, Check)
		if err != nil || i.Runs || !strings.Contains(i.Reason, want) || !strings.HasSuffix(i.Reason, "Download it again.") {
			t.Errorf("%q, %v; expected %q", i.Reason, err, want)
		}
	}
}

// TestTextParts checks that the folder of a model that sees gives the logits of its text part, wherever its tensors are.
func TestTextParts(t *testing.T) {
	for kind, c := range map[string]struct{ from, to, sees string }{
		"mistral3": {"model.", "language_model.model.", "vision_tower.x.weight"}, "llava": {"model.", "model.language_model.", "model.multi_modal_projector.x.weight"},
		"smolvlm": {"model.", "model.text_model.", "model.vision_model.x.weight"}, "idefics3": {"model.", "model.text_model.", "model.connector.x.weight"},
	} {
		t.Run(kind, func(t *testing.T) {
			s := tiny.New("llama")
			s.Float32()
			file, dir := s.Write(t), s.Folder(t, 1)
			rewrite(t, dir, func(config string) string { return `{"model_type":"` + kind + `","text_config":` + config + `}` }, func(l []models.Tensor) []models.Tensor {
				for i := range l {
					if rest, ok := strings.CutPrefix(l[i].Name, c.from); ok {
						l[i].Name = c.to + rest
					}
				}
				return append(l, models.Tensor{Name: c.sees, Type: l[0].Type, Shape: []int{1}, Data: make([]byte, 4)})
			})
			sameLogits(t, file, dir)
		})
	}
}

// TestFolderTokenizers checks that a folder with tokenizer.model, or with templates in other places, has the tokens and the template of the GGUF file.
func TestFolderTokenizers(t *testing.T) {
	s := tiny.New("llama")
	s.Float32()
	file, dir := s.Write(t), s.Folder(t, 1)
	if err := os.Remove(filepath.Join(dir, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"tokenizer.model": tiny.Pieces(s.Meta, 2, false), "chat_template.json": []byte(`{"chat_template":"T{{ messages[0].content }}"}`)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sameLogits(t, file, dir)
	i, err := registry.Inspect(dir, Check)
	if err != nil || !i.Runs || !i.Template || i.Warning != "" {
		t.Errorf("%+v, %v", i, err)
	}
}

// TestFolderMixedTypes checks a folder whose tensors are of several types of floating-point numbers, experts too.
func TestFolderMixedTypes(t *testing.T) {
	for _, kind := range []string{"qwen3moe", "llama"} {
		s := tiny.New(kind)
		s.Float32()
		types := []quant.Type{quant.F16, quant.BF16, quant.F32}
		for i := range s.Tensors {
			one := *s
			one.Tensors = s.Tensors[i : i+1]
			one.Store(types[i%3])
		}
		dir := s.Folder(t, 2)
		sameLogits(t, s.Write(t), dir)
	}
}
