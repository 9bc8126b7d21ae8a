package huggingface

import (
	"soberano/kernels/quant"
	"soberano/models"
)

// tensor returns t as it is in a GGUF file under the name n. Its values are changed only if values is true.
func (c *config) tensor(t models.Tensor, n name, values bool) models.Tensor {
	t.Name = n.text
	switch {
	case !values:
	case n.norm && c.family.plusOne:
		return plusOne(t)
	case n.rotated != notRotated && c.family.interleaved:
		heads, width := c.heads(n.rotated == keys)
		rows := 0
		if len(t.Shape) > 0 {
			rows = t.Shape[0]
		}
		if c.err == nil && rows == heads*width && width%2 == 0 {
			t.Data = interleave(t.Data, heads, width) // otherwise the file is refused, for its shape
		}
	}
	return t
}

// withoutPadding returns t without its first rows, if it has the embeddings of positions and some of them are not used.
func (c *config) withoutPadding(t models.Tensor) models.Tensor {
	if t.Name != "position_embd.weight" || c.skips == 0 || len(t.Shape) != 2 || t.Shape[0] <= c.skips {
		return t
	}
	row := len(t.Data) / t.Shape[0]
	t.Shape = []int{t.Shape[0] - c.skips, t.Shape[1]}
	t.Data = t.Data[c.skips*row:]
	return t
}

// plusOne returns a tensor of float32 with 1 added to each value.
func plusOne(t models.Tensor) models.Tensor {
	values := make([]float32, t.Len())
	quant.Dequantize(t.Type, values, t.Data)
	for i := range values {
		values[i]++
	}
	t.Type, t.Data = quant.F32, bytesOf(values)
	return t
}

// interleave returns data, heads × width rows, in another order: of each head, the rows i and i+width/2, which are rotated together,
// become neighbours.
//
//	0 1 2 3 │ 4 5 6 7  ─▶  0 4 │ 1 5 │ 2 6 │ 3 7
func interleave(data []byte, heads, width int) []byte {
	row, half := len(data)/(heads*width), width/2
	out := make([]byte, 0, len(data))
	for h := range heads {
		head := data[h*width*row:][:width*row]
		for i := range half {
			out = append(append(out, head[i*row:][:row]...), head[(i+half)*row:][:row]...)
		}
	}
	return out
}
