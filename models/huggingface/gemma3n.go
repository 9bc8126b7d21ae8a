package huggingface

import (
	"math"
	"strconv"
	"strings"

	"soberano/models"
)

// gemma3nModules are those modules of Gemma 3n that differ.
var gemma3nModules = map[string]name{
	"post_attention_layernorm":   {text: "post_attention_norm"},
	"pre_feedforward_layernorm":  {text: "ffn_norm"},
	"post_feedforward_layernorm": {text: "post_ffw_norm"},
	"per_layer_input_gate":       {text: "inp_gate"},
	"per_layer_projection":       {text: "proj"},
	"post_per_layer_input_norm":  {text: "post_norm"},
	"altup.correction_coefs":     {text: "altup_correct_coef"},
	"altup/correct_output_scale": {text: "altup_correct_scale.weight"},
	"altup.prediction_coefs":     {text: "altup_predict_coef"},
	"altup.modality_router":      {text: "altup_router"},
	"altup.router_norm":          {text: "altup_router_norm"},
	"laurel.linear_left":         {text: "laurel_l"},
	"laurel.linear_right":        {text: "laurel_r"},
	"laurel.post_laurel_norm":    {text: "laurel_post_norm"},
}

// gemma3nStreams are the matrices of the streams but the first, each of which is a tensor of its own in a folder.
var gemma3nStreams = map[string]string{"altup_projections.": "altup_proj.weight", "altup_unembed_projections.": "altup_unembd_proj.weight"}

// gemma3nName returns the name of a tensor of Gemma 3n. What is in no layer is named as in Gemma 4.
func gemma3nName(c *config, tensor string) name {
	rest := strings.TrimPrefix(strings.TrimPrefix(tensor, "model."), "language_model.")
	for prefix, to := range gemma3nStreams {
		if number, ok := strings.CutPrefix(strings.TrimSuffix(rest, ".weight"), prefix); ok {
			if n, err := strconv.Atoi(number); err == nil && digits(n) == number && n < maxExperts {
				return name{text: to, expert: n + 1, parts: c.int("altup_num_inputs", 4) - 1}
			}
		}
	}
	if rest == "embed_tokens.weight" {
		return name{make: withoutSenses}
	}
	return gemma4Name(c, tensor)
}

// withoutSenses makes the embedding of the tokens that have one for each layer. The tokens behind them stand for images and sounds.
func withoutSenses(c *config, t models.Tensor, _ string) []models.Tensor {
	t.Name = "token_embd.weight"
	if n := c.int("vocab_size_per_layer_input", 0); len(t.Shape) == 2 && n > 0 && n < t.Shape[0] {
		t.Data = t.Data[:n*(len(t.Data)/t.Shape[0])]
		t.Shape = []int{n, t.Shape[1]}
	}
	return []models.Tensor{t}
}

// prepareGemma3n gives the width of the feed-forward networks once, which config.json has for each layer.
func prepareGemma3n(c *config) {
	if list, ok := c.values["intermediate_size"].([]any); ok && len(list) > 0 {
		c.sameInAll("intermediate_size", required)
		c.values["intermediate_size"] = list[0]
	}
}

// gemma3nKeys sets the keys of Gemma 3n.
func gemma3nKeys(c *config) {
	gemmaKeys(c)
	c.gemma3Pattern()
	c.set("attention.shared_kv_layers", c.int("num_kv_shared_layers", 15))
	c.set("embedding_length_per_layer_input", c.int("hidden_size_per_layer_input", 256))
	c.set("altup.num_inputs", c.int("altup_num_inputs", 4))
	c.set("altup.active_idx", c.int("altup_active_idx", 0))
	c.only(c.int("laurel_rank", 64) == 64, "laurel_rank")
	shares, _ := c.values["activation_sparsity_pattern"].([]any)
	if shares == nil {
		return // the family's own
	}
	scales := make([]float64, len(shares))
	for i, v := range shares {
		share := c.numberOf(map[string]any{"activation_sparsity_pattern": v}, "activation_sparsity_pattern", required)
		c.only(share >= 0 && share < 1, "activation_sparsity_pattern")
		scales[i] = float64(float32(math.Sqrt2 * math.Erfinv(2*share-1))) // so many deviations above the mean, of a normal distribution
	}
	c.set("activation_sparsity_scale", scales)
}
