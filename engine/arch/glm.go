package arch

import "soberano/kernels"

// The families of GLM are decoders of which a part of each head is rotated.
//
// chatglm (ChatGLM 3 and GLM-4-9B-Chat, arXiv:2406.12793) is the network of llama with the matrices gate and up fused; rotated pairs are (2i, 2i+1).
//
// glm4 (GLM-4-0414, arXiv:2406.12793) has norms before and after attention and feed-forward networks, and the matrices gate and
// up fused; rotated pairs are (2i, 2i+1), but (i, i+rotated/2) in files of models that see. glm4moe (GLM-4.5, arXiv:2508.06471) is the network of llama, in which all
// but the first layers have mixtures of experts with a shared one; larger models also normalise each head of q and k.
//
// The positions of models that see have several axes, which are equal in text. Blocks at the end that only draft tokens are not run.

func openChatGLM(r *reader) (Model, error) {
	c := r.config()
	r.square(c)
	at := r.attention(c, r.rotary(r.rotaryDims(c), c.context)).interleaved()
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer {
		l := r.layer(blk, c, at)
		l.o = r.matrix(c.dim, part{blk + "attn_output", c.dim})
		l.ffn = r.fusedFeedForward(blk, c.dim, c.ff)
		return l
	})
}

func openGLM4(r *reader) (Model, error) {
	c := r.config()
	r.dropDrafts(&c)
	at := r.attention(c, r.rotary(r.rotaryDims(c), c.context))
	at.rope.Interleaved = !r.textSections()
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer {
		l := r.layer(blk, c, at)
		l.o = r.matrix(at.Heads*at.HeadDim, part{blk + "attn_output", c.dim})
		l.attnPost = r.norm(blk+"post_attention_norm", c.dim, c)
		l.ffn = r.fusedFeedForward(blk, c.dim, c.ff)
		l.ffnPost = r.norm(blk+"post_ffw_norm", c.dim, c)
		return l
	})
}

func openGLM4MoE(r *reader) (Model, error) {
	c := r.config()
	c.experts = r.routedExperts(r.expertWidth(), true)
	c.experts.bias = present
	c.experts.shared = c.experts.ff * r.int("expert_shared_count", required, 1, kernels.MaxExperts)
	c.dense = r.int("leading_dense_block_count", 0, 0, c.layers)
	r.dropDrafts(&c)
	r.textSections()
	at := r.attention(c, r.rotary(r.rotaryDims(c), c.context))
	return r.decoder(&decoder{c: c}, func(i int, blk string) layer {
		l := layer{
			at:       at,
			attnNorm: r.norm(blk+"attn_norm", c.dim, c),
			qkv:      r.qkv(blk, c.dim, at.Heads*at.HeadDim, at.KVHeads*at.HeadDim),
			o:        r.matrix(at.Heads*at.HeadDim, part{blk + "attn_output", c.dim}),
			ffnNorm:  r.norm(blk+"post_attention_norm", c.dim, c),
			ffn:      r.denseOrMixture(i, blk, c),
		}
		if _, ok := r.f.Tensor(blk + "attn_q_norm.weight"); ok {
			r.headNorms(&l, blk, c)
		}
		return l
	})
}

// textSections reads how many rotated pairs each axis of the positions has, and reports whether there are several axes. In text, the first three are equal.
func (r *reader) textSections() bool {
	key := r.key("rope.dimension_sections")
	list, err := r.f.Meta.Ints(key)
	if err != nil || len(list) == 0 {
		r.fail(err)
		return false
	}
	if len(list) > 3 && list[3] != 0 {
		r.unsupported("key %q has a fourth axis of positions", key)
	}
	for _, n := range list {
		if n != 0 {
			return true
		}
	}
	return false
}
