package arch

import "slices"

// The family of DeciLM and Nemotron 49B, 51B and 253B (deci, arXiv:2411.19146) is the network of llama with layers that were simplified: they differ in the number
// of heads and in the width of the feed-forward network, and may have a matrix instead of attention or no attention at all. As in llama.cpp,
// a layer without a feed-forward network does nothing.

func openDeci(r *reader) (Model, error) {
	c := config{
		context: r.int("context_length", required, 1, 1<<30),
		dim:     r.int("embedding_length", required, 1, maxWidth),
		layers:  r.int("block_count", required, 1, maxLayers),
		eps:     float32(r.float("attention.layer_norm_rms_epsilon", required, 1e-12, 1)),
	}
	c.vocabulary, c.dense, r.context = r.vocabulary(c.dim), c.layers, c.context
	if r.err != nil {
		return nil, r.err
	}
	heads := r.each("attention.head_count", c.layers, required, 0, maxWidth)
	kvHeads := r.each("attention.head_count_kv", c.layers, required, 0, maxWidth)
	widths := r.each("feed_forward_length", c.layers, required, 0, maxWidth)
	c.heads, c.kvHeads, c.ff = max(1, heads[0]), 1, slices.Max(widths)
	r.headWidths(&c)
	rotary := r.wholeRotary(c)
	rotary.Divide = r.divisors(rotary, c.context)
	rope := r.rope(c.headDim, rotary)
	rope.Interleaved = true
	return r.decoder(&decoder{c: c}, func(i int, blk string) (l layer) {
		c := c
		c.heads, c.kvHeads, c.ff = heads[i], kvHeads[i], widths[i]
		switch {
		case c.ff == 0:
			r.skip(blk)
			return layer{}
		case c.heads == 0:
		case c.kvHeads == 0:
			l.attnNorm = r.norm(blk+"attn_norm", c.dim, c)
			l.o = r.matrix(c.dim, part{blk + "attn_output", c.dim})
		default:
			r.evenHeads(c)
			l.at = &attention{rope, c.attention()}
			l.attnNorm = r.norm(blk+"attn_norm", c.dim, c)
			l.qkv = r.qkv(blk, c.dim, c.heads*c.headDim, c.kvHeads*c.headDim)
			l.o = r.biased(c.heads*c.headDim, part{blk + "attn_output", c.dim})
		}
		l.ffnNorm = r.norm(blk+"ffn_norm", c.dim, c)
		l.ffn = r.biasedFeedForward(blk, c.dim, c.ff)
		return l
	})
}
