package whisper

// The encoder: two convolutions over time, then blocks in which every position sees
// every other one, then the keys and values that the decoder's cross attention reads.
//
//	mel [3000 × Mels]
//	 └ conv1 width 3, GELU ─▶ [3000 × State]
//	   └ conv2 width 3 stride 2, GELU ─▶ [1500 × State] + sinusoidal positions
//	     └ EncLayers × { x += attention(norm(x));  x += down(GELU(up(norm(x)))) }
//	       └ norm ─▶ features ─▶ crossKV of every decoder layer ─▶ cross state

import (
	"context"
	"math"

	"soberano/kernels"
)

const normEps = 1e-5

func (m *Model) attention(causal bool, length int) *kernels.Attention {
	return &kernels.Attention{
		Heads: m.Heads, KVHeads: m.Heads, HeadDim: m.HeadDim(),
		Scale: float32(1 / math.Sqrt(float64(m.HeadDim()))), Causal: causal, Len: length,
	}
}

// encode runs the encoder over mel, [Mels][frames] row-major, and fills the slot's cross
// state; frames is Frames(), or for Quick results an even number below. features, if not nil,
// is called with the encoder's output [AudioContext × State]. ctx is looked at between layers.
func (s *Slot) encode(ctx context.Context, mel []float32, features func(kernels.Tensor)) error {
	m, d := s.Model, s.dev
	d.Begin()
	n, state := len(mel)/m.Mels/2, m.State
	s.heard = n

	// What the convolutions need lies where the feed-forward layers write later.
	scratch := d.New(1, m.scratch(n))
	in := lay(scratch, 0, 2*n, m.Mels)
	d.Write(in, transposed(mel, m.Mels))
	wide := lay(scratch, 2*n*in.Stride, 2*n, 3*m.Mels)
	d.Unfold(wide, in, 3, 1, 1)
	c1 := lay(scratch, 2*n*(in.Stride+wide.Stride), 2*n, state)
	d.MatMul(c1, wide, m.conv1)
	d.Activate(c1, c1, kernels.Tensor{}, kernels.GELUErf)
	qkv := d.New(n, 3*state)
	d.Unfold(qkv, c1, 3, 2, 1)
	x := d.New(n, state)
	d.MatMul(x, qkv, m.conv2)
	d.Activate(x, x, kernels.Tensor{}, kernels.GELUErf)
	h := d.New(n, state)
	d.Write(h, m.encPos)
	d.Add(x, h)

	ff := lay(scratch, 0, n, m.FFN)
	attn := m.attention(false, n)
	spans := []kernels.Span{{State: m.encState, Row: 0, N: n, Pos: 0}}
	for i := range m.enc {
		if err := ctx.Err(); err != nil {
			return err
		}
		b := &m.enc[i]
		d.LayerNorm(h, x, b.attnNorm.gamma, b.attnNorm.beta, normEps)
		d.MatMul(qkv, h, b.qkv)
		d.Store(qkv.Slice(state, state), qkv.Slice(2*state, state), spans, 0)
		d.Attend(h, qkv.Slice(0, state), spans, 0, attn)
		d.MatMulAdd(x, h, b.out)

		d.LayerNorm(h, x, b.ffnNorm.gamma, b.ffnNorm.beta, normEps)
		d.MatMul(ff, h, b.up)
		d.Activate(ff, ff, kernels.Tensor{}, kernels.GELUErf)
		d.MatMulAdd(x, ff, b.down)
	}
	d.LayerNorm(x, x, m.encNorm.gamma, m.encNorm.beta, normEps)
	if features != nil {
		features(x)
	}

	kv := qkv.Slice(0, 2*state)
	spans[0].State = s.cross
	for i := range m.dec {
		d.MatMul(kv, x, m.dec[i].crossKV)
		d.Store(kv.Slice(0, state), kv.Slice(state, state), spans, i)
	}
	return ctx.Err()
}

// lay returns a tensor of so many rows in the memory of t, from value at on. Its rows start on
// cache lines, and not 2 KiB apart (see New of kernels/cpu).
func lay(t kernels.Tensor, at, rows, cols int) kernels.Tensor {
	t.Rows, t.Cols, t.Stride = rows, cols, stride(cols)
	t.Offset += at
	if t.F32 != nil {
		t.F32 = t.F32[at:]
	}
	return t
}

func stride(cols int) int { return (cols+15)&^15 + 16 }

// scratch is how many values the convolutions of a window of n positions need, or the
// feed-forward layers, if that is more.
func (m *Model) scratch(n int) int {
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
