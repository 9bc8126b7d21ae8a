package arch

import (
	"fmt"
	"math"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/kernels/quant"
	"soberano/models"
)

// latentAttention is attention in a latent space (multi-head latent attention, DeepSeek-V2, arXiv:2405.04434).
//
//	x ─ norm ─┬ q_a ─ norm ─ q_b ─┬ nope ─ k_b, by head ─┬ q of 512+64 ┐
//	          │                   └ rope ─ RoPE ─────────┘             ├ attention ─ v_b, by head ─ o ─▶ + x
//	          └ kv_a ─┬ latent, 512 ─ norm ──────────────┬ k of 512+64 ┘
//	                  └ rope, 64 ─ RoPE ─────────────────┘   its first 512 values are the values of attention
//
// The state keeps one row of latent and rotated values for each position, whatever the number of heads. The matrices
// k_b and v_b, which would make keys and values of each head from the latent, are applied to q and to the result of attention instead. Old files
// have them as one tensor, attn_kv_b. Lite models make q from x directly.
type latentAttention struct {
	qA     kernels.Matrix // [qLatent × dim]; nil: qB has dim columns
	qNorm  nn.Norm        // [qLatent]
	qB     kernels.Matrix // [heads·(nope+rope) × qLatent]
	kvA    kernels.Matrix // [latent+rope × dim]
	kvNorm nn.Norm        // [latent]
	kB     kernels.Matrix // for each head [latent × nope]
	vB     kernels.Matrix // for each head [value × latent]
	o      kernels.Matrix // [dim × heads·value]
}

// latentSizes are the widths of latent attention. A head of q has nope values that are not rotated, and rope others.
type latentSizes struct {
	qLatent, latent, nope, rope, value int
}

// latentPositions is what the latent attention of all layers has in common.
type latentPositions struct {
	latentSizes
	// The rotary embeddings of the end of each head of q, and of the end of the row that the state keeps. Freq is nil:
	// they are not rotated.
	qRope, kvRope kernels.RoPE
	attn          kernels.Attention
}

// latentSizes reads the widths of latent attention.
func (r *reader) latentSizes() latentSizes {
	s := latentSizes{
		qLatent: r.int("attention.q_lora_rank", 0, 0, maxWidth),
		latent:  r.int("attention.kv_lora_rank", required, 1, maxWidth),
		rope:    r.int("rope.dimension_count", required, 2, 4096),
	}
	head := r.int("attention.key_length_mla", 0, 0, 4096)
	if s.value = r.int("attention.value_length_mla", 0, 0, 4096); head == 0 && s.value == 0 {
		head = r.int("attention.key_length", required, 2, 4096)
		s.value = r.int("attention.value_length", required, 1, 4096)
	} else if r.err == nil {
		r.expect("attention.key_length", s.latent+s.rope)
		r.expect("attention.value_length", s.latent)
	}
	if s.nope = head - s.rope; r.err == nil && (s.nope < 1 || s.value < 1 || s.rope%2 != 0) {
		r.fail(fmt.Errorf("heads of %d values, of which %d are rotated, with values of %d: %w", head, s.rope, s.value, models.ErrCorrupt))
	}
	r.headDim = head
	return s
}

// expect reads a key that follows from others.
func (r *reader) expect(key string, want int) {
	if n := r.int(key, want, 0, maxWidth); n != want {
		r.fail(fmt.Errorf("key %q is %d, expected %d: %w", r.family+"."+key, n, want, models.ErrCorrupt))
	}
}

// positions returns causal attention of so many heads without rotation, scaled by 1/√(nope+rope).
func (s latentSizes) positions(heads int) latentPositions {
	return latentPositions{latentSizes: s, attn: kernels.Attention{
		Heads: heads, KVHeads: 1, HeadDim: s.latent + s.rope, ValueDim: s.latent, Causal: true,
		Scale: float32(1 / math.Sqrt(float64(s.nope+s.rope))),
	}}
}

// layer returns what the state keeps of a layer.
func (s latentSizes) layer() kernels.Layer {
	return kernels.Layer{Kind: kernels.Latent, KeyDim: s.latent + s.rope, ValueDim: s.latent}
}

