package arch

// The qwen2 family (Qwen 1.5, 2 and 2.5, arXiv:2407.10671) and the dense models of the qwen3 family (arXiv:2505.09388)
// are the network of llama with these differences:
//
//   - qwen2 adds biases to q, k and v;
//   - qwen3 normalises each head of q and of k before it rotates them: q,k,v ─ norm(q),norm(k) ─ RoPE(q,k);
//   - rotated pairs are (i, i+headDim/2), as in the files of Hugging Face, and the rotary frequencies have no divisors.
//
// As in llama.cpp, no other projection has a bias.

func openQwen2(r *reader) (Model, error) { return r.qwen(r.qwen2Layer) }

func openQwen3(r *reader) (Model, error) { return r.qwen(r.qwen3Layer) }

func (r *reader) qwen(layer func(blk string, c config) llamaLayer) (Model, error) {
	c := r.config()
	r.noExperts()
	return r.llama(c, r.wholeRotary(c), false, layer)
}

func (r *reader) qwen2Layer(blk string, c config) llamaLayer {
	for _, p := range r.qkvParts(blk, c.heads*c.headDim, c.kvHeads*c.headDim) {
		r.tensor(p.name+".bias", p.rows) // must be there; qkv loads it
	}
	return r.qwenLayer(blk, c)
}

func (r *reader) qwen3Layer(blk string, c config) llamaLayer {
	l := r.qwenLayer(blk, c)
	l.qNorm = r.vector(blk+"attn_q_norm.weight", c.headDim)
	l.kNorm = r.vector(blk+"attn_k_norm.weight", c.headDim)
	return l
}

func (r *reader) qwenLayer(blk string, c config) llamaLayer {
	q, kv := c.heads*c.headDim, c.kvHeads*c.headDim
	return llamaLayer{
		attnNorm: r.vector(blk+"attn_norm.weight", c.dim),
		qkv:      r.qkv(blk, c.dim, q, kv),
		o:        r.matrix(q, part{blk + "attn_output", c.dim}),
		ffnNorm:  r.vector(blk+"ffn_norm.weight", c.dim),
		ffn:      r.feedForward(blk, c.dim, c.ff),
	}
}
