package arch

import (
	"soberano/engine/nn"
)

// The llama family (arXiv:2302.13971) and its successors, Llama 2 and 3, Mistral, SmolLM and others, are decoders of this
// form. The feed-forward networks may be mixtures of experts (Mixtral, arXiv:2401.04088).
//
//	x ─┬──────────────────────────────────────────┬─▶ ⊕ ─┬────────────────────────────┬─▶ ⊕
//	   └ norm ─ q,k,v ─ RoPE(q,k) ─ attention ─ o ┘      └ norm ─ SiLU(gate)·up ─ down ┘
//
// Several query heads share a key/value head (arXiv:2305.13245). Each projection may have a bias. GGUF files of the llama family store the rows of
// q and k in an order in which the two values of a rotated pair are neighbours. Keys and tensor names: the
// GGUF specification, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

// openNanbeige opens nanbeige (Nanbeige 4.2, https://huggingface.co/Nanbeige/Nanbeige4.2-3B), the network of llama whose layers are run several times,
// one pass after the other, each with keys and values of its own. Between two passes the rows may be normalised by the last norm.
func openNanbeige(r *reader) (Model, error) {
	c := r.config()
	rotary := r.wholeRotary(c)
	rotary.Divide = r.divide("rope_freqs.weight", rotary.Dims)
	at := r.attention(c, rotary).interleaved()
	m := &decoder{c: c, passes: r.int("num_loops", 1, 1, maxLayers/max(c.layers, 1)), normPasses: !r.bool("skip_loop_final_norm", false)}
	return r.decoder(m, func(_ int, blk string) layer { return r.plainLayer(blk, c, at) })
}

// openPangu opens pangu-embedded (openPangu, arXiv:2505.22375), the network of llama with rotated pairs (i, i+headDim/2) and biases of attention.
func openPangu(r *reader) (Model, error) {
	c := r.config()
	at := r.attention(c, r.wholeRotary(c))
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer {
		l := r.layer(blk, c, at)
		l.o = r.linear(present, at.Heads*at.HeadDim, part{blk + "attn_output", c.dim})
		l.ffn = r.feedForward(blk, c.dim, c.ff)
		return l
	})
}

func openLlama(r *reader) (Model, error) {
	c := r.config()
	if c.experts = r.experts(c.ff); c.experts.count > 0 {
		c.dense = 0
		if r.gating() {
			r.unsupported("sigmoid routing in the llama family")
		}
	}
	rotary := r.wholeRotary(c)
	rotary.Divide = r.divisors(rotary, c.context)
	at := r.attention(c, rotary).interleaved()
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer { return r.llamaLayer(blk, c, at) })
}

// wholeRotary reads the rotary embedding of a family that rotates all dimensions of a head. llama.cpp refuses
// files with another number too: which way the rows of q and k lie in them is not settled.
func (r *reader) wholeRotary(c config) nn.Rotary {
	dims := r.rotaryDims(c)
	if dims != c.headDim {
		r.unsupported("key %q is %d for heads of %d values", r.family+".rope.dimension_count", dims, c.headDim)
	}
	return r.rotary(dims, c.context)
}

func (r *reader) llamaLayer(blk string, c config, at *attention) layer {
	l := r.layer(blk, c, at)
	l.o = r.biased(at.Heads*at.HeadDim, part{blk + "attn_output", c.dim})
	if c.experts.count > 0 {
		l.ffn = r.mixture(blk, c.dim, c.experts)
	} else {
		l.ffn = r.biasedFeedForward(blk, c.dim, c.ff)
	}
	return l
}
