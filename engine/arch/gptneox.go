package arch

// The GPT-NeoX family (arXiv:2204.06745; Pythia, arXiv:2304.01373) is the network of GPT-2 with rotated q and k instead of an
// embedding of positions, and an output matrix of its own. In most models, layers are parallel:
//
//	x ─┬────────────────────────────────────────────┬─▶ ⊕
//	   ├ norm ─ q,k,v ─ RoPE ─ attention ─ o ───────┤
//	   └ norm ─ GELU(up) ─ down ────────────────────┘
//
// A part of each head is rotated, in pairs (i, i+rotated/2). As in llama.cpp, GELU is approximated.

func openGPTNeoX(r *reader) (Model, error) {
	c := r.configWith(layerNorm)
	r.square(c)
	parallel := r.bool("use_parallel_residual", true)
	at := r.attention(c, r.rotary(r.rotaryDims(c), c.context))
	return r.decoder(&decoder{c: c, output: r.ownOutput(c, absent)}, func(_ int, blk string) layer {
		l := r.gpt2Layer(blk, c, at)
		l.parallel = parallel
		return l
	})
}
