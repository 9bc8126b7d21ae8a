package arch

import (
	"fmt"
	"math"

	"soberano/engine/nn"
	"soberano/engine/vision"
	"soberano/kernels"
)

// gemma4Vision is the vision encoder of Gemma 4. Its layers are those of the language model: norms before and after each block and for each
// head of q, k and v. Half of the dimensions of a head are rotated by the column of a patch, the others by its line.
//
//	x ─┬───────────────────────────────────────────────────────────────────────┬─▶ ⊕ ─┬────────────────────────────────────┬─▶ ⊕ ─ ·scale ─▶
//	   └ norm ─ q,k,v ─ norm(q),norm(k),norm(v) ─ RoPE ─ attention ─ o ─ norm ──┘      └ norm ─ f(gate)·up ─ down ─ norm ───┘
//
// The values that go into a product, and those that come out, may have limits.
type gemma4Vision struct {
	c      config
	layers []gemma4VisionLayer
	ropes  [2]kernels.RoPE // of columns and of lines
	vNorm  nn.Norm         // [headDim], of ones
	attn   kernels.Attention
	act    kernels.Activation
}

type gemma4VisionLayer struct {
	norm, post, ffnNorm, ffnPost nn.Norm // [dim]
	qNorm, kNorm                 nn.Norm // [headDim], for each head; none: the file has none
	q, k, v, o                   linear  // [dim × dim]
	gate, up, down               linear  // [ff × dim], [ff × dim], [dim × ff]
	scale                        float32 // of the output
}

// gemma4Parts returns m as Gemma 4 sees it: as qwenParts does, between other marks.
func gemma4Parts(l *Look, m *vision.Image) []vision.Part {
	width, height := vision.Fit(m.Width, m.Height, l.Patch*l.Merge, l.Least, l.Most)
	return vision.Letterbox(m, width, height, vision.Bicubic, "<|image>", "<image|>")
}

// gemma4VisionLayers reads the encoder of Gemma 4.
func gemma4VisionLayers(v *Vision, r *reader, f kernels.Activation) {
	c := v.c
	if c.headDim%4 != 0 {
		r.corrupt("heads of %d values can't be rotated by lines and columns", c.headDim)
		return
	}
	// The pixels are 0 to 1, of which the encoder makes -1 to 1.
	for i := range v.look.Mean {
		v.look.Mean[i] += v.look.Std[i] / 2
		v.look.Std[i] /= 2
	}
	e := &gemma4Vision{c: c, act: f, vNorm: r.ones(map[int]nn.Norm{}, c.headDim, c)}
	e.attn = kernels.Attention{Heads: c.heads, KVHeads: c.heads, HeadDim: c.headDim, Scale: 1}
	for i := range e.ropes {
		e.ropes[i] = r.gemma4PatchRope(c.headDim, i)
	}
	for i := 0; i < c.layers && r.err == nil; i++ {
		e.layers = append(e.layers, r.gemma4VisionLayer(fmt.Sprintf("v.blk.%d.", i), c))
	}
	r.gemma4Places(v)
	v.run = e.run
}

// gemma4PatchRope returns the rotation of half number i of the dimensions of a head: the first by the column of a patch, the second by its line.
func (r *reader) gemma4PatchRope(headDim, i int) kernels.RoPE {
	freq, axis := make([]float32, headDim/4), make([]uint8, headDim/4)
	for j := range freq {
		freq[j] = float32(math.Pow(100, -float64(j)/float64(len(freq))))
		axis[j] = uint8(1 - i)
	}
	return kernels.RoPE{HeadDim: headDim, Offset: i * headDim / 2, Freq: r.load("the rotary frequencies", freq), Scale: 1, Axis: axis}
}

// gemma4Places reads the embeddings of columns and of lines.
func (r *reader) gemma4Places(v *Vision) {
	const name = "v.position_embd.weight"
	t, ok := r.f.Tensor(name)
	if !ok || len(t.Shape) != 3 {
		r.corrupt("tensor %q with three dimensions is missing", name)
		return
	}
	v.tables, v.side = true, r.bounded(name, t.Shape[1], 1, 1<<16)
	v.positions = r.values(name, 2, v.side, v.c.dim)
}

