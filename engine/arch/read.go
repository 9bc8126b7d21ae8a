package arch

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
)

// reader reads the keys and tensors of a family. It keeps the first error and returns zeros after
// it, so that callers can read many values and check the error once. It records what was read: Open
// refuses a file with tensors, or with keys that change the arithmetic, that the family did not read.
type reader struct {
	f      *models.File
	dev    kernels.Device
	family string // prefix of the family's keys
	limit  int    // tokens of the longest sequence; 0: those of the context in training
	bytes  int64  // of everything loaded, on the device
	err    error

	used map[string]bool // tensors that were read
	read map[string]bool // keys that were read, with their prefix

	context, headDim int // of the config, once it is read; see further

	hidden bool // Forward is to return hidden rows instead of logits, see Encoder
}

func newReader(f *models.File, dev kernels.Device, family string, limit int) *reader {
	return &reader{f: f, dev: dev, family: family, limit: limit, used: map[string]bool{}, read: map[string]bool{}}
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = models.InFile(r.f.Path, err)
	}
}

func (r *reader) corrupt(format string, args ...any) {
	r.fail(fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), models.ErrCorrupt))
}

func (r *reader) unsupported(format string, args ...any) {
	r.fail(fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), models.ErrUnsupported))
}

// key returns the complete name of a key of the family and records that it is read.
func (r *reader) key(name string) string {
	full := r.family + "." + name
	r.read[full] = true
	return full
}

// find returns a tensor and records that it is read.
func (r *reader) find(name string) (models.Tensor, bool) {
	t, ok := r.f.Tensor(name)
	if ok {
		r.used[name] = true
	}
	return t, ok
}

// required as the default means that the key must exist.
const required = -1 << 50

// int reads family.key, which must be in lo … hi. An absent key gives def.
func (r *reader) int(key string, def, lo, hi int) int {
	key = r.key(key)
	n, err := r.f.Meta.Int(key, def)
	if err != nil {
		r.fail(err)
		return 0
	}
	return r.bounded(key, n, lo, hi)
}

func (r *reader) bounded(key string, n, lo, hi int) int {
	switch {
	case n == required:
		r.fail(fmt.Errorf("key %q is missing: %w", key, models.ErrCorrupt))
	case n < lo || n > hi:
		r.fail(fmt.Errorf("key %q is %d, expected %d to %d: %w", key, n, lo, hi, models.ErrCorrupt))
	default:
		return n
	}
	return 0
}

// uniform reads a number that some files store once and others for each layer. Layers with
// different numbers are not supported.
func (r *reader) uniform(key string, def, lo, hi int) int {
	full := r.key(key)
	list, err := r.f.Meta.Ints(full)
	if err != nil || len(list) == 0 {
		return r.int(key, def, lo, hi)
	}
	for _, n := range list {
		if n != list[0] {
			r.unsupported("key %q differs from layer to layer", full)
			return 0
		}
	}
	return r.bounded(full, int(list[0]), lo, hi)
}

// each reads a number for each of n layers, of which some files store only one for all.
func (r *reader) each(key string, n, def, lo, hi int) []int {
	full := r.key(key)
	list, err := r.f.Meta.Ints(full)
	if err != nil || len(list) == 0 {
		return slices.Repeat([]int{r.int(key, def, lo, hi)}, n)
	}
	if len(list) < n {
		r.fail(fmt.Errorf("key %q has %d entries, the model %d layers: %w", full, len(list), n, models.ErrCorrupt))
		return make([]int, n)
	}
	out := make([]int, n)
	for i := range out {
		out[i] = r.bounded(full, int(list[i]), lo, hi)
	}
	return out
}

