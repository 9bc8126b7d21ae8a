package arch

// The SmolLM3 family is the network of llama, of which every fourth layer does not rotate q and k (NoPE, arXiv:2305.19466).

func openSmolLM3(r *reader) (Model, error) {
	c := r.config()
	rotated := r.attention(c, r.wholeRotary(c)).interleaved()
	plain := rotated.unrotated()
	return r.decoder(&decoder{c: c}, func(i int, blk string) layer {
		if (i+1)%4 == 0 {
			return r.plainLayer(blk, c, plain)
		}
		return r.plainLayer(blk, c, rotated)
	})
}
