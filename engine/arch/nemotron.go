package arch

import (
	"math"

	"soberano/kernels"
)

// These families are the network of llama with feed-forward networks without a gate. A part of each head may be rotated.
//
// nemotron (Nemotron-4 and Minitron, arXiv:2402.16819) has LayerNorm, and max(x, 0)² as the activation; rotated pairs are (i, i+rotated/2). arcee
// (AFM-4.5B) has the same activation; rotated pairs are (2i, 2i+1). apertus (arXiv:2509.14233) has xIELU, with parameters for each
// layer, and a norm of each head of q and k; rotated pairs are (i, i+headDim/2).

// reluSquaredKeys are the keys that families with max(x, 0)² in their feed-forward layers do not read.
var reluSquaredKeys = map[string]neutral{"hidden_activation": value("relu2", "relu_squared")}

// xieluKeys are the keys that families with xIELU in their feed-forward layers do not read.
var xieluKeys = map[string]neutral{"hidden_activation": value("xielu")}

func openNemotron(r *reader) (Model, error) {
	c := r.configWith(layerNorm)
	r.square(c)
	at := r.attention(c, r.rotary(r.rotaryDims(c), c.context))
	return r.decoder(&decoder{c: c, output: r.ownOutput(c, absent)}, func(_ int, blk string) layer {
		l := r.layer(blk, c, at)
		l.o = r.linear(optional, c.dim, part{blk + "attn_output", c.dim})
		l.ffn = r.ungated(optional, blk, c.dim, c.ff, kernels.ReLUSquared)
		return l
	})
}

func openArcee(r *reader) (Model, error) {
	c := r.config()
	rotary := r.wholeRotary(c)
	rotary.Divide = r.divide("rope_freqs.weight", rotary.Dims)
	at := r.attention(c, rotary).interleaved()
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer {
		l := r.layer(blk, c, at)
		l.o = r.matrix(at.Heads*at.HeadDim, part{blk + "attn_output", c.dim})
		l.ffn = r.ungated(absent, blk, c.dim, c.ff, kernels.ReLUSquared)
		return l
	})
}

func openApertus(r *reader) (Model, error) {
	c := r.config()
	rotary := r.wholeRotary(c)
	rotary.Divide = r.divisors(rotary, c.context)
	at := r.attention(c, rotary)
	bend := r.xielu(c.layers)
	return r.decoder(&decoder{c: c, output: r.ownOutput(c, absent)}, func(i int, blk string) layer {
		l := r.layer(blk, c, at)
		l.o = r.linear(optional, at.Heads*at.HeadDim, part{blk + "attn_output", c.dim})
		r.headNorms(&l, blk, c)
		l.ffn = r.ungated(absent, blk, c.dim, c.ff, kernels.SiLU)
		l.ffn.xielu = &bend[i]
		return l
	})
}

// xielu reads the parameters of xIELU of n layers. The files store those of x² before a softplus, which keeps them positive.
func (r *reader) xielu(n int) []kernels.XIELU {
	var all [4][]float64
	for i, name := range []string{"xielu.alpha_p", "xielu.alpha_n", "xielu.beta", "xielu.eps"} {
		all[i] = r.eachFloat(name, n)
	}
	softplus := func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
	out := make([]kernels.XIELU, n)
	for i := range out {
		if r.err == nil {
			out[i] = kernels.XIELU{
				AlphaP: float32(softplus(all[0][i])), AlphaN: float32(all[2][i] + softplus(all[1][i])), Beta: float32(all[2][i]), Eps: float32(all[3][i]),
			}
		}
	}
	return out
}
