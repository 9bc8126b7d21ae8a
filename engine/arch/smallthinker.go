package arch

import "soberano/kernels"

// The SmallThinker family (arXiv:2507.20984) is the network of llama with a mixture of experts in each layer. Its router sees the input of the layer, so that the
// experts are known while attention is computed:
//
//	x ─┬ router ─ choice ────────────────────────────────────────────────────┐
//	   ├──────────────────────────────────────────┬─▶ ⊕ ─┬──────────────────────────────────────┬─▶ ⊕
//	   └ norm ─ q,k,v ─ RoPE ─ attention ─ o ─────┘      └ norm ─ ReLU(gate)·up ─ down, of each ┘
//
// In models with a window, three of four layers attend only to the last 4,096 positions, as in llama.cpp whatever the file says, and the others do not rotate. Rotated pairs are
// (i, i+headDim/2).

// reluKeys are the keys that families with ReLU in their feed-forward layers do not read.
var reluKeys = map[string]neutral{"hidden_activation": value("relu")}

func openSmallThinker(r *reader) (Model, error) {
	c := r.config()
	c.experts, c.dense = r.plainExperts(r.expertCount(), r.uniform("expert_feed_forward_length", c.ff, 1, maxWidth), true), 0
	c.experts.routing.Sigmoid = r.gating()
	local, window := r.localLayers(c)
	rotary := r.wholeRotary(c)
	all, windowed := r.attention(c, rotary), r.attention(c, r.windowRotary(rotary, window)).windowed(window)
	return r.decoder(&decoder{c: c}, func(i int, blk string) layer {
		l := r.layer(blk, c, choose(local[i], windowed, all))
		if window > 0 && i%4 == 0 {
			l.at = l.at.unrotated()
		}
		l.o = r.matrix(l.at.Heads*l.at.HeadDim, part{blk + "attn_output", c.dim})
		l.ffn = r.mixture(blk, c.dim, c.experts)
		l.ffn.activation, l.routeFirst = kernels.ReLU, true
		return l
	})
}
