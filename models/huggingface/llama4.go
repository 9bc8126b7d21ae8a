package huggingface

import (
	"encoding/json"

	"soberano/models"
)

// llama4Modules are those modules of Llama 4 that differ. The matrices of its experts are stacked, with inputs as rows:
//
//	feed_forward.experts.gate_up_proj  [experts × dim × 2·ff]
//	feed_forward.experts.down_proj     [experts × ff × dim]
var llama4Modules = map[string]name{
	"feed_forward.gate_proj": {text: "ffn_gate"}, "feed_forward.up_proj": {text: "ffn_up"}, "feed_forward.down_proj": {text: "ffn_down"},
	"feed_forward.router":                  {text: "ffn_gate_inp"},
	"feed_forward.shared_expert.gate_proj": {text: "ffn_gate_shexp"}, "feed_forward.shared_expert.up_proj": {text: "ffn_up_shexp"}, "feed_forward.shared_expert.down_proj": {text: "ffn_down_shexp"},
	"feed_forward.experts/gate_up_proj": {make: turnedExperts("ffn_gate_exps", "ffn_up_exps")},
	"feed_forward.experts/down_proj":    {make: turnedExperts("ffn_down_exps")},
}

// turnedExperts returns a function that makes matrices of experts of a tensor in which they lie beside each other, their rows as columns.
func turnedExperts(names ...string) func(*config, models.Tensor, string) []models.Tensor {
	return func(c *config, t models.Tensor, blk string) (list []models.Tensor) {
		if len(t.Shape) != 3 || !t.Type.Known() || t.Len() == 0 || t.Shape[2]%len(names) != 0 {
			c.damaged("tensor %s has not the matrices of experts", models.Quote(t.Name))
			return nil
		}
		cols, all := t.Shape[1], t.Shape[2]
		rows, size := all/len(names), len(t.Data)/t.Len()
		for i, name := range names {
			list = append(list, models.Tensor{Name: blk + name + ".weight", Type: t.Type, Shape: []int{t.Shape[0], rows, cols}, Part: func(expert int) []byte {
				out := make([]byte, 0, rows*cols*size)
				for row := range rows {
					for col := range cols {
						out = append(out, t.Data[((expert*cols+col)*all+i*rows+row)*size:][:size]...)
					}
				}
				return out
			}})
		}
		return list
	}
}

// prepareLlama4 gives the values of Llama 4 the usual names: the width of its dense networks has a name of its own.
func prepareLlama4(c *config) {
	c.rename("intermediate_size", "moe_intermediate_size")
	if v := c.values["intermediate_size_mlp"]; v != nil {
		c.values["intermediate_size"] = v
	}
}

// llama4Keys sets the keys of Llama 4, whose files do not say which layers attend to chunks, and how long these are.
func llama4Keys(c *config) {
	ropeKeys(c)
	c.mixture("moe_intermediate_size")
	c.set("interleave_moe_layer_step", c.int("interleave_moe_layer_step", 1))
	c.only(c.int("attention_chunk_size", 8192) == 8192, "attention_chunk_size")
	c.only(c.int("floor_scale", 8192) == 8192 && c.number("attn_scale", 0.1) == 0.1, "floor_scale or attn_scale")
	c.only(c.values["attn_temperature_tuning"] != false, "attn_temperature_tuning")
	c.only(c.bool("use_qk_norm", true) == (c.int("num_local_experts", required) != 128), "use_qk_norm")
	rotated, _ := c.values["no_rope_layers"].([]any) // 1 for layers that rotate
	for i, v := range rotated {
		c.only((v == any(json.Number("1"))) == ((i+1)%4 != 0), "no_rope_layers")
	}
}