func (r *reader) gemma4VisionLayer(blk string, c config) gemma4VisionLayer {
	optional := func(name string, n int) nn.Norm {
		if _, ok := r.f.Tensor(blk + name + ".weight"); !ok {
			return nn.Norm{}
		}
		return r.norm(blk+name, n, c)
	}
	l := gemma4VisionLayer{
		norm: r.norm(blk+"ln1", c.dim, c), ffnNorm: r.norm(blk+"ln2", c.dim, c),
		post: optional("attn_post_norm", c.dim), ffnPost: optional("ffn_post_norm", c.dim),
		qNorm: optional("attn_q_norm", c.headDim), kNorm: optional("attn_k_norm", c.headDim),
		q: r.limited(blk+"attn_q", c.dim, c.dim), k: r.limited(blk+"attn_k", c.dim, c.dim), v: r.limited(blk+"attn_v", c.dim, c.dim), o: r.limited(blk+"attn_out", c.dim, c.dim),
		gate: r.limited(blk+"ffn_gate", c.ff, c.dim), up: r.limited(blk+"ffn_up", c.ff, c.dim), down: r.limited(blk+"ffn_down", c.dim, c.ff),
		scale: 1,
	}
	if s := r.optional(blk+"out_scale.weight", 1); s != nil {
		l.scale = s[0]
	}
	return l
}

// limited reads a matrix with the limits that the file has for it.
func (r *reader) limited(name string, rows, cols int) linear {
	return linear{w: r.matrix(cols, part{name, rows}), in: r.limits(name + ".input"), out: r.limits(name + ".output")}
}

// limits reads the limits of values; nil if the file has none.
func (r *reader) limits(name string) *[2]float32 {
	lo, hi := r.optional(name+"_min", 1), r.optional(name+"_max", 1)
	if r.err != nil || lo == nil && hi == nil {
		return nil
	}
	l := &[2]float32{-math.MaxFloat32, math.MaxFloat32}
	if lo != nil {
		l[0] = lo[0]
	}
	if hi != nil {
		l[1] = hi[0]
	}
	if !(l[0] <= l[1]) {
		r.corrupt("tensor %q: limits from %v to %v", name+"_min", l[0], l[1])
	}
	return l
}

// run runs the layers on x, [patches × dim].
func (e *gemma4Vision) run(d kernels.Step, x kernels.Tensor) []*kernels.Rows {
	c, n := e.c, x.Rows
	h := d.New(n, c.dim) // input of a block, and its output
	limited := d.New(n, c.dim)
	qkv := d.New(n, 3*c.dim) // q, k and v side by side
	q, k, val := qkv.Slice(0, c.dim), qkv.Slice(c.dim, c.dim), qkv.Slice(2*c.dim, c.dim)
	gate, up := d.New(n, c.ff), d.New(n, c.ff)
	for i := range e.layers {
		l := &e.layers[i]
		l.norm.Of(d, h, x)
		l.q.of(d, q, h, limited)
		l.k.of(d, k, h, limited)
		l.v.of(d, val, h, limited)
		l.qNorm.Of(d, q, q)
		l.kNorm.Of(d, k, k)
		e.vNorm.Of(d, val, val)
		for r := range e.ropes {
			d.Rotate(qkv.Slice(0, 2*c.dim), &e.ropes[r]) // q and k together
		}
		d.Store(k, val, 0, &e.attn)
		d.Attend(q, q, 0, &e.attn)
		l.o.of(d, h, q, limited)
		d.Add(x, l.post.Of(d, h, h))

		l.ffnNorm.Of(d, h, x)
		l.gate.of(d, gate, h, limited)
		l.up.of(d, up, h, limited)
		d.Activate(gate, gate, up, e.act)
		l.down.of(d, h, gate, up)
		d.Add(x, l.ffnPost.Of(d, h, h))
		if l.scale != 1 {
			d.Scale(x, x, l.scale)
		}
	}
	return nil
}

// openGemma4Projector reads the projector of Gemma 4: the mean of each square of patches ─ ·√dim ─ -bias ─ ·scale ─ RMSNorm without weights ─ product. The
// rows of an image see each other in large models only.
func openGemma4Projector(v *Vision, r *reader) {
	dim := v.c.dim
	v.look.Whole = v.look.Dim != 1536 && v.look.Dim != 2560 // those of E2B and E4B, as in llama.cpp
	bias, scale := r.optional("v.std_bias", dim), r.optional("v.std_scale", dim)
	if r.err == nil && (bias == nil) != (scale == nil) {
		r.corrupt("one of the tensors %q and %q is missing", "v.std_bias", "v.std_scale")
	}
	root := float32(math.Sqrt(float64(dim)))
	v.pooled, v.level = true, func(x []float32) {
		for i := range x {
			if x[i] *= root; bias != nil {
				x[i] = (x[i] - bias[i%dim]) * scale[i%dim]
			}
		}
	}
	v.mergers = []merger{{norm: r.ones(map[int]nn.Norm{}, dim, v.c), out: r.limited("mm.input_projection", v.look.Dim, dim)}}
}
