package arch

import (
	"fmt"
	"math"

	"soberano/kernels"
	"soberano/models"
)

// Encoder is a network that makes one vector of each text: an embedding, or the scores of a reranker.
//
//	tokens ─ network ─▶ hidden rows [n × Width] ─ pooling ─▶ [Width] ─ head ─▶ embedding or scores
//
// Its Forward returns the hidden rows of step.Out, as the last norm of the network leaves them, instead of logits.
type Encoder struct {
	Model
	Pooling models.Pooling // never PoolNone
	// Whole says that attention is not causal, so that every span of a step must be a whole text. Otherwise a text may
	// be divided among steps, as that of a chat model.
	Whole bool
	Width int // values of a hidden row
	head  head
}

// OpenEncoder loads the weights of f, which is to embed or rank texts, onto dev; see Open. Every family of decoders does so
// too: its hidden rows are those from which it would compute logits.
func OpenEncoder(f *models.File, dev kernels.Device, limit int) (*Encoder, error) {
	m, err := openEncoder(f, kernels.Checker{}, limit)
	if _, checks := dev.(kernels.Checker); checks || err != nil {
		return m, err
	}
	return openEncoder(f, dev, limit)
}

func openEncoder(f *models.File, dev kernels.Device, limit int) (*Encoder, error) {
	name, family, err := familyOf(f)
	if err != nil {
		return nil, err
	}
	r := newReader(f, dev, name, limit)
	r.hidden = true
	e := &Encoder{}
	_, e.Whole = encoders[name]
	if e.Model, err = family.open(r); err != nil {
		return nil, err
	}
	if err = e.readPooling(r); err == nil {
		err = r.unread(family)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// readPooling reads how a text becomes a vector. An encoder whose file does not say it takes the mean, as the files of
// sentence-transformers do.
func (e *Encoder) readPooling(r *reader) error {
	e.Width = r.int("embedding_length", required, 1, maxWidth)
	pooling, err := r.f.Meta.Pooling(r.family)
	r.fail(err)
	if e.Pooling = pooling; pooling == models.PoolNone {
		e.Pooling = models.PoolMean
	}
	e.head = r.head(e.Width, pooling == models.PoolRank)
	return r.err
}

// Rows returns which rows of a text of n tokens its vector is made of: from … to-1.
func (e *Encoder) Rows(n int) (from, to int) {
	switch {
	case e.Pooling == models.PoolMean, e.Pooling == models.PoolRank && e.head.mean:
		return 0, n
	case e.Pooling == models.PoolFirst, e.Pooling == models.PoolRank && e.Whole:
		return 0, 1
	}
	return n - 1, n
}

// Labels returns the names of the scores of a reranker, in their order; nil if the file does not name them.
func (e *Encoder) Labels() []string { return e.head.labels }

// Scores returns the number of scores of a reranker.
func (e *Encoder) Scores() int { return e.head.outputs(e.Width) }

// Vector returns the embedding, of length 1, or the scores that belong to the mean of the rows of a text, [Width], which it
// may overwrite.
func (e *Encoder) Vector(mean []float32) []float32 {
	v := e.head.apply(mean)
	if e.Pooling != models.PoolRank {
		normalise(v)
	}
	return v
}

// normalise divides v by its Euclidean length. A vector of zeros stays as it is.
func normalise(v []float32) {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return
	}
	scale := 1 / math.Sqrt(sum)
	for i, x := range v {
		v[i] = float32(float64(x) * scale)
	}
}

// head is what follows the pooling. Of an embedding model, it is one or two products without biases, or nothing. Of a
// reranker:
//
//	[Width] ─ dense ─ tanh or GELU ─ LayerNorm ─ out ─ softmax ─▶ [labels]
//
// where each part may be missing. It is computed on the host in float32: a text takes as long as one row of a layer.
type head struct {
	mean                   bool // the scores are those of the mean of all rows
	dense                  []float32
	denseBias              []float32
	gelu                   bool // otherwise tanh
	norm                   []float32
	eps                    float32
	out, outBias           []float32
	softmax                bool
	project, projectAgain  []float32 // of an embedding model, see gemma-embedding
	labels                 []string
	ranks                  bool
	denseRows, projectRows int
}

// head reads the head of the model, whose pooled rows have dim values.
func (r *reader) head(dim int, ranks bool) head {
	h := head{ranks: ranks}
	if !ranks {
		for _, name := range []string{"cls.weight", "cls.bias", "cls.norm.weight", "cls.output.weight", "cls.output.bias"} {
			r.find(name) // of a reranker; embeddings are the rows before it
		}
		h.projectRows, h.project, h.projectAgain = r.projections(dim)
		return h
	}
	h.readLabels(r)
	h.readDense(r, dim)
	if _, ok := r.find("cls.output.weight"); ok {
		h.out = r.values("cls.output.weight", max(1, len(h.labels)), dim)
		h.outBias = r.optional("cls.output.bias", max(1, len(h.labels)))
	}
	if r.err == nil && h.dense == nil && h.out == nil {
		r.fail(fmt.Errorf("tensor %q is missing, which makes the scores: %w", "cls.output.weight", models.ErrCorrupt))
	}
	h.softmax = r.family == "qwen3" || r.family == "qwen3vl"
	return h
}

// readLabels reads the names of the scores, and which rows the head sees.
func (h *head) readLabels(r *reader) {
	labels, err := r.f.Meta.Strings(r.key("classifier.output_labels"))
	r.fail(err)
	h.labels = labels
	def := 0
	if r.family == "modern-bert" {
		def = int(models.PoolMean)
	}
	h.mean = r.int("classifier.pooling_type", def, -1, int(models.PoolRank)) == int(models.PoolMean)
}

// readDense reads the layer before the output. In jina-bert-v2 it is the output itself.
func (h *head) readDense(r *reader, dim int) {
	h.gelu = r.family == "modern-bert"
	h.denseRows = dim
	t, ok := r.find("cls.weight")
	if !ok {
		return
	}
	if r.family == "jina-bert-v2" {
		h.denseRows = 1
	}
	h.dense = r.values(t.Name, h.denseRows, dim)
	h.denseBias = r.optional("cls.bias", h.denseRows)
	if _, ok := r.find("cls.norm.weight"); ok && r.family == "modern-bert" {
		h.norm = r.values("cls.norm.weight", dim)
		h.eps = float32(r.float("attention.layer_norm_epsilon", required, 1e-15, 1))
	}
	if _, ok := r.find("cls.output.weight"); ok && h.denseRows != dim && r.err == nil {
		r.unsupported("tensors %q and %q together", t.Name, "cls.output.weight")
	}
}

// projections reads the two matrices by which gemma-embedding multiplies an embedding.
func (r *reader) projections(dim int) (rows int, first, second []float32) {
	if r.family != "gemma-embedding" {
		return 0, nil, nil
	}
	rows = r.int("dense_2_feat_out", 0, 0, maxWidth)
	in, out := r.int("dense_2_feat_in", dim, 0, maxWidth), r.int("dense_3_feat_out", dim, 0, maxWidth)
	back := r.int("dense_3_feat_in", rows, 0, maxWidth)
	if r.err == nil && (in != dim && in != 0 || out != dim && out != 0 || back != rows) {
		r.unsupported("projections of %d to %d and of %d to %d values, for rows of %d", in, rows, back, out, dim)
	}
	if rows == 0 {
		return 0, nil, nil
	}
	return rows, r.values("dense_2.weight", rows, dim), r.values("dense_3.weight", dim, rows)
}

// outputs returns the number of values that apply returns for rows of dim values.
func (h *head) outputs(dim int) int {
	switch {
	case !h.ranks:
		return dim
	case h.out != nil:
		return max(1, len(h.labels))
	}
	return h.denseRows
}

// apply returns the head's output for x, which it may overwrite.
func (h *head) apply(x []float32) []float32 {
	if h.project != nil {
		return product(h.projectAgain, product(h.project, x, h.projectRows, nil), len(x), nil)
	}
	if h.dense != nil {
		x = product(h.dense, x, h.denseRows, h.denseBias)
		for i, v := range x {
			x[i] = float32(math.Tanh(float64(v)))
			if h.gelu {
				x[i] = gelu(v)
			}
		}
		if h.norm != nil {
			layerNorm(x, h.norm, h.eps)
		}
	}
	if h.out != nil {
		x = product(h.out, x, len(h.out)/len(x), h.outBias)
	}
	if h.softmax {
		softmax(x)
	}
	return x
}

// product returns w·x + bias, where w is [rows × len(x)].
func product(w, x []float32, rows int, bias []float32) []float32 {
	out := make([]float32, rows)
	for r := range out {
		sum := 0.0
		for i, v := range w[r*len(x):][:len(x)] {
			sum += float64(v) * float64(x[i])
		}
		if bias != nil {
			sum += float64(bias[r])
		}
		out[r] = float32(sum)
	}
	return out
}

// gelu returns the approximation of GELU by tanh, kernels.GELUTanh.
func gelu(x float32) float32 {
	v := float64(x)
	return float32(v / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v))))
}

func layerNorm(x, weight []float32, eps float32) {
	mean, variance := 0.0, 0.0
	for _, v := range x {
		mean += float64(v) / float64(len(x))
	}
	for _, v := range x {
		variance += (float64(v) - mean) * (float64(v) - mean) / float64(len(x))
	}
	scale := 1 / math.Sqrt(variance+float64(eps))
	for i, v := range x {
		x[i] = float32((float64(v)-mean)*scale) * weight[i]
	}
}

func softmax(x []float32) {
	top, sum := math.Inf(-1), 0.0
	for _, v := range x {
		top = max(top, float64(v))
	}
	for i, v := range x {
		e := math.Exp(float64(v) - top)
		x[i], sum = float32(e), sum+e
	}
	for i := range x {
		x[i] = float32(float64(x[i]) / sum)
	}
}
