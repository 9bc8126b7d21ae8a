package whisper

import (
	"context"
	"errors"
	"math"

	"soberano/kernels"
)

const normEps = 1e-5

// attention returns the parameters of the three kinds of attention: of the encoder to itself
// (neither causal nor cross), of the decoder to itself (causal) and to the encoder (cross).
func (m *Model) attention(causal, cross bool) *kernels.Attention {
	return &kernels.Attention{
		Heads: m.Heads, KVHeads: m.Heads, HeadDim: m.HeadDim(),
		Scale: float32(1 / math.Sqrt(float64(m.HeadDim()))), Causal: causal, Cross: cross,
	}
}

// encode runs the encoder over mel, [Mels][frames] row-major, and fills the slot's cross state;
// frames is Frames(), or for Quick results a smaller even number. features, if not nil, is called
// with the encoder's output [AudioContext × State]. ctx is checked between layers.
func (s *Slot) encode(ctx context.Context, mel []float32, priority kernels.Priority, features func(kernels.Step, kernels.Tensor)) error {
	n := len(mel) / s.Mels / 2
	s.positions = n
	d := s.dev.Begin(&kernels.Batch{
		Spans:    []kernels.Span{{State: s.encState, N: n, Len: n}},
		Cross:    []kernels.Span{{State: s.cross, N: n}},
		Priority: priority,
	})
	return errors.Join(s.encoder(ctx, d, n, mel, features), d.End())
}

// encoder runs the encoder for n positions in step d: two convolutions over time, then blocks in
// which every position attends to every other, then the keys and values for the decoder's cross
// attention.
//
//	mel [3000 × Mels]
//	 └ conv1 width 3, GELU ─▶ [3000 × State]
//	   └ conv2 width 3 stride 2, GELU ─▶ [1500 × State] + sinusoidal positions
//	     └ EncLayers × { x += attention(norm(x));  x += down(GELU(up(norm(x)))) }
//	       └ norm ─▶ features ─▶ crossKV of every decoder layer ─▶ cross state
func (s *Slot) encoder(ctx context.Context, d kernels.Step, n int, mel []float32, features func(kernels.Step, kernels.Tensor)) error {
	m, state := s.Model, s.State

	// The convolutions use the memory that the feed-forward layers use later.
	scratch := d.New(1, m.scratch(n))
	in := scratch.Over(0, 2*n, m.Mels)
	d.Write(in, transposed(mel, m.Mels))
	wide := scratch.Over(2*n*in.Stride, 2*n, 3*m.Mels)
	d.Unfold(wide, in, 3, 1, 1)
	c1 := scratch.Over(2*n*(in.Stride+wide.Stride), 2*n, state)
	d.MatMul(c1, wide, m.conv1)
	d.Activate(c1, c1, kernels.Tensor{}, kernels.GELUErf)
	qkv := d.New(n, 3*state)
	d.Unfold(qkv, c1, 3, 2, 1)
	x := d.New(n, state)
	d.MatMul(x, qkv, m.conv2)
	d.Activate(x, x, kernels.Tensor{}, kernels.GELUErf)
	h := d.New(n, state)
	d.Add(x, d.Const(m.encPos, n, state))

	ff := scratch.Over(0, n, m.FFN)
	self := m.attention(false, false)
	for i := range m.enc {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := &m.enc[i]
		d.LayerNorm(h, x, b.attnNorm.gamma, b.attnNorm.beta, normEps)
		d.MatMul(qkv, h, b.qkv)
		d.Store(qkv.Slice(state, state), qkv.Slice(2*state, state), 0, self)
		d.Attend(h, qkv.Slice(0, state), 0, self)
		d.MatMulAdd(x, h, b.out)

		d.LayerNorm(h, x, b.ffnNorm.gamma, b.ffnNorm.beta, normEps)
		d.MatMul(ff, h, b.up)
		d.Activate(ff, ff, kernels.Tensor{}, kernels.GELUErf)
		d.MatMulAdd(x, ff, b.down)
	}
	d.LayerNorm(x, x, m.encNorm.gamma, m.encNorm.beta, normEps)
	if features != nil {
		features(d, x)
	}

	kv, cross := qkv.Slice(0, 2*state), m.attention(false, true)
	for i := range m.dec {
		d.MatMul(kv, x, m.dec[i].crossKV)
		d.Store(kv.Slice(0, state), kv.Slice(state, state), i, cross)
	}
	return ctx.Err()
}

// scratch returns how many values the convolutions or the feed-forward layers of a window of n
// positions need, whichever is more.
func (m *Model) scratch(n int) int {
	stride := kernels.OverStride
	return n * max(2*(stride(m.Mels)+stride(3*m.Mels)+stride(m.State)), stride(m.FFN))
}

// transposed returns x, rows of equal length, with rows and columns swapped.
func transposed(x []float32, rows int) []float32 {
	cols := len(x) / rows
	out := make([]float32, len(x))
	for r := range rows {
		for c := range cols {
			out[c*rows+r] = x[r*cols+c]
		}
	}
	return out
}
