package huggingface

import (
	"maps"
	"slices"
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
)

// mambaContext is the context of models without attention, whose folders do not say one. llama.cpp's converter writes the same number.
const mambaContext = 1 << 20

// prepareMamba gives the values of Mamba and Mamba 2 the usual names. They have no heads of attention; those of Mamba 2 are others.
func prepareMamba(c *config) {
	c.rename("d_model", "hidden_size", "n_layer", "num_hidden_layers", "layer_norm_epsilon", "rms_norm_eps", "head_dim", "mamba_head_dim")
	delete(c.values, "head_dim")
	c.otherwise("num_attention_heads", 0)
	c.otherwise("max_position_embeddings", mambaContext)
	if c.family.architecture == "mamba2" {
		c.values["intermediate_size"] = nil
	}
	c.otherwise("intermediate_size", c.int("expand", 2)*c.int("hidden_size", required))
}

var mambaTensors = tensorTable{prefixes: []string{"model.backbone.", "backbone.", "model."}, layers: "layers.",
	others: map[string]string{"embeddings": "token_embd", "embedding": "token_embd", "norm_f": "output_norm", "lm_head": "output"}}

// selective returns the modules of a Mamba, whose names begin with prefix.
func selective(prefix string) map[string]name {
	return map[string]name{
		prefix + ".in_proj":       {text: "ssm_in"},
		prefix + ".conv1d":        {text: "ssm_conv1d"}, // the bias
		prefix + ".conv1d/weight": {make: squeezed("ssm_conv1d")},
		prefix + ".x_proj":        {text: "ssm_x"},
		prefix + ".dt_proj":       {text: "ssm_dt"},
		prefix + ".out_proj":      {text: "ssm_out"},
		prefix + "/A_log":         {make: stateDecays},
		prefix + "/D":             {text: "ssm_d"},
	}
}

// mambaModules and mamba2Modules are the modules of Mamba and Mamba 2.
var mambaModules, mamba2Modules = func() (first, second map[string]name) {
	first, second = selective("mixer"), stateSpace("mixer")
	first["norm"], second["norm"] = name{text: "attn_norm"}, name{text: "attn_norm"}
	return first, second
}()

// mambaKeys sets the keys of Mamba and of Falcon Mamba, which normalises δ, b and c.
func mambaKeys(c *config) {
	c.selective(c.int("intermediate_size", required), c.int("state_size", 16), c.int("conv_kernel", 4), c.values["time_step_rank"])
	c.set("ssm.dt_b_c_rms", c.string("model_type", "") == "falcon_mamba")
}

// selective sets the keys of a Mamba with so many columns. The rank of δ may be "auto".
func (c *config) selective(columns, states, taps int, rank any) {
	ceil := (c.int("hidden_size", required) + 15) / 16
	if rank == "auto" {
		rank = nil
	}
	c.set("ssm.conv_kernel", taps)
	c.set("ssm.state_size", states)
	c.set("ssm.inner_size", columns)
	c.set("ssm.time_step_rank", c.intOf(map[string]any{"the rank of the time step": rank}, "the rank of the time step", ceil))
}

// mamba2Keys sets the keys of Mamba 2.
func mamba2Keys(c *config) {
	columns := c.int("intermediate_size", required)
	heads := c.int("num_heads", columns/max(1, c.int("mamba_head_dim", 64)))
	c.stateSpace(heads, columns, c.int("state_size", 128), c.int("conv_kernel", 4))
}

// jambaModules are those modules of Jamba that differ.
var jambaModules = func() map[string]name {
	m := selective("mamba")
	maps.Copy(m, map[string]name{
		"mamba.dt_layernorm": {text: "ssm_dt_norm"}, "mamba.b_layernorm": {text: "ssm_b_norm"}, "mamba.c_layernorm": {text: "ssm_c_norm"},
		"pre_ff_layernorm": {text: "ffn_norm"}, "feed_forward.router": {text: "ffn_gate_inp"},
		"feed_forward.gate_proj": {text: "ffn_gate"}, "feed_forward.up_proj": {text: "ffn_up"}, "feed_forward.down_proj": {text: "ffn_down"},
	})
	return m
}()

// jambaKeys sets the keys of Jamba: one of some layers has attention, one of some a mixture.
func jambaKeys(c *config) {
	c.selective(c.int("mamba_expand", 2)*c.int("hidden_size", required), c.int("mamba_d_state", 16), c.int("mamba_d_conv", 4), c.values["mamba_dt_rank"])
	period, offset := c.int("attn_layer_period", 8), c.int("attn_layer_offset", 4)
	attention := make([]bool, min(c.int("num_hidden_layers", required), 1<<12))
	for i := range attention {
		attention[i] = period > 0 && i%period == offset%period
	}
	c.attentionIn(attention)
	if n := c.int("num_experts", 16); n > 1 {
		c.set("expert_count", n)
		c.set("expert_used_count", c.int("num_experts_per_tok", 2))
	}
}

// lastNorm returns a function that names the tensors of a decoder whose last norm is called final_layernorm.
func lastNorm(c *config, tensor string) name {
	if kind, ok := strings.CutPrefix(tensor, "model.final_layernorm."); ok {
		return name{text: "output_norm." + kind}
	}
	return decoderName(c, tensor)
}

