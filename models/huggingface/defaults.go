package huggingface

import "encoding/json"

// textDefaults are what the text part of a model that sees has where its text_config leaves a value out, by its model_type: such a part is
// stored without the values that are those of the class. Source: the classes of configurations in the transformers library.
var textDefaults = map[string]map[string]any{
	"gemma3_text": {
		"hidden_size": json.Number("2304"), "intermediate_size": json.Number("9216"), "num_hidden_layers": json.Number("26"), "num_attention_heads": json.Number("8"),
		"num_key_value_heads": json.Number("4"), "head_dim": json.Number("256"), "max_position_embeddings": json.Number("131072"), "rms_norm_eps": json.Number("1e-6"),
		"rope_theta": json.Number("1000000"), "sliding_window": json.Number("4096"),
		"hidden_activation": "gelu_pytorch_tanh",
	},
	"llama": {
		"hidden_size": json.Number("4096"), "intermediate_size": json.Number("11008"), "num_hidden_layers": json.Number("32"), "num_attention_heads": json.Number("32"),
		"max_position_embeddings": json.Number("2048"), "rms_norm_eps": json.Number("1e-6"), "hidden_act": "silu",
	},
	"mistral": {
		"hidden_size": json.Number("4096"), "intermediate_size": json.Number("14336"), "num_hidden_layers": json.Number("32"), "num_attention_heads": json.Number("32"),
		"num_key_value_heads": json.Number("8"), "max_position_embeddings": json.Number("131072"), "rms_norm_eps": json.Number("1e-6"), "sliding_window": json.Number("4096"),
		"hidden_act": "silu",
	},
}

// withDefaults adds what a text_config leaves out.
func withDefaults(text map[string]any) map[string]any {
	kind, _ := text["model_type"].(string)
	for name, value := range textDefaults[kind] {
		if _, set := text[name]; !set {
			text[name] = value
		}
	}
	return text
}