// eachFloat reads a number for each of n layers, or one for all, from a key without the family's prefix.
func (r *reader) eachFloat(key string, n int) []float64 {
	list, err := r.f.Meta.Floats(key)
	if err != nil || len(list) == 0 {
		x, err := r.f.Meta.Float(key, math.NaN())
		r.fail(err)
		list = slices.Repeat([]float64{x}, n)
	}
	if len(list) < n {
		r.fail(fmt.Errorf("key %q has %d entries, the model %d layers: %w", key, len(list), n, models.ErrCorrupt))
	}
	for _, x := range list {
		if !(math.Abs(x) < 1e6) {
			r.fail(fmt.Errorf("key %q is missing or not finite: %w", key, models.ErrCorrupt))
		}
	}
	return list
}

// float reads family.key, which must be in lo … hi. An absent key gives def.
func (r *reader) float(key string, def, lo, hi float64) float64 {
	key = r.key(key)
	x, err := r.f.Meta.Float(key, def)
	switch {
	case err != nil:
		r.fail(err)
	case x == required:
		r.fail(fmt.Errorf("key %q is missing: %w", key, models.ErrCorrupt))
	case !(x >= lo && x <= hi):
		r.fail(fmt.Errorf("key %q is %v, expected %v to %v: %w", key, x, lo, hi, models.ErrCorrupt))
	}
	return x
}

func (r *reader) string(key, def string) string {
	s, err := r.f.Meta.String(r.key(key), def)
	r.fail(err)
	return s
}

func (r *reader) bool(key string, def bool) bool {
	b, err := r.f.Meta.Bool(r.key(key), def)
	r.fail(err)
	return b
}

// values returns the values of a tensor with the given shape. On a kernels.Checker, those of tensors of several rows are zeros: a check
// reads no matrix.
func (r *reader) values(name string, shape ...int) []float32 {
	t, ok := r.tensor(name, shape...)
	if !ok {
		return nil
	}
	out := make([]float32, t.Len())
	if _, checks := r.dev.(kernels.Checker); checks && len(shape) > 1 {
		return out
	}
	quant.Dequantize(t.Type, out, t.Data)
	return out
}

// tensor returns a tensor and checks its shape and length. It returns false after an error.
func (r *reader) tensor(name string, shape ...int) (models.Tensor, bool) {
	if r.err != nil {
		return models.Tensor{}, false
	}
	t, err := r.f.Need(name, shape...)
	if err != nil {
		r.err = err // the error contains the file's name already
		return t, false
	}
	r.used[name] = true
	switch _, checks := r.dev.(kernels.Checker); {
	case t.Part == nil:
	case checks && t.Data != nil:
		t.Part = nil
	case !checks:
		t.Data = make([]byte, 0, t.Shape[0]*len(t.Part(0)))
		for i := range t.Shape[0] {
			t.Data = append(t.Data, t.Part(i)...)
		}
		t.Part = nil
	}
	return t, r.complete(t)
}

// optional is like values, but returns nil if the file does not have the tensor.
func (r *reader) optional(name string, n int) []float32 {
	if _, ok := r.find(name); !ok {
		return nil
	}
	return r.values(name, n)
}

// vector loads a tensor of n values, such as the weights of a norm.
func (r *reader) vector(name string, n int) kernels.Vector {
	return r.load(name, r.values(name, n))
}

// unused records that tensors, if the file has them, do not belong to the computation.
func (r *reader) unused(names ...string) {
	for _, name := range names {
		r.find(name)
	}
}

// norm loads a norm of c's kind, of n columns, or of runs of that many. name is the tensor without ".weight".
func (r *reader) norm(name string, n int, c config) nn.Norm { return r.scaledNorm(name, n, c, 1) }

// scaledNorm is norm with a factor of the result.
func (r *reader) scaledNorm(name string, n int, c config, scale float32) nn.Norm {
	weight, bias := r.values(name+".weight", n), []float32(nil)
	switch c.norm {
	case layerNorm, shiftNorm:
		bias = r.values(name+".bias", n)
	case anyNorm:
		bias = r.optional(name+".bias", n)
	}
	if bias == nil && (c.norm == scaleNorm || c.norm == anyNorm) {
		bias = make([]float32, n)
	}
	for _, values := range [][]float32{weight, bias} {
		for i := range values {
			values[i] *= scale
		}
	}
	norm := nn.Norm{Weight: r.load(name, weight), Eps: c.eps}
	switch c.norm {
	case rmsNorm:
	case shiftNorm:
		norm.Terms = r.load(name, bias)
	default:
		norm.Bias = r.load(name, bias)
	}
	return norm
}

