package cpu

import (
	"fmt"

	"soberano/kernels"
)

// rowTrial is the measurement of a row operation on rows × cols values.
//
// One row is measured, as in generation, and many rows. The limit is either reading the
// input from the second-level cache, or the multiplications (including fused multiply-adds) for each value in the code of
// gen/elem.go. Additions and comparisons are not counted: many processors have separate units for them.
// A division counts as one multiplication but takes longer.
type rowTrial struct {
	name       string
	rows, cols int
	read       int // float32 values read for each value
	products   int // multiplications for each value
	run        func(y, x, u kernels.Tensor)
}

// rows measures the row operations.
func (b *bench) rows() error {
	trials, err := b.rowTrials()
	if err != nil {
		return err
	}
	for _, t := range trials {
		if t.rows == 1 && b.d.pool.threads > 1 {
			continue // the caller runs so small an operation alone
		}
		positions := make([]int32, t.rows)
		for i := range positions {
			positions[i] = int32(i)
		}
		if err := b.begin(&kernels.Batch{Positions: positions}); err != nil {
			return err
		}
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

func (b *bench) rowTrials() ([]rowTrial, error) {
	vectors := map[int]kernels.Vector{} // keyed by their length
	for _, n := range []int{32, 128, 512, 576} {
		v, err := b.d.NewVector(make([]float32, n))
		if err != nil {
			return nil, err
		}
		vectors[n] = v
	}
	pairs := &kernels.RoPE{HeadDim: 64, Freq: vectors[32], Scale: 1, Interleaved: true}
	halves := &kernels.RoPE{HeadDim: 256, Freq: vectors[128], Scale: 1}
	none := kernels.Tensor{}
	norm := func(y, x, _ kernels.Tensor) { b.s.RMSNorm(y, x, vectors[576], 1e-5) }
	layer := func(y, x, _ kernels.Tensor) { b.s.LayerNorm(y, x, vectors[512], vectors[512], 1e-5) }
	silu := func(y, x, u kernels.Tensor) { b.s.Activate(y, x, u, kernels.SiLU) }
	tanh := func(y, x, u kernels.Tensor) { b.s.Activate(y, x, u, kernels.GELUTanh) }
	turn := func(y, _, _ kernels.Tensor) { b.s.Rotate(y, pairs) }
	turnHalf := func(y, _, _ kernels.Tensor) { b.s.Rotate(y, halves) }
	return []rowTrial{
		{"RMSNorm", 1, 576, 3, 3, norm}, {"RMSNorm", 512, 576, 3, 3, norm},
		{"SiLU · up", 1, 1536, 2, 13, silu}, {"SiLU · up", 512, 1536, 2, 13, silu},
		{"GELU (tanh) · up", 1, 2048, 2, 16, tanh}, {"GELU (tanh) · up", 512, 2048, 2, 16, tanh},
		{"GELU (erf)", 1500, 2048, 1, 24, func(y, x, _ kernels.Tensor) { b.s.Activate(y, x, none, kernels.GELUErf) }},
		{"LayerNorm", 1500, 512, 5, 3, layer},
		{"rotate pairs", 1, 576, 2, 2, turn}, {"rotate pairs", 512, 576, 2, 2, turn},
		{"rotate halves", 1, 1024, 2, 2, turnHalf}, {"rotate halves", 512, 1024, 2, 2, turnHalf},
		{"add", 512, 576, 2, 0, func(y, x, _ kernels.Tensor) { b.s.Add(y, x) }},
		{"unfold", 1500, 1536, 1, 0, func(y, x, _ kernels.Tensor) { b.s.Unfold(y, x.Slice(0, 512), 3, 1, 1) }},
	}, nil
}

// store measures storing the keys and values of a prompt in a state.
func (b *bench) store() error {
	const n, heads, dim = 512, 3, 64
	c, err := b.d.NewState(stateShape(1, heads, dim, n))
	if err != nil {
		return err
	}
	if err := b.begin(&kernels.Batch{Spans: []kernels.Span{{State: c, N: n}}}); err != nil {
		return err
	}
	k, a := b.tensor(n, heads*dim), &kernels.Attention{KVHeads: heads, HeadDim: dim}
	var need rates
	need[useCache] = 2 * n * heads * dim * 4
	return b.try("store keys, values", fmt.Sprintf("%d × %d", n, heads*dim), need, 2*n*heads*dim, func() { b.s.Store(k, k, 0, a) })
}

// inner measures two functions that are parts of operations, on one worker: the quantization of activations
// before a product, and the softmax of attention scores.
func (b *bench) inner() error {
	if err := b.begin(nil); err != nil {
		return err
	}
	x, blocks := b.tensor(1, 1536), make([]block, 1536/32)
	var need rates
	need[useCache], need[useFloat] = 2*4*1536, 2*1*1536 // read once for the maximum, once to scale
	if err := b.try("quantise", "1 × 1536", need, 1536, func() { quantize(b.d.lv, blocks, x.Row(0)) }); err != nil {
		return err
	}
	row := b.tensor(1, 1024).Row(0)
	need[useCache], need[useFloat] = 2*4*1024, 2*11*1024
	return b.try("softmax", "1 × 1024", need, 1024, func() { expSum(b.d.lv, row, maxOf(b.d.lv, row)) })
}
