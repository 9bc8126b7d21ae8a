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
