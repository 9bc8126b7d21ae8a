package huggingface

import (
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
)

// tensor returns t as it is in a GGUF file under the name n. Its values are changed only if values is true, and its rows are put in order where
// they are needed.
func (c *config) tensor(t models.Tensor, n name, values bool) models.Tensor {
	t.Name = n.text
	switch {
	case !values:
	case n.norm && c.family.plusOne && strings.HasSuffix(n.text, ".weight"):
		return plus(t, 1)
	case n.rotated != notRotated && c.family.interleaved:
		if heads, width := c.heads(n.rotated == keys); c.err == nil && width%2 == 0 && width > 0 {
			return c.reordered(t, heads*width, func(row int) int { return row/width*width + neighbour(row%width, width) })
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

// plus returns a tensor of float32 with x added to each value.
func plus(t models.Tensor, x float32) models.Tensor {
	values := floatsOf(t)
	for i := range values {
		values[i] += x
	}
	t.Type, t.Data = quant.F32, bytesOf(values)
	return t
}

// floatsOf returns the values of a tensor.
func floatsOf(t models.Tensor) []float32 {
	values := make([]float32, t.Len())
	quant.Dequantize(t.Type, values, t.Data)
	return values
}

// neighbour returns which row of a head of so many is the i-th in a GGUF file, where the rows i and i+width/2, which are rotated together, become
// neighbours.
//
//	0 1 2 3 │ 4 5 6 7  ─▶  0 4 │ 1 5 │ 2 6 │ 3 7
func neighbour(i, width int) int { return i/2 + i%2*(width/2) }

// distant is the inverse of neighbour.
func distant(i, width int) int { return i%(width/2)*2 + i/(width/2) }
