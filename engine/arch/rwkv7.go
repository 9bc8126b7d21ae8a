package arch

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/kernels/quant"
	"soberano/models"
)

// rwkv7 is the RWKV-7 family (arXiv:2503.14456): a recurrent network without attention.
//
//	tokens ─ embed ─ norm ─▶ x ─┬──────────────────────────┬─▶ ⊕ ─┬──────────────────────────────────────────────────┬─▶ ⊕ ─▶ … ─ norm ─ output ─▶ logits
//	                            └ norm ─ shift ─ time mix ─┘      └ norm ─ shift ─ key ─ ReLU² ─ value (channel mix) ┘
//	                            └─────────────────────────────── × layers ──────────────────────────────────────────┘
//
// A shift mixes each row with the one before it, in proportions that are learned for each column. The time mix is
//
//	┌ r ────────────────────────────────────┐
//	├ w ─ tanh ─ σ ─ decay ─────────────────┤
//	├ k ─┬ ·k_k ─ L2 norm ─ -a, ·α = b ─────┼ WKV ─ norm of each head ─ + v·Σ(r·k·r_k) ─ ·g ─ output ─▶
//	│    └ ·(1 + (α-1)·k_a) = k ────────────┤
//	├ v ─ mixed with that of the first layer┤
//	├ α ─ σ ────────────────────────────────┘
//	└ g ─ σ
//
// A state keeps the last row before each of the two shifts and a matrix for each head.
type rwkv7 struct {
	dev       kernels.Device
	c         config // heads and headDim are those of the time mix
	embed     kernels.Matrix
	embedNorm nn.Norm
	layers    []rwkv7Layer
	norm      nn.Norm
	output    kernels.Matrix
	shift     kernels.Vector // [2 × dim]: the row before minus the row
	unit      nn.Norm        // makes RMSNorm of a head an L2 norm
	sums      kernels.Matrix // for each head [headDim × headDim] of ones
	one       kernels.Vector // [dim]: ones
	minusOne  kernels.Vector // [dim]
	widest    int            // columns of the widest product of low rank
}

type rwkv7Layer struct {
	norm, ffnNorm nn.Norm
	lerp          [6]kernels.Vector // [dim] for r, w, k, v, α and g: shares of the row before
	r, k, v, o    kernels.Matrix    // [dim × dim]
	w, a, g, mix  lowRank           // mix is that of v with the first layer's; the first layer has none
	kk, ka, rk    kernels.Vector    // [dim]
	headNorm      nn.Norm           // [headDim], for each head
	ffnLerp       kernels.Vector    // [dim]
	key, value    kernels.Matrix    // [ff × dim], [dim × ff]
}

// lowRank is a product of two matrices, [rank × dim] and [dim × rank] with a bias.
type lowRank struct{ down, up kernels.Matrix }

// rwkv7Keys are keys that the family does not read.
var rwkv7Keys = map[string]neutral{
	"attention.scale": anything, "attention.key_length_swa": anything, "attention.value_length_swa": anything, "rope.dimension_count_swa": anything,
	"hidden_activation": value("relu2"),
}

func openRWKV7(r *reader) (Model, error) {
	c := config{
		context: r.int("context_length", required, 1, 1<<30),
		dim:     r.int("embedding_length", required, 1, maxWidth),
		ff:      r.uniform("feed_forward_length", required, 1, maxWidth),
		layers:  r.int("block_count", required, 1, maxLayers),
		headDim: r.int("wkv.head_size", required, 2, 4096),
		norm:    layerNorm,
		eps:     float32(r.float("attention.layer_norm_epsilon", required, 1e-12, 1)),
	}
	c.vocabulary = r.vocabulary(c.dim)
	r.context = c.context
	r.uniform("attention.head_count", 0, 0, maxWidth) // some files have it
	if n := r.int("token_shift_count", 2, 0, 16); n != 2 {
		r.unsupported("key %q is %d", r.family+".token_shift_count", n)
	}
	if r.err != nil {
		return nil, r.err
	}
	if c.dim%c.headDim != 0 {
		r.fail(fmt.Errorf("heads of %d values do not divide %d evenly: %w", c.headDim, c.dim, models.ErrCorrupt))
		return nil, r.err
	}
	c.heads = c.dim / c.headDim
	m := &rwkv7{dev: r.dev, c: c, embed: r.matrix(c.dim, part{"token_embd", c.vocabulary}), embedNorm: r.norm("token_embd_norm", c.dim, c)}
	m.constants(r)
	for i := range c.layers {
		m.layers = append(m.layers, m.layer(r, i, fmt.Sprintf("blk.%d.", i)))
		if r.err != nil {
			return nil, r.err
		}
	}
	m.norm = r.norm("output_norm", c.dim, c)
	m.output = r.requiredOutput(c)
	m.c.bytes = r.bytes
	return m, r.err
}

