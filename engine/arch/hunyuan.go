package arch

import "math"

// The families of Hunyuan are the network of llama with a norm of each head of q and k after the rotation; rotated pairs are
// (i, i+headDim/2). maincoder (Maincoder-1B, https://huggingface.co/Maincode/Maincoder-1B) is hunyuan-dense with rotated pairs (2i, 2i+1). In hunyuan-moe (arXiv:2411.02265), each layer has a mixture of experts and a shared one.

func openMaincoder(r *reader) (Model, error) {
	c := r.config()
	at := r.attention(c, r.wholeRotary(c)).interleaved()
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer {
		l := r.plainLayer(blk, c, at)
		r.headNorms(&l, blk, c)
		l.normRotated = true
		return l
	})
}

func openHunyuanDense(r *reader) (Model, error) {
	c := r.config()
	if n := r.int("expert_count", 0, 0, maxWidth); n > 1 {
		r.unsupported("a mixture of %d experts", n)
	}
	r.int("expert_used_count", 0, 0, maxWidth) // of one
	rotary := r.wholeRotary(c)
	if alpha := r.float("rope.scaling.alpha", 0, 0, 1e6); alpha > 0 && rotary.Dims > 2 {
		rotary.Base *= math.Pow(alpha, float64(rotary.Dims)/float64(rotary.Dims-2))
	}
	at := r.attention(c, rotary)
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer {
		l := r.plainLayer(blk, c, at)
		r.headNorms(&l, blk, c)
		l.normRotated = true
		return l
	})
}

func openHunyuanMoE(r *reader) (Model, error) {
	c := r.config()
	c.experts, c.dense = r.plainExperts(r.expertCount(), c.ff, true), 0
	for _, key := range []string{"expert_feed_forward_length", "expert_shared_count"} {
		r.int(key, 0, 0, maxWidth) // the other widths have them
	}
	c.experts.shared = r.int("expert_shared_feed_forward_length", c.ff, 1, maxWidth)
	at := r.attention(c, r.wholeRotary(c))
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer {
		l := r.layer(blk, c, at)
		l.o = r.matrix(at.Heads*at.HeadDim, part{blk + "attn_output", c.dim})
		r.headNorms(&l, blk, c)
		l.normRotated = true
		l.ffn = r.mixture(blk, c.dim, c.experts)
		return l
	})
}