// latentAttention loads the attention of a layer.
func (r *reader) latentAttention(blk string, c config, s latentSizes) *latentAttention {
	l := &latentAttention{}
	q := part{blk + "attn_q", c.heads * (s.nope + s.rope)}
	if s.qLatent > 0 {
		l.qA = r.matrix(c.dim, part{blk + "attn_q_a", s.qLatent})
		l.qNorm = r.norm(blk+"attn_q_a_norm", s.qLatent, c)
		l.qB = r.matrix(s.qLatent, part{blk + "attn_q_b", q.rows})
	} else {
		l.qB = r.matrix(c.dim, q)
	}
	l.kvA = r.matrix(c.dim, part{blk + "attn_kv_a_mqa", s.latent + s.rope})
	l.kvNorm = r.norm(blk+"attn_kv_a_norm", s.latent, c)
	if _, ok := r.f.Tensor(blk + "attn_kv_b.weight"); ok {
		l.kB, l.vB = r.splitLatent(blk+"attn_kv_b", c.heads, s)
	} else {
		l.kB = r.expertMatrix(c.heads, s.nope, part{blk + "attn_k_b", s.latent})
		l.vB = r.expertMatrix(c.heads, s.latent, part{blk + "attn_v_b", s.value})
	}
	l.o = r.matrix(c.heads*s.value, part{blk + "attn_output", c.dim})
	return l
}

// splitLatent loads a tensor [heads·(nope+value) × latent] as the matrices by which keys and values of each head are made. That of the
// keys is transposed, since q is multiplied by it.
func (r *reader) splitLatent(name string, heads int, s latentSizes) (k, v kernels.Matrix) {
	t, ok := r.tensor(name+".weight", heads*(s.nope+s.value), s.latent)
	if !ok {
		return nil, nil
	}
	row := t.Type.RowBytes(s.latent)
	v = r.loadMatrix(name, []kernels.Weights{{
		Type: t.Type, Rows: s.value, Cols: s.latent, Data: t.Data[s.nope*row:], Experts: heads, ExpertBytes: (s.nope + s.value) * row,
	}})
	w := kernels.Weights{Type: quant.F32, Rows: s.latent, Cols: s.nope, Experts: heads}
	if c, checks := r.dev.(kernels.Checker); checks {
		if c.Size != nil {
			r.bytes += c.Size(w)
		}
		return nil, v // nothing is left to check, and the values take time
	}
	values, turned := make([]float32, s.nope*s.latent), make([]float32, s.nope*s.latent)
	for h := range heads {
		quant.Dequantize(t.Type, values, t.Data[h*(s.nope+s.value)*row:][:s.nope*row])
		for i, x := range values {
			turned[i%s.latent*s.nope+i/s.latent] = x
		}
		data := make([]byte, 4*len(turned))
		quant.Quantize(quant.F32, data, turned)
		w.Data = append(w.Data, data...)
	}
	return r.loadMatrix(name, []kernels.Weights{w}), v
}

// latentTensors is the scratch memory of latent attention in a step.
type latentTensors struct {
	a     kernels.Tensor // [n × qLatent]: the latent of q
	q     kernels.Tensor // [n × heads·(nope+rope)]
	wide  kernels.Tensor // [n × heads·(latent+rope)]: q in the latent space
	kv    kernels.Tensor // [n × latent+rope]: what the state keeps
	seen  kernels.Tensor // [n × heads·latent]: the output of attention
	heads kernels.Tensor // [n × heads·value]: the same with the values of each head
}

// tensors allocates the scratch memory for n rows.
func (s latentSizes) tensors(d kernels.Step, n, heads int) latentTensors {
	return latentTensors{
		a: d.New(n, max(1, s.qLatent)), q: d.New(n, heads*(s.nope+s.rope)), wide: d.New(n, heads*(s.latent+s.rope)),
		kv: d.New(n, s.latent+s.rope), seen: d.New(n, heads*s.latent), heads: d.New(n, heads*s.value),
	}
}

// scratch returns the number of values that tensors needs for a row.
func (s latentSizes) scratch(heads int) int {
	return max(1, s.qLatent) + (1+heads)*(s.latent+s.rope) + heads*(s.nope+s.rope+s.latent+s.value)
}

// add adds the attention of layer number layer for h, [n × dim], to x, [n × dim].
func (l *latentAttention) add(d kernels.Step, x, h kernels.Tensor, t *latentTensors, layer int, p *latentPositions) {
	if l.qA != nil {
		d.MatMul(t.a, h, l.qA)
		d.MatMul(t.q, l.qNorm.Of(d, t.a, t.a), l.qB)
	} else {
		d.MatMul(t.q, h, l.qB)
	}
	d.MatMul(t.kv, h, l.kvA)
	latent := t.kv.Slice(0, p.latent)
	l.kvNorm.Of(d, latent, latent)
	if p.qRope.Freq != nil {
		d.Rotate(t.q, &p.qRope)
		d.Rotate(t.kv, &p.kvRope)
	}
	d.MatMulHeads(t.wide, t.q, l.kB)
	d.CopyHeads(t.wide, t.q, p.attn.Heads, p.latent, p.nope, p.rope)
	d.StoreLatent(t.kv, layer)
	d.AttendLatent(t.seen, t.wide, layer, &p.attn)
	d.MatMulHeads(t.heads, t.seen, l.vB)
	d.MatMulAdd(x, t.heads, l.o)
}
