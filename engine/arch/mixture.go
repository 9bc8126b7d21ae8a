package arch

import (
	"cmp"
	"fmt"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/models"
)

// experts describes the mixtures of a model. count is 0 if there are none.
type experts struct {
	count, ff int
	shared    int      // width of the expert that all tokens go through; 0: there is none
	gated     bool     // the shared expert has a gate
	ungated   bool     // the networks of the experts have no gate
	latent    int      // width of the rows that the experts see, between two projections; 0: they see rows of the model
	bias      presence // of the values that are added to the probabilities for the choice
	routing   kernels.Routing
}

// presence says whether files of a family have a tensor.
type presence int

const (
	absent presence = iota
	optional
	present
)

// experts reads how many experts there are, each of width ff, and how many a token goes
// through, whose weights are divided by their sum. Keys that change the routing in a way that the caller does not read are refused.
func (r *reader) experts(ff int) experts { return r.expertsOf(ff, true) }

// expertsOf is experts with weights that are divided by their sum or, if normalize is false, are not.
func (r *reader) expertsOf(ff int, normalize bool) experts {
	n := r.int("expert_count", 0, 0, kernels.MaxExperts)
	if n == 0 {
		return experts{}
	}
	for key, none := range map[string]int{"expert_shared_count": 0, "expert_group_count": 1} {
		if v := r.int(key, none, 0, maxWidth); v > none {
			r.unsupported("key %q is %d", r.family+"."+key, v)
		}
	}
	return r.plainExperts(n, ff, normalize)
}

// plainExperts is expertsOf for n experts, beside which there may be shared ones.
func (r *reader) plainExperts(n, ff int, normalize bool) experts {
	if s := r.float("expert_weights_scale", 1, 0, 1e6); s != 0 && s != 1 {
		r.unsupported("key %q is %v", r.family+".expert_weights_scale", s)
	}
	if norm := r.bool("expert_weights_norm", normalize); norm != normalize {
		r.unsupported("key %q is %v", r.family+".expert_weights_norm", norm)
	}
	return experts{count: n, ff: ff, routing: kernels.Routing{Used: r.int("expert_used_count", required, 1, max(n, 1)), Normalize: normalize, Scale: 1}}
}

// expertCount reads the number of experts of a family that always has some.
func (r *reader) expertCount() int { return r.int("expert_count", required, 1, kernels.MaxExperts) }

// expertWidth reads the width of the experts.
func (r *reader) expertWidth() int {
	return r.uniform("expert_feed_forward_length", required, 1, maxWidth)
}

// routedExperts reads the experts of a family whose files say how they are chosen, each of width ff. sigmoid is the default of gating.
func (r *reader) routedExperts(ff int, sigmoid bool) experts {
	n := r.expertCount()
	e := experts{count: n, ff: ff, routing: kernels.Routing{
		Used: r.int("expert_used_count", required, 1, max(n, 1)), Sigmoid: r.gatingOr(sigmoid),
		Normalize: r.bool("expert_weights_norm", false), Scale: float32(r.float("expert_weights_scale", 1, 0, 1e6)),
	}}
	if e.routing.Scale == 0 {
		e.routing.Scale = 1
	}
	r.expertGroups(&e)
	return e
}

// expertGroups reads from how many groups of experts those of a token are chosen.
func (r *reader) expertGroups(e *experts) {
	groups := r.int("expert_group_count", 0, 0, max(e.count, 1))
	if groups <= 1 || r.err != nil {
		return
	}
	used := r.int("expert_group_used_count", required, 1, groups)
	if size := e.count / groups; r.err == nil && (e.count%groups != 0 || size < 2 || used*size < e.routing.Used) {
		r.fail(fmt.Errorf("%d of %d experts can't be chosen from %d of %d groups: %w", e.routing.Used, e.count, used, groups, models.ErrCorrupt))
		return
	}
	e.routing.Groups, e.routing.UsedGroups = groups, used
}

// gating reports whether probabilities are made from the router's logits by a sigmoid of
// each; otherwise, and by default, they are made by softmax.
func (r *reader) gating() (sigmoid bool) { return r.gatingOr(false) }

// gatingOr is gating with another default.
func (r *reader) gatingOr(byDefault bool) (sigmoid bool) {
	const softmax, sigmoids = 1, 2 // llama.cpp's llama_expert_gating_func_type; 0 is the default
	switch kind := r.int("expert_gating_func", 0, 0, maxWidth); kind {
	case 0:
		sigmoid = byDefault
	case softmax:
	case sigmoids:
		sigmoid = true
	default:
		r.unsupported("key %q is %d, this program knows 1 (softmax) and 2 (sigmoid)", r.family+".expert_gating_func", kind)
	}
	return sigmoid
}

