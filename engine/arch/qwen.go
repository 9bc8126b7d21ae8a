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

func (r *reader) qwen(read func(blk string, c config, at *attention) layer) (Model, error) {
	c := r.config()
	r.noExperts()
	at := r.attention(c, r.wholeRotary(c))
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer { return read(blk, c, at) })
}

func (r *reader) qwen2Layer(blk string, c config, at *attention) layer {
	for _, p := range r.qkvParts(blk, c.heads*c.headDim, c.kvHeads*c.headDim) {
		r.tensor(p.name+".bias", p.rows) // must be there; qkv loads it
	}
	return r.plainLayer(blk, c, at)
}

func (r *reader) qwen3Layer(blk string, c config, at *attention) layer {
	l := r.plainLayer(blk, c, at)
	l.qNorm = r.norm(blk+"attn_q_norm", c.headDim, c)
	l.kNorm = r.norm(blk+"attn_k_norm", c.headDim, c)
	return l
}
