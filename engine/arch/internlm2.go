package arch

// The InternLM2 family (arXiv:2403.17297) is the network of llama with an output matrix of its own.

func openInternLM2(r *reader) (Model, error) {
	c := r.config()
	at := r.attention(c, r.wholeRotary(c)).interleaved()
	m := &decoder{c: c, output: r.ownOutput(c, absent)}
	return r.decoder(m, func(_ int, blk string) layer { return r.plainLayer(blk, c, at) })
}
