package huggingface

import (
	"strings"

	"soberano/models"
)

// ggufOrFloats is the advice for folders whose weights are stored in a way that is not read.
const ggufOrFloats = "use the same model as a GGUF file, or its weights as float16 or bfloat16"

// translators are the values of model_type of encoders with a decoder.
var translators = func() map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq("t5 mt5 umt5 longt5 switch_transformers bart mbart marian m2m_100 nllb-moe pegasus pegasus_x led prophetnet blenderbot fsmt bigbird_pegasus t5gemma") {
		m[name] = true
	}
	return m
}()

// methods are the names of methods of quantization by quant_method.
var methods = map[string]string{"gptq": "GPTQ", "awq": "AWQ", "fp8": "FP8", "fbgemm_fp8": "FP8", "mxfp4": "MXFP4", "hqq": "HQQ", "aqlm": "AQLM", "exl2": "EXL2", "exl3": "EXL3"}

// quantizedBy returns the method by which the weights of a folder with this config.json are quantized; "" if they are not.
func quantizedBy(f *models.File, top map[string]any) string {
	for _, name := range []string{"quantization_config", "compression_config"} {
		q, ok := top[name].(map[string]any)
		if !ok {
			continue
		}
		method, _ := q["quant_method"].(string)
		switch known := methods[method]; {
		case known != "":
			return known
		case method != "":
			return method
		case q["load_in_4bit"] == true || q["load_in_8bit"] == true:
			return "bitsandbytes"
		}
		return "an unknown method"
	}
	if q, ok := top["quantization"].(map[string]any); ok && q["bits"] != nil {
		return "MLX"
	}
	for _, t := range f.Tensors {
		if strings.HasSuffix(t.Name, ".qweight") {
			return "GPTQ or AWQ"
		}
	}
	return ""
}

// madeFor names the model for which an adapter was made, if its folder does.
func madeFor(f *models.File) string {
	values, err := object(f, "adapter_config.json")
	if base, ok := values["base_model_name_or_path"].(string); ok && err == nil && base != "" {
		return " for " + models.Printable(base)
	}
	return ""
}

// withoutConfig says what a file of safetensors is that has no config.json.
func withoutConfig(f *models.File) error {
	for _, t := range f.Tensors {
		switch {
		case strings.Contains(t.Name, "lora_A") || strings.Contains(t.Name, "lora_down"):
			return models.Unsupported(f.Path, "choose the model itself; chat --lora uses both", "holds an adapter (LoRA)%s, and writes nothing by itself", madeFor(f))
		case strings.HasPrefix(t.Name, "model.diffusion_model.") || strings.HasPrefix(t.Name, "double_blocks.") || strings.HasPrefix(t.Name, "first_stage_model."):
			return models.Unsupported(f.Path, "this program makes no pictures; choose a model that writes text", "holds a model that makes pictures or films, which does not run here")
		}
	}
	return models.Unsupported(f.Path, "download all files of the model's folder", "has no config.json, which says what its weights are")
}
