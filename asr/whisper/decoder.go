package whisper

// The decoder: one step carries one token of each hypothesis, or the first tokens of one.
//
//	x = embed(token) + position
//	DecLayers × {
//	  x += attention(norm(x)) over the hypothesis' own earlier tokens
//	  x += attention(norm(x)) over the window's 1500 audio features
//	  x += down(GELU(up(norm(x))))
//	}
//	logits = norm(x) · embedᵀ

import "soberano/kernels"

// step feeds ids to the decoder: spans say which rows belong to which hypothesis and
// at which positions. It returns the logits of rows first … of the step, one row each.
func (m *Model) step(ids []int32, spans []kernels.Span, first int) kernels.Tensor {
	y := m.hidden(ids, spans, first, nil)
	logits := m.dev.New(y.Rows, m.Vocab)
	m.dev.MatMul(logits, y, m.embed)
	return logits
}

// hidden is step up to the last norm. looks, if not nil, is called with the queries of each
// layer's cross attention.
func (m *Model) hidden(ids []int32, spans []kernels.Span, first int, looks func(layer int, q kernels.Tensor)) kernels.Tensor {
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
	self, cross := m.attention(true, 0), m.attention(false, m.heard)
	// All hypotheses hear the same audio, so their rows are one span of the cross cache.
	audio := []kernels.Span{{Cache: m.cross, Row: 0, N: n, Pos: 0}}
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
	last := n - first
	y := h.Sub(0, last)
	d.LayerNorm(y, x.Sub(first, last), m.decNorm.gamma, m.decNorm.beta, normEps)
	return y
}
