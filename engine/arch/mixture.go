package arch

import (
	"soberano/engine/nn"
	"soberano/kernels"
)

// experts describes the mixtures of a model. count is 0 if there are none.
type experts struct {
	count, ff int
	routing   kernels.Routing
}

// experts reads how many experts there are, each of width ff, and how many a token goes
// through. Keys that change the routing in a way that the caller does not read are refused.
func (r *reader) experts(ff int) experts {
	n := r.int("expert_count", 0, 0, kernels.MaxExperts)
	if n == 0 {
		return experts{}
	}
	for key, none := range map[string]int{"expert_shared_count": 0, "expert_group_count": 1} {
		if v := r.int(key, none, 0, maxWidth); v > none {
			r.unsupported("key %q is %d", r.family+"."+key, v)
		}
	}
	if s := r.float("expert_weights_scale", 1, 0, 1e6); s != 0 && s != 1 {
		r.unsupported("key %q is %v", r.family+".expert_weights_scale", s)
	}
	if !r.bool("expert_weights_norm", true) {
		r.unsupported("key %q is false", r.family+".expert_weights_norm")
	}
	return experts{count: n, ff: ff, routing: kernels.Routing{Used: r.int("expert_used_count", required, 1, n), Normalize: true, Scale: 1}}
}

// gating reports whether probabilities are made from the router's logits by a sigmoid of
// each; otherwise, and by default, they are made by softmax.
func (r *reader) gating() (sigmoid bool) {
	const softmax, sigmoids = 1, 2 // llama.cpp's llama_expert_gating_func_type; 0 is the default
	switch kind := r.int("expert_gating_func", softmax, 0, maxWidth); kind {
	case 0, softmax:
	case sigmoids:
		sigmoid = true
	default:
		r.unsupported("key %q is %d, this program knows 1 (softmax) and 2 (sigmoid)", r.family+".expert_gating_func", kind)
	}
	return sigmoid
}

// feedForward is the feed-forward network of a layer, or a mixture of several.
//
//	h ─ f(gate)·up ─ down ─▶      or      h ─ mixture ─▶
type feedForward struct {
	gateUp     kernels.Matrix // [2·ff × dim]; nil: a mixture
	down       kernels.Matrix // [dim × ff]
	mixture    *nn.Mixture    // nil: gateUp and down are used
	activation kernels.Activation
}

func (r *reader) feedForward(blk string, dim, ff int) feedForward {
	return feedForward{
		gateUp: r.matrix(dim, part{blk + "ffn_gate", ff}, part{blk + "ffn_up", ff}),
		down:   r.matrix(ff, part{blk + "ffn_down", dim}),
	}
}

// biasedFeedForward is like feedForward, with the biases that the file has.
func (r *reader) biasedFeedForward(blk string, dim, ff int) feedForward {
	return feedForward{
		gateUp: r.biased(dim, part{blk + "ffn_gate", ff}, part{blk + "ffn_up", ff}),
		down:   r.biased(ff, part{blk + "ffn_down", dim}),
	}
}

func (r *reader) mixture(blk string, dim int, e experts) feedForward {
	return feedForward{mixture: &nn.Mixture{
		Router:  r.matrix(dim, part{blk + "ffn_gate_inp", e.count}),
		GateUp:  r.gateUpExperts(blk, dim, e),
		Down:    r.expertMatrix(e.count, e.ff, part{blk + "ffn_down_exps", dim}),
		Routing: e.routing,
	}}
}

// gateUpExperts loads gate and up of all experts, which are two tensors or, with the rows of gate first, one.
func (r *reader) gateUpExperts(blk string, dim int, e experts) kernels.Matrix {
	name := blk + "ffn_gate_up_exps"
	if _, ok := r.f.Tensor(name + ".weight"); !ok {
		return r.expertMatrix(e.count, dim, part{blk + "ffn_gate_exps", e.ff}, part{blk + "ffn_up_exps", e.ff})
	}
	t, ok := r.tensor(name+".weight", e.count, 2*e.ff, dim)
	if !ok {
		return nil
	}
	size := e.ff * t.Type.RowBytes(dim)
	gate := kernels.Weights{Type: t.Type, Rows: e.ff, Cols: dim, Data: t.Data, Experts: e.count, ExpertBytes: 2 * size}
	up := gate
	up.Data = t.Data[size:]
	return r.loadMatrix(name, []kernels.Weights{gate, up})
}

// expertMatrix loads parts, each [experts × rows × cols]. The parts of each expert are stacked by rows.
func (r *reader) expertMatrix(experts, cols int, parts ...part) kernels.Matrix {
	return r.loadMatrix(parts[0].name, r.expertWeights(experts, cols, parts))
}

// expertWeights returns parts as they are in the file, nil after an error.
func (r *reader) expertWeights(experts, cols int, parts []part) (w []kernels.Weights) {
	for _, p := range parts {
		t, ok := r.tensor(p.name+".weight", experts, p.rows, cols)
		if !ok {
			return nil
		}
		w = append(w, kernels.Weights{Type: t.Type, Rows: p.rows, Cols: cols, Data: t.Data, Experts: experts})
	}
	return w
}

// tensors is the scratch memory of the feed-forward networks in a step.
type tensors struct {
	hidden  kernels.Tensor // [n × ff], of layers without a mixture
	mixture nn.MixtureTensors
}

// feedForwardTensors allocates the scratch memory of c's feed-forward networks for n rows.
func (c config) feedForwardTensors(d kernels.Step, n int) (t tensors) {
	if c.dense > 0 {
		t.hidden = d.New(n, c.ff)
	}
	if c.dense < c.layers {
		t.mixture = nn.NewMixtureTensors(d, n, c.dim, c.experts.ff, c.experts.count, c.experts.routing.Used)
	}
	return t
}

// feedForwardScratch returns the number of values that feedForwardTensors needs for a row.
func (c config) feedForwardScratch() (n int) {
	if c.dense > 0 {
		n += c.ff
	}
	if c.dense < c.layers {
		n += nn.MixtureScratch(c.dim, c.experts.ff, c.experts.count, c.experts.routing.Used)
	}
	return n
}

// add adds the network's output for h, [n × dim], to x, [n × dim].
func (f *feedForward) add(d kernels.Step, x, h kernels.Tensor, t *tensors) {
	if f.mixture != nil {
		f.mixture.Add(d, x, h, t.mixture, f.activation)
		return
	}
	d.MatMulGated(t.hidden, h, f.gateUp, f.activation)
	d.MatMulAdd(x, t.hidden, f.down)
}

// write writes the network's output for h to y, both [n × dim]. y may be h. The network is no mixture.
func (f *feedForward) write(d kernels.Step, y, h kernels.Tensor, t *tensors) {
	d.MatMulGated(t.hidden, h, f.gateUp, f.activation)
	d.MatMul(y, t.hidden, f.down)
}

// noExperts refuses a mixture, for families that have none.
func (r *reader) noExperts() {
	if n := r.int("expert_count", 0, 0, maxWidth); n > 0 {
		r.unsupported("a mixture of %d experts", n)
	}
}
