package huggingface

import (
	"math"
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
)

// deltaHeads are the heads of the delta nets of Qwen3-Next and Qwen3.5.
type deltaHeads struct{ keys, values, keyDim, valueDim int }

func (c *config) deltaHeads() deltaHeads {
	return deltaHeads{
		c.int("linear_num_key_heads", required), c.int("linear_num_value_heads", required), c.int("linear_key_head_dim", required), c.int("linear_value_head_dim", required),
	}
}

// deltaKeys sets the keys of Qwen3-Next and Qwen3.5.
func deltaKeys(c *config) {
	_, width := c.heads(false)
	p := c.object("rope_parameters")
	dims := int(c.number("partial_rotary_factor", c.numberOf(p, "partial_rotary_factor", 0.25)) * float64(width))
	c.set("rope.dimension_count", dims)
	c.rope(dims)
	if c.family.architecture != "qwen3next" {
		c.set("rope.dimension_sections", c.sections(p, 11, 11, 10))
	}
	h := c.deltaHeads()
	c.set("ssm.conv_kernel", c.int("linear_conv_kernel_dim", required))
	c.set("ssm.state_size", h.keyDim)
	c.set("ssm.group_count", h.keys)
	c.set("ssm.time_step_rank", h.values)
	c.set("ssm.inner_size", h.values*h.valueDim)
	c.set("full_attention_interval", c.int("full_attention_interval", 4))
	if types, ok := c.values["layer_types"].([]any); ok {
		recurrent := make([]bool, len(types))
		for i, t := range types {
			recurrent[i] = t == "linear_attention"
		}
		c.set("attention.recurrent_layers", recurrent)
	}
	if c.family.architecture != "qwen35" {
		c.mixture("moe_intermediate_size")
		c.set("expert_shared_feed_forward_length", c.int("shared_expert_intermediate_size", required))
		c.only(c.bool("norm_topk_prob", true), "norm_topk_prob")
	}
}

// deltaModules are the modules of delta nets.
var deltaModules = map[string]name{
	"post_attention_layernorm": {text: "post_attention_norm", norm: true},
	"linear_attn.norm":         {text: "ssm_norm"},
	"linear_attn.conv1d":       {make: convolution},
	"linear_attn.in_proj_qkvz": {text: "ssm_in"},
	"linear_attn.in_proj_ba":   {text: "ssm_ba"},
	"linear_attn.in_proj_qkv":  {make: valueRows("attn_qkv", true)},
	"linear_attn.in_proj_z":    {make: valueRows("attn_gate", false)},
	"linear_attn.in_proj_a":    {make: headRows("ssm_alpha.weight")},
	"linear_attn.in_proj_b":    {make: headRows("ssm_beta.weight")},
	"linear_attn.out_proj":     {make: valueColumns},
	"linear_attn/A_log":        {make: rates},
	"linear_attn/dt_bias":      {make: headRows("ssm_dt.bias")},
	"mlp.experts/gate_up_proj": {text: "ffn_gate_up_exps.weight"},
	"mlp.experts/down_proj":    {text: "ffn_down_exps.weight"},
}

// deltaName returns the name of a tensor of Qwen3-Next or Qwen3.5.
func deltaName(c *config, tensor string) name {
	if strings.HasPrefix(tensor, "mtp.") {
		return name{} // of blocks that only draft tokens
	}
	return decoderName(c, tensor)
}

// tiled returns where a head of values of a GGUF file is in the folder. There the heads of values that use one head of keys are neighbours; in files of
// Qwen3.5, value head h uses key head h mod keys.
func (c *config) tiled(h deltaHeads) func(head int) int {
	if c.family.architecture == "qwen3next" || h.keys <= 0 {
		return func(head int) int { return head }
	}
	share := h.values / h.keys
	return func(head int) int { return head%h.keys*share + head/h.keys }
}

// reordered returns t with its rows in the order of from, which is used once the rows are needed. There must be so many rows.
func (c *config) reordered(t models.Tensor, rows int, from func(row int) int) models.Tensor {
	if len(t.Shape) == 0 || t.Shape[0] != rows || rows == 0 {
		return t // the file is refused, for its shape
	}
	data, size := t.Data, len(t.Data)/rows
	t.Part = func(i int) []byte { return data[from(i)*size:][:size] }
	return t
}

// valueRows returns a function that puts the rows of heads of values in order, behind those of queries and keys or alone.
func valueRows(to string, behind bool) func(*config, models.Tensor, string) []models.Tensor {
	return func(c *config, t models.Tensor, blk string) []models.Tensor {
		t.Name = blk + to + ".weight"
		return []models.Tensor{c.valueHeads(t, behind)}
	}
}

// valueHeads returns t with the rows of its heads of values in order, which may be behind those of queries and keys.
func (c *config) valueHeads(t models.Tensor, behind bool) models.Tensor {
	h := c.deltaHeads()
	before := 0
	if behind {
		before = 2 * h.keys * h.keyDim
	}
	tiled := c.tiled(h)
	return c.reordered(t, before+h.values*h.valueDim, func(row int) int {
		if row < before {
			return row
		}
		head, at := (row-before)/h.valueDim, (row-before)%h.valueDim
		return before + tiled(head)*h.valueDim + at
	})
}

// convolution makes the convolution before a delta net, [channels × taps].
func convolution(c *config, t models.Tensor, blk string) []models.Tensor {
	t = squeezed("ssm_conv1d")(c, t, blk)[0]
	return []models.Tensor{c.valueHeads(t, true)}
}

// headRows returns a function that puts rows in order of which each head of values has one.
func headRows(to string) func(*config, models.Tensor, string) []models.Tensor {
	return func(c *config, t models.Tensor, blk string) []models.Tensor {
		h := c.deltaHeads()
		t.Name = blk + to
		return []models.Tensor{c.reordered(t, h.values, c.tiled(h))}
	}
}

// valueColumns puts the columns of heads of values in order.
func valueColumns(c *config, t models.Tensor, blk string) []models.Tensor {
	t.Name = blk + "ssm_out.weight"
	h := c.deltaHeads()
	cols := h.values * h.valueDim
	if len(t.Shape) != 2 || t.Shape[1] != cols || cols == 0 || t.Len() == 0 {
		return []models.Tensor{t} // the file is refused, for its shape
	}
	data, row, tiled := t.Data, len(t.Data)/t.Shape[0], c.tiled(h)
	head := row / h.values
	t.Part = func(i int) []byte {
		out := make([]byte, 0, row)
		for v := range h.values {
			out = append(out, data[i*row+tiled(v)*head:][:head]...)
		}
		return out
	}
	return []models.Tensor{t}
}

// rates makes the rates of decay, of which folders have the logarithms.
func rates(c *config, t models.Tensor, blk string) []models.Tensor {
	h := c.deltaHeads()
	return c.decays(t, blk, h.values, c.tiled(h))
}

// decays returns the n rates of decay of which t has the logarithms, in the order of from and the shape of t.
func (c *config) decays(t models.Tensor, blk string, n int, from func(int) int) []models.Tensor {
	if !t.Type.Known() || t.Len() != n {
		c.damaged("tensor %s has not %d values", models.Quote(t.Name), n)
		return nil
	}
	logs, values := make([]float32, n), make([]float32, n)
	quant.Dequantize(t.Type, logs, t.Data)
	for i := range values {
		values[i] = float32(-math.Exp(float64(logs[from(i)])))
	}
	return []models.Tensor{{Name: blk + "ssm_a", Type: quant.F32, Shape: t.Shape, Data: bytesOf(values)}}
}
