package whisper

// The decoder: one step carries one token of each hypothesis of a window, or its first tokens.
//
//	x = embed(token) + position
//	DecLayers × {
//	  x += attention(norm(x)) over the hypothesis' own earlier tokens
//	  x += attention(norm(x)) over the window's 1500 audio features
//	  x += down(GELU(up(norm(x))))
//	}
//	logits = norm(x) · embedᵀ

import "soberano/kernels"

// hidden feeds ids to the decoder and returns x before the last norm, [len(ids) × State].
// spans say which rows belong to which hypothesis and at which positions, audio which to
// which window, of heard positions. looks, if not nil, is called with the queries of each
// layer's cross attention.
func (m *Model) hidden(ids []int32, spans, audio []kernels.Span, heard int, looks func(layer int, q kernels.Tensor)) kernels.Tensor {
	d := m.dev
	d.Begin()
	n, state := len(ids), m.State
	pos := make([]int32, n)
	for _, s := range spans {
		for i := range s.N {
			pos[s.Row+i] = int32(s.Pos + i)
		}
	}
	x, h := d.New(n, state), d.New(n, state)
	d.Embed(x, m.embed, ids, 1)
	d.Embed(h, m.decPos, pos, 1)
	d.Add(x, h)

	qkv, q, ff := d.New(n, 3*state), d.New(n, state), d.New(n, m.FFN)
	self, cross := m.attention(true, 0), m.attention(false, heard)
	for i := range m.dec {
		b := &m.dec[i]
		d.LayerNorm(h, x, b.attnNorm.gamma, b.attnNorm.beta, normEps)
		d.MatMul(qkv, h, b.qkv)
		d.Store(qkv.Slice(state, state), qkv.Slice(2*state, state), spans, i)
		d.Attend(h, qkv.Slice(0, state), spans, i, self)
		d.MatMulAdd(x, h, b.out)

		d.LayerNorm(h, x, b.crossNorm.gamma, b.crossNorm.beta, normEps)
		d.MatMul(q, h, b.crossQ)
		if looks != nil {
			looks(i, q)
		}
		d.Attend(h, q, audio, i, cross)
		d.MatMulAdd(x, h, b.crossOut)

		d.LayerNorm(h, x, b.ffnNorm.gamma, b.ffnNorm.beta, normEps)
		d.MatMul(ff, h, b.up)
		d.Activate(ff, ff, kernels.Tensor{}, kernels.GELUErf)
		d.MatMulAdd(x, ff, b.down)
	}
	return x
}

// norm is the norm before the logits.
func (m *Model) norm(y, x kernels.Tensor) {
	m.dev.LayerNorm(y, x, m.decNorm.gamma, m.decNorm.beta, normEps)
}
