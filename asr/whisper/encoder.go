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

	// The convolutions, the attention and the feed-forward layers use the same memory one after the other:
	//
	//	in, wide ─▶ c1
	//	u        ◀─ c1     a half of the positions at a time
	//	qkv
	//	ff
	scratch := d.New(1, m.scratch(n))
	in := scratch.Over(0, 2*n, m.Mels)
	d.Write(in, m.transposed(mel))
	wide := scratch.Over(2*n*in.Stride, 2*n, 3*m.Mels)
	d.Unfold(wide, in, 3, 1, 1)
	c1 := scratch.Over(m.beforeC1(n), 2*n, state)
	d.MatMul(c1, wide, m.conv1)
	d.Activate(c1, c1, kernels.Tensor{}, kernels.GELUErf)
	x := d.New(n, state)
	half := (n + 1) / 2
	u := scratch.Over(0, half, 3*state)
	d.Unfold(u, c1.Sub(0, 2*half), 3, 2, 1)
	d.MatMul(x.Sub(0, half), u, m.conv2)
	if n > half {
		u = u.Sub(0, n-half)
		d.Unfold(u, c1.Sub(2*half-1, 2*(n-half)+1), 3, 2, 0)
		d.MatMul(x.Sub(half, n-half), u, m.conv2)
	}
	d.Activate(x, x, kernels.Tensor{}, kernels.GELUErf)
	h := d.New(n, state)
	d.Add(x, d.Const(m.encPos, n, state))

	qkv, ff := scratch.Over(0, n, 3*state), scratch.Over(0, n, m.FFN)
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

// scratch returns how many values the convolutions, the attention or the feed-forward layers of a window of n
// positions need, whichever is most.
func (m *Model) scratch(n int) int {
	stride := kernels.OverStride
	return max(m.beforeC1(n)+2*n*stride(m.State), n*stride(3*m.State), n*stride(m.FFN))
}

// beforeC1 returns how many values of the scratch memory are before those of the first convolution.
func (m *Model) beforeC1(n int) int {
	stride := kernels.OverStride
	return max(2*n*(stride(m.Mels)+stride(3*m.Mels)), (n+1)/2*stride(3*m.State))
}

// transposed returns mel, [Mels][frames], as [frames][Mels], in memory that the next call overwrites.
func (m *Model) transposed(mel []float32) []float32 {
	if cap(m.input) < len(mel) {
		m.input = make([]float32, len(mel))
	}
	out, frames := m.input[:len(mel)], len(mel)/m.Mels
	for r := range m.Mels {
		for c, v := range mel[r*frames:][:frames] {
			out[c*m.Mels+r] = v
		}
	}
	return out
}
