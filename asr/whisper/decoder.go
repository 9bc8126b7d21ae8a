package whisper

import "soberano/kernels"

// hidden runs the decoder over the n tokens of step d: one token of each hypothesis, or the first
// tokens of a window. It returns x before the last norm, [n × State]. The spans of the batch assign
// rows to hypotheses, its cross spans rows to windows. queries, if not nil, is called with the
// queries of each layer's cross attention; if it returns false, the rest is not computed, and the
// result is empty.
//
//	x = embed(token) + position
//	DecLayers × {
//	  x += attention(norm(x)) over the hypothesis' earlier tokens
//	  x += attention(norm(x)) over the window's 1500 audio features
//	  x += down(GELU(up(norm(x))))
//	}
//	logits = norm(x) · embedᵀ
func (m *Model) hidden(d kernels.Step, n int, queries func(layer int, q kernels.Tensor) bool) kernels.Tensor {
	state := m.State
	x, h := d.New(n, state), d.New(n, state)
	d.Embed(x, m.embed, 1)
	d.EmbedPositions(h, m.decPos)
	d.Add(x, h)

	qkv, q, ff := d.New(n, 3*state), d.New(n, state), d.New(n, m.FFN)
	self, cross := m.attention(true, false), m.attention(false, true)
	for i := range m.dec {
		b := &m.dec[i]
		d.LayerNorm(h, x, b.attnNorm.gamma, b.attnNorm.beta, normEps)
		d.MatMul(qkv, h, b.qkv)
		d.Store(qkv.Slice(state, state), qkv.Slice(2*state, state), i, self)
		d.Attend(h, qkv.Slice(0, state), i, self)
		d.MatMulAdd(x, h, b.out)

		d.LayerNorm(h, x, b.crossNorm.gamma, b.crossNorm.beta, normEps)
		d.MatMul(q, h, b.crossQ)
		if queries != nil && !queries(i, q) {
			return kernels.Tensor{}
		}
		d.Attend(h, q, i, cross)
		d.MatMulAdd(x, h, b.crossOut)

		d.LayerNorm(h, x, b.ffnNorm.gamma, b.ffnNorm.beta, normEps)
		d.MatMul(ff, h, b.up)
		d.Activate(ff, ff, kernels.Tensor{}, kernels.GELUErf)
		d.MatMulAdd(x, ff, b.down)
	}
	return x
}

// norm applies the norm before the logits.
func (m *Model) norm(d kernels.Step, y, x kernels.Tensor) {
	d.LayerNorm(y, x, m.decNorm.gamma, m.decNorm.beta, normEps)
}

// put adds ids to the batch, at positions from pos on of the sequence in state.
func (m *Model) put(state kernels.State, ids []int32, pos int) {
	b := &m.batch
	b.Spans = append(b.Spans, kernels.Span{State: state, Row: len(b.Tokens), N: len(ids), Pos: pos})
	b.Tokens = append(b.Tokens, ids...)
	for i := range ids {
		b.Positions = append(b.Positions, int32(pos+i))
	}
}

// emptyBatch returns the batch, without rows.
func (m *Model) emptyBatch(p kernels.Priority) *kernels.Batch {
	b := &m.batch
	*b = kernels.Batch{Tokens: b.Tokens[:0], Positions: b.Positions[:0], Spans: b.Spans[:0], Cross: b.Cross[:0], Priority: p}
	return b
}