// eachHead loads a LayerNorm of heads heads of n columns, each with weights of its own and without biases.
func (r *reader) eachHead(name string, heads, n int, c config) nn.Norm {
	factors := r.values(name+".weight", heads, n)
	return nn.Norm{
		Weight: r.load(name, slices.Repeat([]float32{1}, n)), Bias: r.load(name, make([]float32, n)),
		Factors: r.load(name, factors), Eps: c.eps,
	}
}

// rmsEach loads an RMSNorm of runs of n columns, each with weights of its own.
func (r *reader) rmsEach(name string, runs, n int, eps float32) nn.Norm {
	factors := r.values(name+".weight", runs, n)
	return nn.Norm{Weight: r.load(name, slices.Repeat([]float32{1}, n)), Factors: r.load(name, factors), Eps: eps}
}

// rope loads the rotary frequencies of heads with headDim dimensions.
func (r *reader) rope(headDim int, rotary nn.Rotary) kernels.RoPE {
	freq, scale := rotary.Frequencies()
	return kernels.RoPE{HeadDim: headDim, Freq: r.load("the rotary frequencies", freq), Scale: scale, Axis: rotary.Axes()}
}

// load copies values to the device.
func (r *reader) load(name string, values []float32) kernels.Vector {
	if r.err != nil {
		return nil
	}
	v, err := r.dev.NewVector(values)
	if err != nil {
		r.fail(fmt.Errorf("%s: %w", name, err))
		return nil
	}
	r.bytes += v.Bytes()
	return v
}

// part names a weight matrix.
type part struct {
	name string // without ".weight"
	rows int
}

// matrix loads parts as one matrix, stacked by rows.
func (r *reader) matrix(cols int, parts ...part) kernels.Matrix {
	return r.loadMatrix(parts[0].name, r.weights(cols, parts))
}

// biased is like matrix, with the biases that the file has for the parts.
func (r *reader) biased(cols int, parts ...part) kernels.Matrix {
	w := r.weights(cols, parts)
	for i := range w {
		w[i].Bias = r.optional(parts[i].name+".bias", parts[i].rows)
	}
	evenBias(w)
	return r.loadMatrix(parts[0].name, w)
}

// linear is like matrix, with biases or without.
func (r *reader) linear(bias presence, cols int, parts ...part) kernels.Matrix {
	if bias == absent {
		return r.matrix(cols, parts...)
	}
	if bias == present {
		for _, p := range parts {
			r.tensor(p.name+".bias", p.rows) // must be there; biased loads it
		}
	}
	return r.biased(cols, parts...)
}

// weights returns parts as they are in the file, nil after an error.
func (r *reader) weights(cols int, parts []part) (w []kernels.Weights) {
	for _, p := range parts {
		t, ok := r.tensor(p.name+".weight", p.rows, cols)
		if !ok {
			return nil
		}
		w = append(w, kernels.Weights{Name: t.Name, Type: t.Type, Rows: p.rows, Cols: cols, Data: t.Data})
	}
	return w
}

// halves returns the rows of p, whose number is even, as two parts.
func (r *reader) halves(cols int, p part) []kernels.Weights {
	w := r.weights(cols, []part{p})
	if w == nil {
		return nil
	}
	first, second := w[0], w[0]
	first.Rows, second.Rows, second.Row = p.rows/2, p.rows/2, p.rows/2
	size := p.rows / 2 * w[0].Type.RowBytes(cols)
	first.Data, second.Data = w[0].Data[:size:size], w[0].Data[size:]
	return []kernels.Weights{first, second}
}

