package arch

import "soberano/kernels"

// The families of StarCoder are decoders with LayerNorm, biases, and GELU without a gate.
//
// starcoder (arXiv:2305.06161) is the network of GPT-2 with one key/value head. starcoder2 (arXiv:2402.19173) rotates q and
// k instead of adding positions to the embedding; rotated pairs are (i, i+headDim/2).

func openStarCoder(r *reader) (Model, error) { return r.gpt2() }

func openStarCoder2(r *reader) (Model, error) {
	c := r.configWith(layerNorm)
	r.square(c)
	at := r.attention(c, r.wholeRotary(c))
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer {
		l := r.layer(blk, c, at)
		l.o = r.linear(present, c.dim, part{blk + "attn_output", c.dim})
		l.ffn = r.ungated(present, blk, c.dim, c.ff, kernels.GELUTanh)
		return l
	})
}
