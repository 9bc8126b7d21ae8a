package arch

import (
	"fmt"
	"slices"
	"strings"

	"soberano/kernels"
	"soberano/models"
)

// config holds the numbers that all families have.
type config struct {
	vocabulary, context, dim, ff, layers int
	heads, kvHeads, headDim              int
	dense                                int     // number of layers without a mixture, which come first
	experts                              experts // of the other layers
	norm                                 normKind
	eps                                  float32 // of the norms
	bytes                                int64   // of the weights on the device, once loaded
}

// normKind is the kind of the norms of a family.
type normKind int

const (
	rmsNorm   normKind = iota
	layerNorm          // with a bias
	scaleNorm          // LayerNorm without a bias
	anyNorm            // LayerNorm with a bias where the file has one
	shiftNorm          // RMSNorm, to which a bias is added
)

// Limits far above those of any model, so that the product of two can't overflow.
const (
	maxLayers = 1 << 10
	maxWidth  = 1 << 20
)

// config reads the keys of a family with RMSNorm whose layers are all alike.
func (r *reader) config() config { return r.configWith(rmsNorm) }

// configWith reads the keys of a family with norms of this kind whose layers are all alike.
func (r *reader) configWith(norm normKind) config {
	c := r.sizesWith(norm)
	if r.err != nil {
		return c
	}
	c.kvHeads = r.uniform("attention.head_count_kv", c.heads, 1, c.heads)
	r.headWidths(&c)
	return c
}

// sizes reads the keys that all families with RMSNorm have.
func (r *reader) sizes() config { return r.sizesWith(rmsNorm) }

// sizesWith reads the keys that all families have.
func (r *reader) sizesWith(norm normKind) config {
	eps := "attention.layer_norm_epsilon"
	if norm == rmsNorm || norm == shiftNorm {
		eps = "attention.layer_norm_rms_epsilon"
	}
	c := config{
		context: r.int("context_length", required, 1, 1<<30),
		dim:     r.int("embedding_length", required, 1, maxWidth),
		ff:      r.feedForwardLength(),
		layers:  r.int("block_count", required, 1, maxLayers),
		heads:   r.uniform("attention.head_count", required, 1, maxWidth),
		norm:    norm,
		eps:     float32(r.float(eps, required, 1e-15, 1)),
	}
	c.dense = c.layers
	c.vocabulary = r.vocabulary(c.dim)
	r.context = c.context
	return c
}

// feedForwardLength reads the width of the feed-forward networks. Files of mixtures may have that of the experts only.
func (r *reader) feedForwardLength() int {
	if _, ok := r.f.Meta[r.family+".expert_feed_forward_length"]; ok {
		return r.uniform("feed_forward_length", 0, 0, maxWidth)
	}
	return r.uniform("feed_forward_length", required, 1, maxWidth)
}

// headWidths reads the width of the heads and checks that their number is a multiple of that of key/value heads.
func (r *reader) headWidths(c *config) {
	if r.err != nil {
		return
	}
	c.headDim = r.int("attention.key_length", c.dim/c.heads, 2, 4096)
	if v := r.int("attention.value_length", c.headDim, 1, 4096); v != c.headDim && r.err == nil {
		r.unsupported("keys have %d values a head, values %d", c.headDim, v)
	}
	r.evenHeads(*c)
	r.headDim = c.headDim
}

// evenHeads checks that the number of heads is a multiple of that of key/value heads.
func (r *reader) evenHeads(c config) {
	if r.err == nil && c.heads%c.kvHeads != 0 {
		r.fail(fmt.Errorf("%d heads do not share %d key/value heads evenly: %w", c.heads, c.kvHeads, models.ErrCorrupt))
	}
}

// square refuses heads whose joint width is not that of a row.
func (r *reader) square(c config) {
	if r.err == nil && c.heads*c.headDim != c.dim {
		r.unsupported("%d heads of %d values beside rows of %d", c.heads, c.headDim, c.dim)
	}
}

// localLayers reads which layers attend only to a window, and its length.
func (r *reader) localLayers(c config) (local []bool, window int) {
	if r.err != nil {
		return make([]bool, c.layers), 0
	}
	r.key("attention.sliding_window_pattern") // which LocalLayers reads
	r.int("attention.sliding_window", 0, 0, 1<<30)
	local, window, err := r.f.Meta.LocalLayers(r.family, c.layers)
	if r.fail(err); r.err != nil {
		return make([]bool, c.layers), 0
	}
	return local, window
}

// rotaryDims returns the number of dimensions of a head that are rotated.
func (r *reader) rotaryDims(c config) int {
	if r.err != nil {
		return 0
	}
	n := r.int("rope.dimension_count", c.headDim, 2, c.headDim)
	if n%2 != 0 {
		r.fail(fmt.Errorf("key %q is %d, expected an even number: %w", r.family+".rope.dimension_count", n, models.ErrCorrupt))
	}
	return n
}

// dropDrafts leaves out the last layers of a file that predict further tokens for speculative decoding. Their tensors are ignored.
func (r *reader) dropDrafts(c *config) {
	n := r.int("nextn_predict_layers", 0, 0, max(0, c.layers-1))
	c.layers -= n
	c.dense = min(c.dense, c.layers)
	for i := c.layers; i < c.layers+n; i++ {
		r.skip(fmt.Sprintf("blk.%d.", i))
	}
}

// skip records that the tensors whose names begin with prefix take no part in the network.
func (r *reader) skip(prefix string) {
	for _, t := range r.f.Tensors {
		if strings.HasPrefix(t.Name, prefix) {
			r.used[t.Name] = true
		}
	}
}

func (c config) shape() Shape {
	keeps := kernels.Layer{KVHeads: c.kvHeads, KeyDim: c.headDim, ValueDim: c.headDim}
	return Shape{
		Vocabulary: c.vocabulary, Context: c.context, Layers: slices.Repeat([]kernels.Layer{keeps}, c.layers),
		Bytes: c.bytes, Scratch: 2*c.dim + (c.heads+2*c.kvHeads)*c.headDim + c.feedForwardScratch(),
	}
}
