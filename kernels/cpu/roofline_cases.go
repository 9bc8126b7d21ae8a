package cpu

import (
	"fmt"
	"slices"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// load loads a matrix. bytes is the number of bytes that a product reads of it.
func (b *bench) load(w kernels.Weights) (m kernels.Matrix, bytes int64, err error) {
	if m, err = b.d.Load(w); err != nil {
		return nil, 0, err
	}
	if bytes = m.Bytes(); bytes == 0 {
		bytes = int64(len(w.Data))
	}
	return m, bytes, nil
}

// products returns the resources, other than memory, that the product of n tokens with rows × cols weights needs.
func (b *bench) products(t quant.Type, n, rows, cols int) (need rates) {
	ops := 2 * float64(n) * float64(rows) * float64(cols)
	switch t {
	case quant.F32, quant.F16, quant.BF16:
		need[b.floats(t)] = ops
	case quant.Q2_K, quant.Q3_K, quant.Q4_0, quant.Q4_1, quant.Q4_K, quant.TQ1_0, quant.TQ2_0:
		need[useLow] = ops
	default:
		need[useDot] = ops
	}
	return need
}

// floats returns the resource that limits products with floating-point weights of type t.
func (b *bench) floats(t quant.Type) resource {
	switch {
	case b.d.floats == Bits8:
		return useDot
	case b.d.lv.bf16() && (b.d.floats == BFloat16 || t == quant.BF16):
		return useHalf
	}
	return useFloat
}

// vectors measures products with one token, as in generation. It uses so many equal matrices that none is in a cache.
func (b *bench) vectors() error {
	for _, t := range quant.Types() {
		for _, s := range [][2]int{{1536, 768}, {4096, 4096}} {
			if err := b.fresh(Options{}, func() error { return b.vector(t, s[0], s[1]) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// vector measures products of one token with rows × cols weights of type t.
func (b *bench) vector(t quant.Type, rows, cols int) error {
	w := ordinary(t, rows, cols)
	var all []kernels.Matrix
	var size int64
	for size < int64(len(b.far)) {
		m, n, err := b.load(w)
		if err != nil {
			return err
		}
		all, size = append(all, m), size+n
	}
	if err := b.begin(nil); err != nil {
		return err
	}
	x, y := b.tensor(1, cols), b.s.New(1, rows)
	need := b.products(t, len(all), rows, cols)
	need[useMemory] = float64(size)
	perWeight := func(n float64) float64 { return 8 * n / float64(rows*cols) }
	shape := fmt.Sprintf("%d × %d, %.2f bits (file %.2f)", rows, cols, perWeight(float64(size)/float64(len(all))), perWeight(float64(len(w.Data))))
	return b.try(fmt.Sprintf("matrix × vector %v", t), shape, need, 0, func() {
		for _, m := range all {
			b.s.MatMul(y, x, m)
		}
	})
}

// matrices measures products with a prompt of 512 tokens.
func (b *bench) matrices() error {
	for _, t := range quant.Types() {
		for _, s := range [][2]int{{1536, 768}, {2048, 2048}} {
			if err := b.matrix(fmt.Sprintf("matrix × 512 tokens %v", t), t, 512, s[0], s[1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// matrix measures a product of n tokens with rows × cols weights of type t.
func (b *bench) matrix(kernel string, t quant.Type, n, rows, cols int) error {
	m, _, err := b.load(ordinary(t, rows, cols))
	if err != nil {
		return err
	}
	if err := b.begin(nil); err != nil {
		return err
	}
	x, y := b.tensor(n, cols), b.s.New(n, rows)
	return b.try(kernel, fmt.Sprintf("%d × %d × %d", n, rows, cols), b.products(t, n, rows, cols), 0, func() { b.s.MatMul(y, x, m) })
}

// heads describes the attention heads of a model.
type heads struct {
	name           string
	heads, kv, dim int
}

var attentions = []heads{{"SmolLM2 135M", 9, 3, 64}, {"Gemma 3 270M", 4, 1, 256}, {"Llama 3B", 24, 8, 128}}

// attention measures attention of one token over the keys and values of 4096 positions in memory, and of a prompt.
func (b *bench) attention() error {
	for _, h := range attentions {
		if err := b.fresh(Options{}, func() error { return b.attendOne(h, 4096) }); err != nil {
			return err
		}
	}
	for _, h := range attentions {
		for _, depth := range []int{0, 3584} {
			if err := b.attendMany(h, depth, 512); err != nil {
				return err
			}
		}
	}
	return nil
}

// of returns causal attention with these heads.
func (h heads) of() *kernels.Attention {
	return &kernels.Attention{Heads: h.heads, KVHeads: h.kv, HeadDim: h.dim, Scale: 0.125, Causal: true}
}

// scoring returns the resources for that many scores (queries × keys) in each head: two products, and the softmax
// with eleven multiplications for each score.
func (b *bench) scoring(h heads, scores float64) (need rates) {
	scores *= float64(h.heads)
	need[useFloat] = scores * 2 * 11
	products := useFloat
	switch {
	case b.d.cached == Cached8 && h.dim%32 == 0:
		products = useDot
	case b.d.cached == CachedBF16 && b.d.lv.bf16():
		products = useHalf
	}
	need[products] += scores * float64(4*h.dim)
	return need
}

// filled returns a state with that many layers, all of whose n positions are stored.
func (b *bench) filled(h heads, layers, n int) (kernels.State, error) {
	c, err := b.d.NewState(stateShape(layers, h.kv, h.dim, n))
	if err != nil {
		return nil, err
	}
	if err := b.begin(&kernels.Batch{Spans: []kernels.Span{{State: c, N: n}}}); err != nil {
		return nil, err
	}
	k := b.tensor(n, h.kv*h.dim)
	for l := range layers {
		b.s.Store(k, k, l, h.of())
	}
	return c, nil
}

// attendOne measures attention of one token over depth positions, in so many layers that the keys and values are in no cache.
func (b *bench) attendOne(h heads, depth int) error {
	layers := max(1, len(b.far)/(depth*h.kv*h.dim*4))
	c, err := b.filled(h, layers, depth)
	if err != nil {
		return err
	}
	if err := b.begin(&kernels.Batch{Spans: []kernels.Span{{State: c, N: 1, Pos: depth - 1}}}); err != nil {
		return err
	}
	q, y, a := b.tensor(1, h.heads*h.dim), b.s.New(1, h.heads*h.dim), h.of()
	need := b.scoring(h, float64(layers*depth))
	need[useMemory] = float64(c.Bytes())
	return b.try("attention, 1 token", fmt.Sprintf("%s: %d/%d heads of %d, at %d", h.name, h.heads, h.kv, h.dim, depth), need, 0, func() {
		for l := range layers {
			b.s.Attend(y, q, l, a)
		}
	})
}

// attendMany measures attention of n tokens that follow depth positions.
func (b *bench) attendMany(h heads, depth, n int) error {
	c, err := b.filled(h, 1, depth+n)
	if err != nil {
		return err
	}
	if err := b.begin(&kernels.Batch{Spans: []kernels.Span{{State: c, N: n, Pos: depth}}}); err != nil {
		return err
	}
	q, y, a := b.tensor(n, h.heads*h.dim), b.s.New(n, h.heads*h.dim), h.of()
	scores := float64(n*depth) + float64(n*(n+1)/2)
	return b.try(fmt.Sprintf("attention, %d tokens", n), fmt.Sprintf("%s: %d/%d heads of %d, after %d", h.name, h.heads, h.kv, h.dim, depth),
		b.scoring(h, scores), 0, func() { b.s.Attend(y, q, 0, a) })
}

// encoder measures the products and the attention of the encoder of Whisper base for 30 s of audio, in each of the types
// in which a device may store floating-point weights.
func (b *bench) encoder() error {
	for _, form := range []struct {
		Options
		name string
	}{{Options{Cache: CachedF16}, "F16"}, {Options{Floats: BFloat16, Cache: CachedBF16}, "in bfloat16"}, {Options{Floats: Bits8}, "in 8 bits"}} {
		if form.Floats == BFloat16 && !b.d.lv.bf16() {
			continue
		}
		if err := b.fresh(form.Options, func() error { return b.encode(form.name) }); err != nil {
			return err
		}
	}
	return nil
}

// encode measures the encoder with the types of the present device, which form names.
func (b *bench) encode(form string) error {
	for _, s := range []struct {
		name          string
		n, rows, cols int
	}{{"conv1", 3000, 512, 240}, {"conv2", 1500, 512, 1536}, {"query, key, value", 1500, 1536, 512}, {"out", 1500, 512, 512},
		{"up", 1500, 2048, 512}, {"down", 1500, 512, 2048}} {
		if b.d.floats == Bits8 && s.cols%32 != 0 {
			continue // such matrices are not stored in 8 bits
		}
		if err := b.matrix("Whisper base "+s.name+", "+form, quant.F16, s.n, s.rows, s.cols); err != nil {
			return err
		}
	}
	h := heads{"Whisper base", 8, 8, 64}
	c, err := b.filled(h, 1, 1500)
	if err != nil {
		return err
	}
	if err := b.begin(&kernels.Batch{Spans: []kernels.Span{{State: c, N: 1500, Len: 1500}}}); err != nil {
		return err
	}
	q, y, a := b.tensor(1500, 512), b.s.New(1500, 512), h.of()
	a.Causal = false
	return b.try("Whisper base attention, "+form, "1500 × 1500, 8 heads of 64", b.scoring(h, 1500*1500), 0, func() { b.s.Attend(y, q, 0, a) })
}

// stateShape returns the shape of a state whose layers are all alike.
func stateShape(layers, kvHeads, headDim, positions int) kernels.StateShape {
	l := kernels.Layer{KVHeads: kvHeads, KeyDim: headDim, ValueDim: headDim}
	return kernels.StateShape{Layers: slices.Repeat([]kernels.Layer{l}, layers), Cap: positions}
}
