package tiny

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"soberano/models"
)

// isDelta reports whether the model has delta nets.
func (s *Source) isDelta() bool {
	return s.Architecture == "qwen35" || s.Architecture == "qwen35moe" || s.Architecture == "qwen3next"
}

// deltaModules are the names in PyTorch of what is in a delta net.
var deltaModules = map[string]string{
	"attn_qkv": "in_proj_qkv", "attn_gate": "in_proj_z", "ssm_alpha": "in_proj_a", "ssm_beta": "in_proj_b", "ssm_ba": "in_proj_ba", "ssm_conv1d": "conv1d", "ssm_norm": "norm",
	"ssm_out": "out_proj", "ssm_a": "A_log", "ssm_dt": "dt_bias",
}

// deltaPart returns a tensor of a delta net as it is in a folder: the heads of values in Qwen3.5 are grouped by heads of keys. ok is false if t is
// none. The rates of decay become in t what they are after their logarithm.
func (s *Source) deltaPart(t *models.Tensor) (list []models.Tensor, ok bool) {
	_, rest, _ := strings.Cut(strings.TrimPrefix(t.Name, "blk."), ".")
	what, kind, _ := strings.Cut(rest, ".")
	module := deltaModules[what]
	if !s.isDelta() || module == "" {
		return nil, false
	}
	dim := int(s.Meta[s.Architecture+".ssm.state_size"].(uint64))
	out := *t
	out.Name = strings.Replace(t.Name[:strings.Index(t.Name, what)], "blk.", "model.layers.", 1) + "linear_attn." + module
	if what != "ssm_a" && what != "ssm_dt" {
		out.Name += "." + kind
	}
	switch before := 2 * DeltaKeyHeads * dim; what {
	case "ssm_a":
		out.Data = logarithms(t)
		fallthrough
	case "ssm_dt", "ssm_alpha", "ssm_beta":
		out.Data = s.grouped(out.Data, DeltaHeads, 0, 1)
	case "attn_gate":
		out.Data = s.grouped(t.Data, t.Shape[0], 0, dim)
	case "attn_qkv", "ssm_conv1d":
		if out.Data = s.grouped(t.Data, t.Shape[0], before, dim); what == "ssm_conv1d" {
			out.Shape = []int{t.Shape[0], 1, t.Shape[1]}
		}
	case "ssm_out":
		out.Data = nil
		row := len(t.Data) / t.Shape[0]
		for i := range t.Shape[0] {
			out.Data = append(out.Data, s.grouped(t.Data[i*row:][:row], t.Shape[1], 0, dim)...)
		}
	}
	if s.Architecture == "qwen3next" && what == "attn_gate" {
		return nil, true // within in_proj_qkvz
	}
	if s.Architecture == "qwen3next" && what == "attn_qkv" {
		return []models.Tensor{s.groupedByKeys(t, out.Name, dim)}, true
	}
	return []models.Tensor{out}, true
}

// grouped puts those of so many rows (or columns) that are behind the first ones, dim for each head of values, in the order of a folder.
func (s *Source) grouped(data []byte, rows, before, dim int) []byte {
	if s.Architecture == "qwen3next" {
		return data
	}
	out, row := slices.Clone(data), len(data)/rows
	for h := range DeltaHeads {
		to := h%DeltaKeyHeads*(DeltaHeads/DeltaKeyHeads) + h/DeltaKeyHeads
		copy(out[(before+to*dim)*row:][:dim*row], data[(before+h*dim)*row:])
	}
	return out
}

// groupedByKeys returns q, k, v and z of each head of keys one behind the other, as in folders of Qwen3-Next.
func (s *Source) groupedByKeys(qkv *models.Tensor, name string, dim int) models.Tensor {
	z := s.Tensors[slices.IndexFunc(s.Tensors, func(x models.Tensor) bool { return x.Name == strings.Replace(qkv.Name, "attn_qkv", "attn_gate", 1) })]
	row, share := len(qkv.Data)/qkv.Shape[0], DeltaHeads/DeltaKeyHeads*dim
	out := models.Tensor{Name: strings.Replace(name, "in_proj_qkv", "in_proj_qkvz", 1), Type: qkv.Type, Shape: []int{qkv.Shape[0] + z.Shape[0], qkv.Shape[1]}}
	take := func(t models.Tensor, from, n int) { out.Data = append(out.Data, t.Data[from*row:][:n*row]...) }
	for g := range DeltaKeyHeads {
		take(*qkv, g*dim, dim)
		take(*qkv, (DeltaKeyHeads+g)*dim, dim)
		take(*qkv, 2*DeltaKeyHeads*dim+g*share, share)
		take(z, g*share, share)
	}
	return out
}

// logarithms returns the logarithms of negative values, and makes the values what they are after that.
func logarithms(t *models.Tensor) []byte {
	logs, values := make([]float32, t.Len()), make([]float32, t.Len())
	for i := range logs {
		x := math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		logs[i] = float32(math.Log(-float64(x)))
		values[i] = float32(-math.Exp(float64(logs[i])))
	}
	t.Data = floats(values)
	return floats(logs)
}

// deltaConfig adds what a config.json says of delta nets.
func (s *Source) deltaConfig(c map[string]any) {
	dim := s.Meta[s.Architecture+".ssm.state_size"]
	c["linear_conv_kernel_dim"], c["linear_num_key_heads"], c["linear_num_value_heads"] = Taps+1, DeltaKeyHeads, DeltaHeads
	c["linear_key_head_dim"], c["linear_value_head_dim"] = dim, dim
	layers := int(s.Meta[s.Architecture+".block_count"].(uint64))
	types := make([]string, layers)
	for i := range types {
		if types[i] = "linear_attention"; i%3 == 2 {
			types[i] = "full_attention"
		}
	}
	c["layer_types"] = types
	c["rope_parameters"] = map[string]any{"rope_type": "default", "rope_theta": c["rope_theta"], "partial_rotary_factor": c["partial_rotary_factor"], "mrope_section": []int{2, 1, 1}}
	delete(c, "rope_theta")
	delete(c, "partial_rotary_factor")
}
