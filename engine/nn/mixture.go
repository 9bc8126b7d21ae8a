package nn

import "soberano/kernels"

// Mixture is a mixture of experts: a layer with several feed-forward networks, the experts, of which
// each token uses a few (arXiv:2101.03961, arXiv:2401.04088).
//
//	h ─┬ router ─ probabilities ─ the best ─┬──────────────────────────────────┐
//	   └────────────────────────────────────┴ f(gate)·up ─ down, of each expert ┴ weighted sum ─▶ + x
type Mixture struct {
	Router kernels.Matrix // [experts × dim]
	GateUp kernels.Matrix // for each expert [2·ff × dim]; nil: Up is used
	Up     kernels.Matrix // for each expert [ff × dim], of a mixture without gates
	Down   kernels.Matrix // for each expert [dim × ff]
	Routing
}

// Routing is kernels.Routing: how the router's logits determine the choice.
type Routing = kernels.Routing

// MixtureTensors is the scratch memory of mixtures of one shape; all layers of a step use
// the same.
type MixtureTensors struct {
	logits kernels.Tensor // [n × experts]
	rows   kernels.Tensor // [n·used × dim]: input of the experts, later their output
	hidden kernels.Tensor // [n·used × ff]
}

// MixtureScratch returns the number of float32 values in MixtureTensors for a row.
func MixtureScratch(dim, ff, experts, used int) int { return 2*experts + used*(dim+ff) }

// NewMixtureTensors creates the tensors for n rows.
func NewMixtureTensors(d kernels.Step, n, dim, ff, experts, used int) MixtureTensors {
	return MixtureTensors{logits: d.New(n, experts), rows: d.New(n*used, dim), hidden: d.New(n*used, ff)}
}

// Add adds the mixture's output for h, [n × dim], to x, [n × dim].
func (m *Mixture) Add(d kernels.Step, x, h kernels.Tensor, t MixtureTensors, f kernels.Activation) {
	m.AddChosen(d, x, h, m.Choose(d, h, t), t, f)
}

// Write writes the mixture's output for h to y, which may be h; the router's input is routed. All are [n × dim].
func (m *Mixture) Write(d kernels.Step, y, h, routed kernels.Tensor, t MixtureTensors, f kernels.Activation) {
	c := m.Choose(d, routed, t)
	m.experts(d, h, c, t, f)
	d.Scale(y, h, 0)
	d.Combine(y, t.rows, c)
}

// Choose chooses experts for the rows of h, [n × dim].
func (m *Mixture) Choose(d kernels.Step, h kernels.Tensor, t MixtureTensors) kernels.Choice {
	d.MatMul(t.logits, h, m.Router)
	return d.Route(t.logits, &m.Routing)
}

// AddChosen is Add with experts that were chosen before.
func (m *Mixture) AddChosen(d kernels.Step, x, h kernels.Tensor, c kernels.Choice, t MixtureTensors, f kernels.Activation) {
	m.experts(d, h, c, t, f)
	d.Combine(x, t.rows, c)
}

// experts leaves the output of the chosen experts for h in t.rows.
func (m *Mixture) experts(d kernels.Step, h kernels.Tensor, c kernels.Choice, t MixtureTensors, f kernels.Activation) {
	d.Gather(t.rows, h, c)
	if m.GateUp != nil {
		d.MatMulGatedExperts(t.hidden, t.rows, m.GateUp, c, f)
	} else {
		d.MatMulExperts(t.hidden, t.rows, m.Up, c)
		d.Activate(t.hidden, t.hidden, kernels.Tensor{}, f)
	}
	d.MatMulExperts(t.rows, t.hidden, m.Down, c)
}
