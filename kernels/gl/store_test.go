//go:build linux && cgo

package gl

import (
	"math"
	"testing"

	"soberano/kernels"
	"soberano/kernels/devicetest"
)

// rotated is a case of a rotation before keys are stored: heads side by side, of which those from number keys on are keys, and then come the values.
type rotated struct {
	heads, keys, kvHeads, dim, pairs int
	rope                             kernels.RoPE
	exact                            bool
	before                           int   // rows that belong to no sequence
	rows                             []int // of each sequence
	fused                            bool  // one dispatch does both
}

// run rotates, stores and attends twice, with a command that changes nothing between rotation and storing if apart is set. It returns all values of
// the rotated tensor and of the attention, and the number of dispatches.
func (c *rotated) run(t *testing.T, apart bool) (values []float32, dispatches int) {
	t.Helper()
	d, r := newDevice(t, Options{Exact: c.exact}), devicetest.Rand()
	freq := make([]float32, c.pairs)
	for i := range freq {
		freq[i] = float32(math.Pow(100, -float64(i)/float64(c.pairs)))
	}
	f, err := d.NewVector(freq)
	if err != nil {
		t.Fatal(err)
	}
	rope, cols := c.rope, (c.heads+c.kvHeads)*c.dim
	rope.Freq, rope.HeadDim, rope.Scale = f, c.dim, 1
	a := &kernels.Attention{Heads: c.kvHeads, KVHeads: c.kvHeads, HeadDim: c.dim, Scale: 0.3, Causal: true}
	var states []kernels.State
	for range c.rows {
		s, err := d.NewState(kernels.StateShape{Layers: []kernels.Layer{{KVHeads: c.kvHeads, KeyDim: c.dim, ValueDim: c.dim}}, Cap: 600})
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, s)
	}
	for turn := range 2 {
		b, n := &kernels.Batch{Positions: make([]int32, c.before)}, c.before
		for i, rows := range c.rows {
			b.Spans = append(b.Spans, kernels.Span{State: states[i], Row: n, N: rows, Pos: turn * rows})
			for p := range rows {
				b.Positions = append(b.Positions, int32(turn*rows+p))
			}
			n += rows
		}
		st := d.Begin(b)
		x, y := st.New(n, cols), st.New(n, c.kvHeads*c.dim)
		st.Write(x, devicetest.Gauss(r, n*cols))
		k := x.Slice(c.keys*c.dim, c.kvHeads*c.dim)
		st.Rotate(x.Slice(0, c.heads*c.dim), &rope)
		if apart {
			st.Scale(x, x, 1)
		}
		st.Store(k, x.Slice(c.heads*c.dim, c.kvHeads*c.dim), 0, a)
		st.Write(y, make([]float32, n*c.kvHeads*c.dim))
		st.Attend(y, k, 0, a)
		all, attended := st.Read(x), st.Read(y)
		if err := st.End(); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			values = append(append(values, all.Row(i)...), attended.Row(i)...)
		}
		dispatches += Count(d).Dispatches
	}
	return values, dispatches
}

// TestRotateAndStore checks that a rotation and the storing of the keys that it rotates are one dispatch where they can be, with the same results as two.
func TestRotateAndStore(t *testing.T) {
	for what, c := range map[string]rotated{
		"halves":                   {heads: 5, keys: 3, kvHeads: 2, dim: 64, pairs: 32, rows: []int{1}, fused: true},
		"neighbours":               {heads: 3, keys: 2, kvHeads: 1, dim: 64, pairs: 32, rope: kernels.RoPE{Interleaved: true}, rows: []int{3}, fused: true},
		"a part of a head":         {heads: 3, keys: 2, kvHeads: 1, dim: 20, pairs: 6, rope: kernels.RoPE{Offset: 4}, rows: []int{3, 2}, fused: true},
		"neighbours, odd":          {heads: 2, keys: 1, kvHeads: 1, dim: 20, pairs: 7, rope: kernels.RoPE{Offset: 2, Interleaved: true}, rows: []int{2}, fused: true},
		"keys first":               {heads: 4, keys: 0, kvHeads: 2, dim: 16, pairs: 8, rows: []int{2}, fused: true},
		"only keys":                {heads: 2, keys: 0, kvHeads: 2, dim: 16, pairs: 8, rows: []int{2}, fused: true},
		"several pages":            {heads: 2, keys: 1, kvHeads: 1, dim: 16, pairs: 8, rows: []int{300, 1}, fused: true},
		"an odd number of pairs":   {heads: 2, keys: 1, kvHeads: 1, dim: 16, pairs: 7, rows: []int{2}},
		"an odd first dimension":   {heads: 2, keys: 1, kvHeads: 1, dim: 17, pairs: 8, rope: kernels.RoPE{Offset: 1}, rows: []int{2}},
		"a row that is not stored": {heads: 2, keys: 1, kvHeads: 1, dim: 16, pairs: 8, before: 1, rows: []int{2}},
		"exact":                    {heads: 2, keys: 1, kvHeads: 1, dim: 16, pairs: 8, rows: []int{2}, exact: true},
	} {
		got, fused := c.run(t, false)
		want, apart := c.run(t, true)
		saved := 2 // the rotation, and the command between
		if c.fused {
			saved = 4
		}
		if e := devicetest.Distance(got, wide(want)); !(e < 1e-4) { // a compiler may round differently in two shaders
			t.Errorf("%s: one dispatch and two compute values that differ by %g", what, e)
		}
		if apart-fused != saved {
			t.Errorf("%s: %d and %d dispatches", what, fused, apart)
		}
	}
}

// wide returns values as float64.
func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