// falconH1Modules are those modules of Falcon-H1 that differ. It multiplies what enters and leaves its networks by numbers of config.json;
// in a GGUF file the weights are multiplied instead.
var falconH1Modules = func() map[string]name {
	m := stateSpace("mamba")
	times := func(names ...string) func(*config, int) float64 {
		return func(c *config, _ int) float64 { return c.product(names...) }
	}
	maps.Copy(m, map[string]name{
		"pre_ff_layernorm":       {text: "ffn_norm"},
		"self_attn.q_proj":       {make: scaled("attn_q", times("attention_in_multiplier"))},
		"self_attn.k_proj":       {make: scaled("attn_k", times("attention_in_multiplier", "key_multiplier"))},
		"self_attn.v_proj":       {make: scaled("attn_v", times("attention_in_multiplier"))},
		"self_attn.o_proj":       {make: scaled("attn_output", times("attention_out_multiplier"))},
		"feed_forward.gate_proj": {make: scaled("ffn_gate", func(c *config, _ int) float64 { return c.multiplier("mlp_multipliers", 0) })},
		"feed_forward.up_proj":   {text: "ffn_up"},
		"feed_forward.down_proj": {make: scaled("ffn_down", func(c *config, _ int) float64 { return c.multiplier("mlp_multipliers", 1) })},
		"mamba.in_proj":          {make: scaled("ssm_in", (*config).falconH1Input)},
		"mamba.out_proj":         {make: scaled("ssm_out", times("ssm_out_multiplier"))},
	})
	return m
}()

// falconH1Name returns the name of a tensor of Falcon-H1.
func falconH1Name(c *config, tensor string) name {
	switch {
	case tensor == "model.embed_tokens.weight":
		return name{make: falconH1Embedding}
	case tensor == "lm_head.weight" && !c.tied():
		return name{make: falconH1Output}
	}
	return lastNorm(c, tensor)
}

var falconH1Output = scaled("output", func(c *config, _ int) float64 { return c.product("lm_head_multiplier") })

// falconH1Embedding makes the embedding and, of a folder without an output matrix, that matrix, which has another factor.
func falconH1Embedding(c *config, t models.Tensor, blk string) []models.Tensor {
	list := scaled("token_embd", func(c *config, _ int) float64 { return c.product("embedding_multiplier") })(c, t, blk)
	if _, ok := c.f.Tensor("lm_head.weight"); !ok || c.tied() {
		list = append(list, falconH1Output(c, t, blk)...)
	}
	return list
}

// product returns the product of numbers of config.json, of which those that it leaves out are 1.
func (c *config) product(names ...string) float64 {
	x := 1.0
	for _, name := range names {
		x *= c.number(name, 1)
	}
	return x
}

// multiplier returns a number of a list in config.json; 1 if there is no list.
func (c *config) multiplier(name string, i int) float64 {
	list, _ := c.values[name].([]any)
	if list == nil {
		return 1
	}
	if i >= len(list) {
		c.fail("%s has %d numbers: %w", name, len(list), models.ErrCorrupt)
		return 1
	}
	return c.numberOf(map[string]any{name: list[i]}, name, required)
}

// falconH1Input returns the factor of a row of the input projection of a state space: of z, x, b, c or δ.
func (c *config) falconH1Input(row int) float64 {
	inner, bc := c.falconH1Columns(), c.groups()*c.int("mamba_d_state", 256)
	part := 4
	for i, end := range []int{inner, 2 * inner, 2*inner + bc, 2*inner + 2*bc} {
		if row < end {
			part = i
			break
		}
	}
	return c.product("ssm_in_multiplier") * c.multiplier("ssm_multipliers", part)
}

// falconH1Columns returns the number of columns of the state spaces of Falcon-H1.
func (c *config) falconH1Columns() int {
	return c.int("mamba_d_ssm", c.int("mamba_expand", 2)*c.int("hidden_size", required))
}

// falconH1Keys sets the keys of Falcon-H1.
func falconH1Keys(c *config) {
	ropeKeys(c)
	columns := c.falconH1Columns()
	c.stateSpace(c.int("mamba_n_heads", 128), columns, c.int("mamba_d_state", 256), c.int("mamba_d_conv", 4))
	c.only(!c.bool("mamba_norm_before_gate", true) || !c.bool("mamba_rms_norm", false), "mamba_norm_before_gate and mamba_rms_norm")
}

// scaled returns a function that multiplies each row of a matrix by a factor, once the rows are needed. The values keep their type, as in the files of llama.cpp's
// converter.
func scaled(to string, factor func(c *config, row int) float64) func(*config, models.Tensor, string) []models.Tensor {
	return func(c *config, t models.Tensor, blk string) []models.Tensor {
		t.Name = blk + to + ".weight"
		if len(t.Shape) != 2 || !t.Type.Known() || t.Len() == 0 {
			return []models.Tensor{t} // the file is refused, for its shape or type
		}
		factors := make([]float32, t.Shape[0])
		for row := range factors {
			factors[row] = float32(factor(c, row))
		}
		if slices.Max(factors) == 1 && slices.Min(factors) == 1 {
			return []models.Tensor{t}
		}
		kind, data, cols := t.Type, t.Data, t.Shape[1]
		size := len(data) / t.Shape[0]
		t.Part = func(row int) []byte {
			values, out := make([]float32, cols), make([]byte, size)
			quant.Dequantize(kind, values, data[row*size:][:size])
			for i := range values {
				values[i] *= factors[row]
			}
			quant.Quantize(kind, out, values)
			return out
		}
		return []models.Tensor{t}
	}
}
