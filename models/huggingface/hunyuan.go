package huggingface

import (
	"strconv"

	"soberano/kernels/quant"
	"soberano/models"
)

// hunyuanModules are those modules of Hunyuan that differ.
var hunyuanModules = map[string]name{
	"self_attn.query_layernorm": {text: "attn_q_norm"}, "self_attn.key_layernorm": {text: "attn_k_norm"},
	"mlp.gate.wg":              {text: "ffn_gate_inp"},
	"mlp.shared_mlp.gate_proj": {text: "ffn_gate_shexp"}, "mlp.shared_mlp.up_proj": {text: "ffn_up_shexp"}, "mlp.shared_mlp.down_proj": {text: "ffn_down_shexp"},
}

// hunyuanKeys sets the keys of the dense models of Hunyuan.
func hunyuanKeys(c *config) {
	ropeKeys(c)
	c.only(c.bool("use_qk_norm", true), "use_qk_norm")
}

// hunyuanMoEKeys sets the keys of the mixtures of Hunyuan. Experts are as wide as config.json says of the network.
func hunyuanMoEKeys(c *config) {
	hunyuanKeys(c)
	c.set("expert_count", c.int("num_experts", required))
	c.set("expert_used_count", c.sameInAll("moe_topk", 1))
	c.set("expert_shared_feed_forward_length", c.int("intermediate_size", required)*c.sameInAll("num_shared_expert", 1))
}

// sameInAll returns a whole number that config.json may have once for each layer.
func (c *config) sameInAll(name string, def int) int {
	list, ok := c.values[name].([]any)
	if !ok || len(list) == 0 {
		return c.int(name, def)
	}
	for _, v := range list {
		c.only(v == list[0], name)
	}
	return c.intOf(map[string]any{name: list[0]}, name, def)
}

// apertusModules are those modules of Apertus that differ. The parameters of its activation are values in a GGUF file.
var apertusModules = map[string]name{
	"attention_layernorm": {text: "attn_norm"}, "feedforward_layernorm": {text: "ffn_norm"},
	"mlp.act_fn/alpha_p": {make: parameter("alpha_p")}, "mlp.act_fn/alpha_n": {make: parameter("alpha_n")},
	"mlp.act_fn/beta": {make: parameter("beta")}, "mlp.act_fn/eps": {make: parameter("eps")},
}

// apertusKeys sets the keys of Apertus. Folders may leave out those parameters of xIELU that are not trained.
func apertusKeys(c *config) {
	ropeKeys(c)
	layers := min(c.int("num_hidden_layers", required), 1<<12)
	for name, def := range map[string]float64{"alpha_p": 0, "alpha_n": 0, "beta": 0.5, "eps": -1e-6} {
		values := make([]float64, layers)
		for i := range values {
			values[i] = float64(float32(def))
			if _, ok := c.f.Tensor("model.layers." + digits(i) + ".mlp.act_fn." + name); !ok && def == 0 {
				c.damaged("layer %d has no %s", i, name)
			}
		}
		c.meta["xielu."+name] = values
	}
}

// parameter returns a function that sets a parameter of the activation of a layer.
func parameter(to string) func(*config, models.Tensor, string) []models.Tensor {
	return func(c *config, t models.Tensor, blk string) []models.Tensor {
		values, _ := c.meta["xielu."+to].([]float64)
		layer, err := strconv.Atoi(blk[len("blk.") : len(blk)-1])
		if err != nil || layer >= len(values) || t.Len() != 1 || !t.Type.Known() {
			c.damaged("tensor %s is no parameter of an activation", models.Quote(t.Name))
			return nil
		}
		var x [1]float32
		quant.Dequantize(t.Type, x[:], t.Data)
		values[layer] = float64(x[0])
		return nil
	}
}
