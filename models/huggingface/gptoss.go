package huggingface

import (
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
)

// gptOSSName returns the name of a tensor of gpt-oss. Its experts are stacked, the rows of gate and up by turns:
//
//	mlp.experts.gate_up_proj_blocks  [experts × 2·ff × dim/32 × 16]  two values a byte, the first in the lower half
//	mlp.experts.gate_up_proj_scales  [experts × 2·ff × dim/32]       exponents
//	mlp.experts.gate_up_proj_bias    [experts × 2·ff]                mlp.experts.down_proj_… in the same way
func gptOSSName(c *config, tensor string) name {
	layer, module, kind, ok := cutLayer(strings.TrimPrefix(tensor, "model."), "layers.")
	if !ok || module != "mlp.experts" && kind != "sinks" {
		return decoderName(c, tensor)
	}
	gateUp, down := []string{"ffn_gate_exps", "ffn_up_exps"}, []string{"ffn_down_exps"}
	switch kind {
	case "sinks":
		return name{text: "blk." + layer + ".attn_sinks.weight"}
	case "gate_up_proj_blocks":
		return name{make: mxfp4(gateUp)}.of(layer, kind)
	case "down_proj_blocks":
		return name{make: mxfp4(down)}.of(layer, kind)
	case "gate_up_proj_bias":
		return name{make: expertBiases(gateUp)}.of(layer, kind)
	case "down_proj_bias":
		return name{make: expertBiases(down)}.of(layer, kind)
	case "gate_up_proj_scales", "down_proj_scales":
		return name{} // used with the blocks
	}
	return name{text: tensor}
}

// groupBytes is the size of a group of 32 values without its exponent.
const groupBytes = 16

// mxfp4 returns a function that makes tensors of type MXFP4 of the blocks and the scales. Each has every len(names)-th row.
func mxfp4(names []string) func(*config, models.Tensor, string) []models.Tensor {
	return func(c *config, t models.Tensor, blk string) (list []models.Tensor) {
		scales, ok := c.f.Tensor(strings.TrimSuffix(t.Name, "blocks") + "scales")
		s := t.Shape
		if !ok || len(s) != 4 || s[3] != groupBytes || s[1]%len(names) != 0 || len(t.Data) != t.Len() || len(scales.Data) != s[0]*s[1]*s[2] {
			c.damaged("tensor %s and its scales do not have the shape of MXFP4", models.Quote(t.Name))
			return nil
		}
		step, groups := len(names), s[2]
		rows := s[1] / step
		for i, name := range names {
			list = append(list, models.Tensor{Name: blk + name + ".weight", Type: quant.MXFP4, Shape: []int{s[0], rows, 32 * groups}, Part: func(e int) []byte {
				out := make([]byte, 0, rows*groups*(1+groupBytes))
				for r := range rows {
					from := ((e*s[1] + r*step + i) * groups)
					for g := range groups {
						out = appendMXFP4(out, scales.Data[from+g], t.Data[(from+g)*groupBytes:][:groupBytes])
					}
				}
				return out
			}})
		}
		return list
	}
}

// appendMXFP4 appends a block of 32 values as GGUF has it: the exponent, and value j beside value j+16 in a byte. In b, neighbours share a byte.
func appendMXFP4(out []byte, exponent byte, b []byte) []byte {
	value := func(i int) byte { return b[i/2] >> (4 * (i % 2)) & 15 }
	out = append(out, exponent)
	for j := range groupBytes {
		out = append(out, value(j)|value(j+16)<<4)
	}
	return out
}

// expertBiases returns a function that makes tensors of the biases of experts. Each has every len(names)-th value.
func expertBiases(names []string) func(*config, models.Tensor, string) []models.Tensor {
	return func(c *config, t models.Tensor, blk string) (list []models.Tensor) {
		if len(t.Shape) != 2 || t.Shape[1]%len(names) != 0 || !t.Type.Known() {
			c.damaged("tensor %s has no biases of experts", models.Quote(t.Name))
			return nil
		}
		all := make([]float32, t.Len())
		quant.Dequantize(t.Type, all, t.Data)
		for i, name := range names {
			values := make([]float32, 0, len(all)/len(names))
			for j := i; j < len(all); j += len(names) {
				values = append(values, all[j])
			}
			list = append(list, models.Tensor{Name: blk + name + ".bias", Type: quant.F32, Shape: []int{t.Shape[0], t.Shape[1] / len(names)}, Data: bytesOf(values)})
		}
		return list
	}
}

// gptOSSKeys sets the keys of gpt-oss.
func gptOSSKeys(c *config) {
	ropeKeys(c)
	c.mixture("intermediate_size")
	c.set("attention.sliding_window", c.int("sliding_window", required))
	c.localPattern()
}
