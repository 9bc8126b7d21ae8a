package arch

import "soberano/kernels"

// bailingmoe (Ling, arXiv:2503.05139) is the network of llama with mixtures of experts in all layers, whose choice is made by softmax, and
// shared experts. deepseek (DeepSeekMoE, arXiv:2401.06066) has ordinary feed-forward networks in its first layers, and weights of the
// experts that do not add up to 1. Rotated pairs are (2i, 2i+1).
//
// The family of Ling 2 and Ring 2 (bailingmoe2, arXiv:2510.22115) is the network of llama with a norm of each head of q and k. All but the
// first layers have mixtures of experts, in groups, and shared experts. A part of each head is rotated, in pairs (i, i+rotated/2). Blocks at the
// end that only draft tokens are not run.

func openBailingMoE(r *reader) (Model, error) {
	c := r.config()
	r.softmaxMixtures(&c)
	c.dense = 0
	return r.sharedExpertDecoder(c, r.ownOutput)
}

func openDeepseek(r *reader) (Model, error) {
	c := r.config()
	r.square(c)
	r.softmaxMixtures(&c)
	if c.experts.routing.Normalize {
		r.unsupported("key %q is true", r.family+".expert_weights_norm")
	}
	c.dense = r.int("leading_dense_block_count", 0, 0, c.layers)
	return r.sharedExpertDecoder(c, nil)
}

// softmaxMixtures reads mixtures whose router has softmax, with shared experts.
func (r *reader) softmaxMixtures(c *config) {
	c.experts = r.routedExperts(r.expertWidth(), false)
	if c.experts.routing.Sigmoid {
		r.unsupported("key %q asks for a sigmoid", r.family+".expert_gating_func")
	}
	c.experts.shared = c.experts.ff * r.int("expert_shared_count", required, 1, kernels.MaxExperts)
}

// sharedExpertDecoder opens a decoder of layers with mixtures behind c.dense ordinary ones. output reads an output matrix that must be there; nil: it is optional.
func (r *reader) sharedExpertDecoder(c config, output func(config, presence) kernels.Matrix) (Model, error) {
	at := r.attention(c, r.wholeRotary(c)).interleaved()
	m := &decoder{c: c}
	if output != nil {
		m.output = output(c, absent)
	}
	return r.decoder(m, func(i int, blk string) layer {
		l := r.layer(blk, c, at)
		l.o = r.matrix(at.Heads*at.HeadDim, part{blk + "attn_output", c.dim})
		l.ffn = r.denseOrMixture(i, blk, c)
		return l
	})
}

func openBailingMoE2(r *reader) (Model, error) {
	c := r.config()
	c.experts = r.routedExperts(r.expertWidth(), false)
	c.experts.bias = optional
	c.experts.shared = r.int("expert_shared_feed_forward_length", c.experts.ff, 1, maxWidth) * r.int("expert_shared_count", required, 1, kernels.MaxExperts)
	c.dense = r.int("leading_dense_block_count", 0, 0, c.layers)
	r.dropDrafts(&c)
	r.square(c)
	at := r.attention(c, r.rotary(r.rotaryDims(c), c.context))
	m := &decoder{c: c, output: r.ownOutput(c, absent)}
	return r.decoder(m, func(i int, blk string) layer {
		l := layer{
			at:       at,
			attnNorm: r.norm(blk+"attn_norm", c.dim, c),
			qkv:      r.matrix(c.dim, part{blk + "attn_qkv", c.dim + 2*c.kvHeads*c.headDim}),
			o:        r.matrix(c.dim, part{blk + "attn_output", c.dim}),
			ffnNorm:  r.norm(blk+"ffn_norm", c.dim, c),
			ffn:      r.denseOrMixture(i, blk, c),
		}
		r.headNorms(&l, blk, c)
		return l
	})
}