// constants loads the vectors and the matrix that do not come from the file.
func (m *rwkv7) constants(r *reader) {
	c := m.c
	repeat := func(v float32, n int) []float32 { return slices.Repeat([]float32{v}, n) }
	m.shift = r.load("the weights of the shifts", append(repeat(1, c.dim), repeat(-1, c.dim)...))
	m.one, m.minusOne = r.load("ones", repeat(1, c.dim)), r.load("ones", repeat(-1, c.dim))
	m.unit = nn.Norm{Weight: r.load("the factor of keys", repeat(float32(1/math.Sqrt(float64(c.headDim))), c.headDim)), Eps: 1e-24 / float32(c.headDim)}
	var ones []byte
	for range c.dim * c.headDim {
		ones = binary.LittleEndian.AppendUint32(ones, math.Float32bits(1))
	}
	m.sums = r.loadMatrix("the sums of heads", []kernels.Weights{{Type: quant.F32, Rows: c.headDim, Cols: c.headDim, Data: ones, Experts: c.heads}})
}

func (m *rwkv7) layer(r *reader, i int, blk string) rwkv7Layer {
	c := m.c
	square := func(name string) kernels.Matrix { return r.matrix(c.dim, part{blk + name, c.dim}) }
	vector := func(name string) kernels.Vector { return r.load(blk+name, r.flat(blk+name, c.dim)) }
	rank := func(key string) int { return r.int("attention."+key+"_lora_rank", required, 1, maxWidth) }
	l := rwkv7Layer{
		norm: r.norm(blk+"attn_norm", c.dim, c), ffnNorm: r.norm(blk+"attn_norm_2", c.dim, c),
		r: square("time_mix_receptance"), k: square("time_mix_key"), v: square("time_mix_value"), o: square("time_mix_output"),
		w: m.lowRank(r, blk+"time_mix_w", rank("decay"), true), a: m.lowRank(r, blk+"time_mix_a", rank("iclr"), true),
		g:  m.lowRank(r, blk+"time_mix_g", rank("gate"), false),
		kk: vector("time_mix_k_k.weight"), ka: vector("time_mix_k_a.weight"), rk: vector("time_mix_r_k.weight"),
		ffnLerp: vector("channel_mix_lerp_k.weight"),
		key:     r.matrix(c.dim, part{blk + "channel_mix_key", c.ff}), value: r.matrix(c.ff, part{blk + "channel_mix_value", c.dim}),
	}
	fused := blk + "time_mix_lerp_fused.weight"
	lerp := r.flat(fused, len(l.lerp)*c.dim)
	for j := range l.lerp {
		if r.err == nil {
			l.lerp[j] = r.load(fused, lerp[j*c.dim:][:c.dim])
		}
	}
	l.headNorm = r.rwkv7HeadNorm(blk, c)
	mix := rank("value_residual_mix")
	if i > 0 {
		l.mix = m.lowRank(r, blk+"time_mix_v", mix, true)
		return l
	}
	for _, name := range []string{"v0", "v1", "v2"} { // files have them, and nothing uses them
		r.find(blk + "time_mix_" + name + ".weight")
	}
	return l
}

// lowRank reads a product of two matrices, with the bias name0 or without.
func (m *rwkv7) lowRank(r *reader, name string, rank int, biased bool) lowRank {
	c := m.c
	m.widest = max(m.widest, rank)
	l := lowRank{down: r.matrix(c.dim, part{name + "1", rank})}
	up := r.weights(rank, []part{{name + "2", c.dim}})
	if biased {
		if bias := r.flat(name+"0.weight", c.dim); r.err == nil {
			up[0].Bias = bias
		}
	}
	l.up = r.loadMatrix(name+"2", up)
	return l
}

// rwkv7HeadNorm reads the LayerNorm of the heads of a time mix, whose weights differ from head to head.
func (r *reader) rwkv7HeadNorm(blk string, c config) nn.Norm {
	name := blk + "time_mix_ln"
	return nn.Norm{
		Weight: r.load(name, slices.Repeat([]float32{1}, c.headDim)), Bias: r.load(name, make([]float32, c.headDim)),
		Factors: r.vector(name+".weight", c.dim), Terms: r.vector(name+".bias", c.dim), Eps: 64e-5,
	}
}

// Shape describes the model.
func (m *rwkv7) Shape() Shape {
	c := m.c
	s := Shape{Vocabulary: c.vocabulary, Context: c.context, Bytes: c.bytes, Scratch: 14*c.dim + c.ff + m.widest}
	for range m.layers {
		row := kernels.Layer{Kind: kernels.Recurrent, Rows: 1, Cols: c.dim}
		s.Layers = append(s.Layers, row, kernels.Layer{Kind: kernels.Recurrent, Rows: c.dim, Cols: c.headDim}, row)
	}
	return s
}

