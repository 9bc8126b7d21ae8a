package arch

import (
	"fmt"
	"math"

	"soberano/models"
)

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
	if r.err == nil && h.out == nil && (h.dense == nil || h.denseRows != max(1, len(h.labels))) {
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
			normaliseRow(x, h.norm, h.eps)
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

// normaliseRow is LayerNorm without a bias, in place.
func normaliseRow(x, weight []float32, eps float32) {
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

// softmax replaces x by its softmax.
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