// qkv loads the projections to queries, keys and values of a layer with heads of q and kv values in
// all, with the biases that the file has.
func (r *reader) qkv(blk string, dim, q, kv int) kernels.Matrix {
	return r.biased(dim, r.qkvParts(blk, q, kv)...)
}

// qkvParts returns the matrices that qkv loads. Some files store the three as one.
func (r *reader) qkvParts(blk string, q, kv int) []part {
	if _, ok := r.f.Tensor(blk + "attn_qkv.weight"); ok {
		return []part{{blk + "attn_qkv", q + 2*kv}}
	}
	return []part{{blk + "attn_q", q}, {blk + "attn_k", kv}, {blk + "attn_v", kv}}
}

// BlockOf returns the number of the block to which a tensor belongs, if it belongs to one: "blk.7.attn_q" to block 7.
func BlockOf(name string) (n int, of bool) {
	rest, of := strings.CutPrefix(name, "blk.")
	number, _, dot := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	return n, of && dot && err == nil && n >= 0 && n < maxLayers
}

// loadMatrix copies weights to the device. name is the name of the first, for the error.
func (r *reader) loadMatrix(name string, w []kernels.Weights) kernels.Matrix {
	if r.err != nil {
		return nil
	}
	if n, of := BlockOf(name); of {
		for i := range w {
			w[i].Block = n + 1
		}
	}
	m, err := r.dev.Load(w...)
	if err != nil {
		r.fail(fmt.Errorf("tensor %q: %w", name, err))
		return nil
	}
	r.bytes += m.Bytes()
	return m
}

// embedding loads the token embedding. If the file has another output matrix, it is for lookup only.
func (r *reader) embedding(c config) kernels.Matrix {
	w := r.weights(c.dim, []part{{"token_embd", c.vocabulary}})
	for i := range w {
		_, other := r.f.Tensor("output.weight")
		w[i].Lookup = other || r.hidden
	}
	return r.loadMatrix("token_embd", w)
}

// output loads the output matrix, or returns the embedding if the file has no output matrix. It returns nil if hidden rows are
// wanted instead of logits.
func (r *reader) output(embed kernels.Matrix, c config) kernels.Matrix {
	_, ok := r.find("output.weight")
	if r.hidden {
		return nil
	}
	if ok {
		return r.matrix(c.dim, part{"output", c.vocabulary})
	}
	return embed
}

// requiredOutput loads the output matrix of a family whose files always have one, unless the hidden rows are wanted.
func (r *reader) requiredOutput(c config) kernels.Matrix {
	if r.hidden {
		r.find("output.weight")
		return nil
	}
	return r.matrix(c.dim, part{"output", c.vocabulary})
}

// ownOutput loads the output matrix of a family whose files always have one.
func (r *reader) ownOutput(c config, bias presence) kernels.Matrix {
	return r.linear(bias, c.dim, part{"output", c.vocabulary})
}

// evenBias gives every part a bias if one part has it, since a stacked matrix has all or none.
func evenBias(w []kernels.Weights) {
	none := !slices.ContainsFunc(w, func(p kernels.Weights) bool { return p.Bias != nil })
	for i := range w {
		if !none && w[i].Bias == nil {
			w[i].Bias = make([]float32, w[i].Rows)
		}
	}
}

// complete checks that the tensor's data has the length that its shape and type require.
func (r *reader) complete(t models.Tensor) bool {
	if err := gguf.CheckType(r.f.Path, t); err != nil {
		r.fail(err)
		return false
	}
	cols := t.Cols()
	if cols%t.Type.BlockValues() != 0 {
		r.fail(fmt.Errorf("tensor %q: rows of %d values do not divide into blocks of %d (%v): %w", t.Name, cols, t.Type.BlockValues(), t.Type, models.ErrCorrupt))
		return false
	}
	if want := t.Rows() * t.Type.RowBytes(cols); t.Part != nil && len(t.Part(0)) == want/t.Shape[0] {
		return true
	} else if len(t.Data) < want {
		r.fail(fmt.Errorf("tensor %q has %s bytes, expected %s: %w", t.Name, models.Grouped(len(t.Data)), models.Grouped(want), models.ErrCorrupt))
		return false
	}
	return true
}