// Forward runs a step.
func (m *rwkv7) Forward(s *nn.Step) (*kernels.Rows, error) {
	c, n := m.c, len(s.Tokens)
	d := s.Begin(m.dev)
	t := rwkv7Tensors{
		x: d.New(n, c.dim), h: d.New(n, c.dim), shift: d.New(n, c.dim), in: d.New(n, c.dim), y: d.New(n, c.dim), first: d.New(n, c.dim),
		r: d.New(n, c.dim), w: d.New(n, c.dim), k: d.New(n, c.dim), v: d.New(n, c.dim), a: d.New(n, c.dim), b: d.New(n, c.dim), g: d.New(n, c.dim),
		tmp: d.New(n, c.dim), ff: d.New(n, c.ff), low: d.New(n, m.widest),
	}
	d.Embed(t.x, m.embed, 1)
	m.embedNorm.Of(d, t.x, t.x)
	for i := range m.layers {
		l := &m.layers[i]
		l.norm.Of(d, t.h, t.x)
		d.ShortConv(t.shift, t.h, m.shift, 3*i)
		m.timeMix(d, i, &t)
		d.MatMulAdd(t.x, t.y, l.o)

		l.ffnNorm.Of(d, t.h, t.x)
		d.ShortConv(t.shift, t.h, m.shift, 3*i+2)
		d.MatMul(t.ff, t.mixed(d, l.ffnLerp), l.key)
		d.Activate(t.ff, t.ff, kernels.Tensor{}, kernels.ReLU)
		d.Mul(t.ff, t.ff)
		d.MatMulAdd(t.x, t.ff, l.value)
	}
	logits := nn.Logits(d, t.x, s.Out, m.norm, m.output)
	return logits, d.End()
}

// rwkv7Tensors are the tensors of a step, [n × dim] but for ff, [n × ff], and low, [n × widest].
type rwkv7Tensors struct {
	x, h, shift, in, y, first kernels.Tensor
	r, w, k, v, a, b, g, tmp  kernels.Tensor
	ff, low                   kernels.Tensor
}

// mixed returns h mixed with the rows before it, of which w says the share.
func (t *rwkv7Tensors) mixed(d kernels.Step, w kernels.Vector) kernels.Tensor {
	d.Scale(t.in, t.shift, 1)
	d.Mul(t.in, d.Const(w, 1, w.Len()))
	d.Add(t.in, t.h)
	return t.in
}

// through writes in, multiplied by the two matrices of l, to dst. f is applied between them.
func (t *rwkv7Tensors) through(d kernels.Step, dst, in kernels.Tensor, l *lowRank, f func(kernels.Tensor)) {
	low := t.low.Slice(0, l.down.Rows())
	d.MatMul(low, in, l.down)
	if f != nil {
		f(low)
	}
	d.MatMul(dst, low, l.up)
}

// timeMix writes the time mix of layer i, without the output projection, to t.y.
func (m *rwkv7) timeMix(d kernels.Step, i int, t *rwkv7Tensors) {
	l, c := &m.layers[i], &m.c
	sigmoid := func(x kernels.Tensor) { d.Activate(x, x, kernels.Tensor{}, kernels.Sigmoid) }
	row := func(v kernels.Vector) kernels.Tensor { return d.Const(v, 1, c.dim) }
	tanh := func(x kernels.Tensor) { // 2·σ(2x) - 1
		d.Scale(x, x, 2)
		sigmoid(x)
		d.Scale(x, x, 2)
		d.Add(x, d.Const(m.minusOne, 1, x.Cols))
	}
	d.MatMul(t.r, t.mixed(d, l.lerp[0]), l.r)
	t.through(d, t.w, t.mixed(d, l.lerp[1]), &l.w, tanh)
	sigmoid(t.w)
	d.Scale(t.w, t.w, -0.606531) // e^-½
	d.MatMul(t.k, t.mixed(d, l.lerp[2]), l.k)
	d.MatMul(t.v, t.mixed(d, l.lerp[3]), l.v)
	if i == 0 {
		d.Scale(t.first, t.v, 1)
	} else {
		t.through(d, t.y, t.in, &l.mix, nil)
		sigmoid(t.y)
		d.Scale(t.tmp, t.v, -1)
		d.Add(t.tmp, t.first)
		d.Mul(t.tmp, t.y)
		d.Add(t.v, t.tmp)
	}
	t.through(d, t.a, t.mixed(d, l.lerp[4]), &l.a, nil)
	sigmoid(t.a)
	t.through(d, t.g, t.mixed(d, l.lerp[5]), &l.g, sigmoid)

	kk := t.tmp
	d.Scale(kk, t.k, 1)
	d.Mul(kk, row(l.kk))
	m.unit.Of(d, kk, kk) // each head separately
	d.Scale(t.b, kk, 1)
	d.Mul(t.b, t.a)
	d.Scale(kk, kk, -1)
	d.Add(t.a, row(m.minusOne))
	d.Mul(t.a, row(l.ka))
	d.Add(t.a, row(m.one))
	d.Mul(t.k, t.a)
	d.WKV(t.y, t.r, t.w, t.k, t.v, kk, t.b, 3*i+1, c.heads)
	l.headNorm.Of(d, t.y, t.y)
	d.Mul(t.k, t.r)
	d.Mul(t.k, row(l.rk))
	d.MatMulHeads(t.tmp, t.k, m.sums)
	d.Mul(t.tmp, t.v)
	d.Add(t.y, t.tmp)
	d.Mul(t.y, t.g)
}