// feedForward is the feed-forward network of a layer, or a mixture of several, beside which there may be a shared expert.
//
//	h ─ f(gate)·up ─ down ─▶      or      h ─ f(up) ─ down ─▶      or      h ─┬ mixture ──────────┬─▶ ⊕ ─▶
//	                                                                          └ f(gate)·up ─ down ┘
//
// The mixture may be between two projections, into rows that are narrower and out of them. The router sees h all the same.
type feedForward struct {
	gateUp     kernels.Matrix // [2·ff × dim]; nil: a mixture, or up is used
	up         kernels.Matrix // [ff × dim]
	down       kernels.Matrix // [dim × ff]
	mixture    *nn.Mixture    // nil: the matrices above are used
	shared     *sharedExpert  // beside the mixture; nil: there is none
	intoLatent kernels.Matrix // [latent × dim], before the mixture; nil: none
	outOf      kernels.Matrix // [dim × latent], behind the mixture, where intoLatent is before it
	activation kernels.Activation
	xielu      *kernels.XIELU // instead of activation, without a gate; nil: none
}

// sharedExpert is a feed-forward network that all rows go through beside a mixture. It may have a gate, by the sigmoid of which,
// one value for each row, its output is multiplied.
type sharedExpert struct {
	gateUp kernels.Matrix // [2·shared × dim]; nil: up is used
	up     kernels.Matrix // [shared × dim], of a network without a gate
	down   kernels.Matrix // [dim × shared]
	gate   kernels.Matrix // [1 × dim]; nil: none
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

// fusedFeedForward loads a gated network whose gate and up are one tensor, ffn_up, gate first.
func (r *reader) fusedFeedForward(blk string, dim, ff int) feedForward {
	return feedForward{
		gateUp: r.loadMatrix(blk+"ffn_up", r.halves(dim, part{blk + "ffn_up", 2 * ff})),
		down:   r.matrix(ff, part{blk + "ffn_down", dim}),
	}
}

// ungated loads a network without a gate, with biases or without.
func (r *reader) ungated(bias presence, blk string, dim, ff int, f kernels.Activation) feedForward {
	return feedForward{up: r.linear(bias, dim, part{blk + "ffn_up", ff}), down: r.linear(bias, ff, part{blk + "ffn_down", dim}), activation: f}
}

// mixture loads a mixture of experts, and the shared expert if there is one.
func (r *reader) mixture(blk string, dim int, e experts) feedForward {
	in := cmp.Or(e.latent, dim)
	f := feedForward{mixture: &nn.Mixture{
		Router:  r.matrix(dim, part{blk + "ffn_gate_inp", e.count}),
		Down:    r.expertMatrix(e.count, e.ff, part{blk + "ffn_down_exps", in}),
		Routing: e.routing,
	}}
	if e.ungated {
		f.mixture.Up = r.expertMatrix(e.count, in, part{blk + "ffn_up_exps", e.ff})
	} else {
		f.mixture.GateUp = r.gateUpExperts(blk, in, e)
	}
	if e.latent > 0 {
		f.intoLatent, f.outOf = r.matrix(dim, part{blk + "ffn_latent_down", e.latent}), r.matrix(e.latent, part{blk + "ffn_latent_up", dim})
	}
	const bias = "exp_probs_b.bias"
	if _, ok := r.f.Tensor(blk + bias); e.bias == present || e.bias == optional && ok {
		f.mixture.Bias = r.vector(blk+bias, e.count)
	}
	if e.shared > 0 {
		f.shared = r.sharedExpert(blk, dim, e)
	}
	return f
}

// sharedExpert loads the expert that all tokens go through.
func (r *reader) sharedExpert(blk string, dim int, e experts) *sharedExpert {
	x := &sharedExpert{down: r.matrix(e.shared, part{blk + "ffn_down_shexp", dim})}
	if e.ungated {
		x.up = r.matrix(dim, part{blk + "ffn_up_shexp", e.shared})
	} else {
		x.gateUp = r.matrix(dim, part{blk + "ffn_gate_shexp", e.shared}, part{blk + "ffn_up_shexp", e.shared})
	}
	if name := blk + "ffn_gate_inp_shexp"; e.gated {
		if t, ok := r.tensor(name+".weight", dim); ok {
			x.gate = r.loadMatrix(name, []kernels.Weights{{Name: t.Name, Type: t.Type, Rows: 1, Cols: dim, Data: t.Data}})
		}
	}
	return x
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
	gate := kernels.Weights{Name: t.Name, Type: t.Type, Rows: e.ff, Cols: dim, Data: t.Data, Experts: e.count, ExpertBytes: 2 * size}
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
		part := kernels.Weights{Name: t.Name, Type: t.Type, Rows: p.rows, Cols: cols, Data: t.Data, Experts: experts}
		if t.Part != nil { // on a device that keeps no weights, one expert stands for all
			part.Data, part.Experts = t.Part(0), 1
		}
		w = append(w, part)
	}
	return w
}