// vocabulary returns the number of rows of the token embedding. If the file has a tokenizer, it
// must have the same number of tokens.
func (r *reader) vocabulary(dim int) int {
	const name = "token_embd.weight"
	t, ok := r.find(name)
	if !ok || len(t.Shape) != 2 || t.Shape[1] != dim {
		r.fail(fmt.Errorf("tensor %q with rows of %d values is missing: %w", name, dim, models.ErrCorrupt))
		return 0
	}
	tokens, err := r.f.Meta.Strings("tokenizer.ggml.tokens")
	r.fail(err)
	if tokens != nil && len(tokens) != t.Shape[0] {
		r.fail(fmt.Errorf("tensor %q has %d rows, the tokenizer %d tokens: %w", name, t.Shape[0], len(tokens), models.ErrCorrupt))
		return 0
	}
	return r.bounded(name, t.Shape[0], 1, 1<<24)
}

// rotary reads the rotary embedding of heads of which dims dimensions are rotated. The parameters of
// YaRN that only some families of llama.cpp read (yarn_log_multiplier, yarn_beta_fast, …) are not
// among the keys.
func (r *reader) rotary(dims, context int) nn.Rotary {
	rot := nn.Rotary{
		Dims: dims,
		Base: r.float("rope.freq_base", 10000, 2, 1e12),
		// Older files have scale_linear instead.
		Factor:    r.float("rope.scaling.factor", r.float("rope.scale_linear", 1, 0, 1e6), 0, 1e6),
		Attention: r.float("rope.scaling.attn_factor", 1, 1e-3, 1e3),
		Context:   r.int("rope.scaling.original_context_length", 0, 0, 1<<30),
		BetaFast:  32, BetaSlow: 1,
	}
	if rot.Context == 0 {
		rot.Context = context
	}
	switch kind := r.string("rope.scaling.type", "linear"); kind {
	case "none":
		rot.Factor = 1
	case "linear", "longrope":
	case "yarn":
		rot.Yarn = true
	default:
		r.unsupported("key %q is %s, this program knows none, linear, yarn and longrope", r.family+".rope.scaling.type", models.Quote(kind))
	}
	return rot
}

// divisors reads the divisors of the rotary frequencies, one a pair; nil if there are none. They are
// those of llama3, or one of the two lists of LongRoPE (arXiv:2402.13753): the long one for contexts
// beyond the original one, the short one for others.
func (r *reader) divisors(rot nn.Rotary, context int) []float32 {
	if r.string("rope.scaling.type", "linear") != "longrope" {
		return r.divide("rope_freqs.weight", rot.Dims)
	}
	return r.longDivisors(rot, context)
}

// longDivisors reads the lists of LongRoPE and returns the one for the longest sequences; nil if there is none.
func (r *reader) longDivisors(rot nn.Rotary, context int) []float32 {
	long, short := r.divide("rope_factors_long.weight", rot.Dims), r.divide("rope_factors_short.weight", rot.Dims)
	if r.limit > 0 {
		context = min(context, r.limit)
	}
	if context > rot.Context {
		return long
	}
	return short
}

// divide reads divisors of the rotary frequencies; nil if the file has none.
func (r *reader) divide(name string, dims int) []float32 {
	v := r.optional(name, dims/2)
	for i, x := range v {
		if !(x >= 1e-6 && x <= 1e31) { // Gemma 4 has 1e30 for pairs that are not rotated
			r.fail(fmt.Errorf("tensor %q: value %d is %v, expected a positive divisor: %w", name, i, x, models.ErrCorrupt))
			return nil
		}
	}
	return v
}
