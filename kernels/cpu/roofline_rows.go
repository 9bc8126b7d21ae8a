// Row operations in the roofline table: one row, as in generation, and many. Their limit
// is either reading what they read from the second-level cache, or the multiplications
// (fused ones too) of a value as gen/elem.go has them; additions and comparisons have
// units of their own on many processors. A division counts as one and takes longer.
package cpu

import (
	"fmt"

	"soberano/kernels"
)

// rowTrial is a row operation on rows × cols values.
type rowTrial struct {
	name       string
	rows, cols int
	read       int // float32 values for each
	products   int // multiplications for each
	run        func(y, x, u kernels.Tensor)
}

func (b *bench) rows() error {
	for _, t := range b.rowTrials() {
		if t.rows == 1 && b.d.pool.threads > 1 {
			continue // so little runs on the caller alone
		}
		b.d.Begin()
		y, x, u := b.tensor(t.rows, t.cols), b.tensor(t.rows, t.cols), b.tensor(t.rows, t.cols)
		n := t.rows * t.cols
		var need rates
		need[useCache], need[useFloat] = float64(4*t.read*n), float64(2*t.products*n)
		if err := b.try(t.name, fmt.Sprintf("%d × %d", t.rows, t.cols), need, n, func() { t.run(y, x, u) }); err != nil {
			return err
		}
	}
	if err := b.store(); err != nil || b.d.pool.threads > 1 {
		return err
	}
	return b.inner()
}

func (b *bench) rowTrials() []rowTrial {
	d := b.d
	weight := make([]float32, 2048)
	pairs := &kernels.RoPE{HeadDim: 64, Freq: make([]float32, 32), Scale: 1, Interleaved: true}
	halves := &kernels.RoPE{HeadDim: 256, Freq: make([]float32, 128), Scale: 1}
	pos := make([]int32, 512)
	for i := range pos {
		pos[i] = int32(i)
	}
	none := kernels.Tensor{}
	norm := func(y, x, _ kernels.Tensor) { d.RMSNorm(y, x, weight[:x.Cols], 1e-5) }
	silu := func(y, x, u kernels.Tensor) { d.Activate(y, x, u, kernels.SiLU) }
	tanh := func(y, x, u kernels.Tensor) { d.Activate(y, x, u, kernels.GELUTanh) }
	turn := func(y, _, _ kernels.Tensor) { d.Rotate(y, pos[:y.Rows], pairs) }
	turnHalf := func(y, _, _ kernels.Tensor) { d.Rotate(y, pos[:y.Rows], halves) }
	return []rowTrial{
		{"RMSNorm", 1, 576, 3, 3, norm}, {"RMSNorm", 512, 576, 3, 3, norm},
		{"SiLU · up", 1, 1536, 2, 13, silu}, {"SiLU · up", 512, 1536, 2, 13, silu},
		{"GELU (tanh) · up", 1, 2048, 2, 16, tanh}, {"GELU (tanh) · up", 512, 2048, 2, 16, tanh},
		{"GELU (erf)", 1500, 2048, 1, 24, func(y, x, _ kernels.Tensor) { d.Activate(y, x, none, kernels.GELUErf) }},
		{"LayerNorm", 1500, 512, 5, 3, func(y, x, _ kernels.Tensor) { d.LayerNorm(y, x, weight[:512], weight[:512], 1e-5) }},
		{"rotate pairs", 1, 576, 2, 2, turn}, {"rotate pairs", 512, 576, 2, 2, turn},
		{"rotate halves", 1, 1024, 2, 2, turnHalf}, {"rotate halves", 512, 1024, 2, 2, turnHalf},
		{"add", 512, 576, 2, 0, func(y, x, _ kernels.Tensor) { d.Add(y, x) }},
		{"unfold", 1500, 1536, 1, 0, func(y, x, _ kernels.Tensor) { d.Unfold(y, x.Slice(0, 512), 3, 1, 1) }},
	}
}

// store puts keys and values of a prompt into a cache.
func (b *bench) store() error {
	const n, heads, dim = 512, 3, 64
	c, err := b.d.NewState(stateShape(1, heads, dim, n))
	if err != nil {
		return err
	}
	b.d.Begin()
	k := b.tensor(n, heads*dim)
	var need rates
	need[useCache] = 2 * n * heads * dim * 4
	spans := []kernels.Span{{State: c, N: n}}
	return b.try("store keys, values", fmt.Sprintf("%d × %d", n, heads*dim), need, 2*n*heads*dim, func() { b.d.Store(k, k, spans, 0) })
}

// inner are two steps that are no operations of their own, on one worker: activations
// into 8 bits before a product, and the softmax of attention's scores.
func (b *bench) inner() error {
	b.d.Begin()
	x, blocks := b.tensor(1, 1536), make([]block, 1536/32)
	var need rates
	need[useCache], need[useFloat] = 2*4*1536, 2*1*1536 // once for the maximum, once to scale
	if err := b.try("quantise", "1 × 1536", need, 1536, func() { quantize(b.d.lv, blocks, x.Row(0)) }); err != nil {
		return err
	}
	row := b.tensor(1, 1024).Row(0)
	need[useCache], need[useFloat] = 2*4*1024, 2*11*1024
	return b.try("softmax", "1 × 1024", need, 1024, func() { expSum(b.d.lv, row, maxOf(b.d.lv, row)) })
}