// tensors is the scratch memory of the feed-forward networks in a step.
type tensors struct {
	hidden  kernels.Tensor // [n × ff], of layers without a mixture
	shared  kernels.Tensor // [n × shared]
	gate    kernels.Tensor // [n × 1], of shared experts
	latent  kernels.Tensor // [n × latent]
	mixture nn.MixtureTensors
}

// feedForwardTensors allocates the scratch memory of c's feed-forward networks for n rows.
func (c config) feedForwardTensors(d kernels.Step, n int) (t tensors) {
	if c.dense > 0 {
		t.hidden = d.New(n, c.ff)
	}
	if c.dense < c.layers {
		t.mixture = nn.NewMixtureTensors(d, n, cmp.Or(c.experts.latent, c.dim), c.experts.ff, c.experts.count, c.experts.routing.Used)
		if c.experts.latent > 0 {
			t.latent = d.New(n, c.experts.latent)
		}
		if c.experts.shared > 0 {
			t.shared, t.gate = d.New(n, c.experts.shared), d.New(n, 1)
		}
	}
	return t
}

// feedForwardScratch returns the number of values that feedForwardTensors needs for a row.
func (c config) feedForwardScratch() (n int) {
	if c.dense > 0 {
		n += c.ff
	}
	if c.dense < c.layers {
		e := c.experts
		n += nn.MixtureScratch(cmp.Or(e.latent, c.dim), e.ff, e.count, e.routing.Used) + e.shared + 1 + e.latent
	}
	return n
}

// add adds the network's output for h, [n × dim], to x, [n × dim].
func (f *feedForward) add(d kernels.Step, x, h kernels.Tensor, t *tensors) {
	if f.mixture == nil {
		d.MatMulAdd(x, f.hidden(d, h, t), f.down)
		return
	}
	if f.intoLatent == nil {
		f.mixture.Add(d, x, h, t.mixture, f.activation)
	} else {
		d.MatMul(t.latent, h, f.intoLatent)
		f.mixture.Write(d, t.latent, t.latent, h, t.mixture, f.activation)
		d.MatMulAdd(x, t.latent, f.outOf)
	}
	if f.shared != nil {
		f.shared.add(d, x, h, t, f.activation)
	}
}

// none reports whether there is no network.
func (f *feedForward) none() bool { return f.down == nil && f.mixture == nil }

// write writes the network's output for h to y, both [n × dim]. y shares no value with h.
func (f *feedForward) write(d kernels.Step, y, h kernels.Tensor, t *tensors) {
	if f.mixture == nil {
		d.MatMul(y, f.hidden(d, h, t), f.down)
		return
	}
	d.Scale(y, h, 0) // add adds to zeros
	f.add(d, y, h, t)
}

// hidden returns f(gate)·up or f(up) of h, [n × ff].
func (f *feedForward) hidden(d kernels.Step, h kernels.Tensor, t *tensors) kernels.Tensor {
	hidden := t.hidden.Slice(0, f.down.Cols())
	if f.gateUp != nil {
		d.MatMulGated(hidden, h, f.gateUp, f.activation)
		return hidden
	}
	d.MatMul(hidden, h, f.up)
	if f.xielu != nil {
		d.XIELU(hidden, hidden, *f.xielu)
	} else {
		d.Activate(hidden, hidden, kernels.Tensor{}, f.activation)
	}
	return hidden
}

// add adds the expert's output for h, [n × dim], to x, [n × dim].
func (e *sharedExpert) add(d kernels.Step, x, h kernels.Tensor, t *tensors, f kernels.Activation) {
	if e.gateUp != nil {
		d.MatMulGated(t.shared, h, e.gateUp, f)
	} else {
		d.MatMul(t.shared, h, e.up)
		d.Activate(t.shared, t.shared, kernels.Tensor{}, f)
	}
	if e.gate != nil {
		d.MatMul(t.gate, h, e.gate)
		d.Activate(t.gate, t.gate, kernels.Tensor{}, kernels.Sigmoid)
		d.Mul(t.shared, t.gate)
	}
	d.MatMulAdd(x, t.shared, e.down)
}

// noExperts refuses a mixture, for families that have none.
func (r *reader) noExperts() {
	if n := r.int("expert_count", 0, 0, maxWidth); n > 0 {
		r.unsupported("a mixture of %d experts", n)
	}
}
