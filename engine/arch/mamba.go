package arch

import (
	"fmt"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/models"
)

// mamba is a selective state space in the place of attention: Mamba (arXiv:2312.00752), with a rate of decay for each state
//
//	h ─ in ─┬ x ─ convolution ─ SiLU ─┬──────────────────────── scan ─ ·z ─ out ─▶
//	        │                         └ δ,b,c ─ norms ─ δ·dt ────┘       │
//	        └ z ─ SiLU ──────────────────────────────────────────────────┘
//
// or Mamba 2 (arXiv:2405.21060), with a rate for each head
//
//	h ─ in ─┬ x,b,c ─ convolution ─ SiLU ─ scan ─ ·z ─ norm ─ out ─▶
//	        ├ δ ───────────────────────────┘       │
//	        └ z ─ SiLU ────────────────────────────┘
//
// It keeps two entries of a state: the states of the scan and the rows before the convolution.
type mamba struct {
	in, out        kernels.Matrix
	conv, convBias kernels.Vector // [taps × convolved], [convolved]; convBias may be nil
	// Only Mamba has these.
	proj, dt             kernels.Matrix // [rank+2·states × inner], [heads × rank]
	dtNorm, bNorm, cNorm nn.Norm
	// Only Mamba 2 has these.
	norm nn.Norm // [inner/groups], for each group
	scan kernels.Scan
	held int // number of the scan's entry in the state; the convolution's is the next one
}

// mambaConfig is the configuration of the state spaces of a model.
type mambaConfig struct {
	inner, states, heads, groups, taps int
	rank                               int  // of δ, for Mamba; 0: Mamba 2
	deltaLast                          bool // the projection of Mamba has b and c before δ
	eps                                float32
}

// second reports whether it is Mamba 2.
func (c *mambaConfig) second() bool { return c.rank == 0 }

// convolved returns the number of columns of the convolution.
func (c *mambaConfig) convolved() int {
	if c.second() {
		return c.inner + 2*c.groups*c.states
	}
	return c.inner
}

// in returns the number of columns of the input projection.
func (c *mambaConfig) in() int {
	if c.second() {
		return c.inner + c.convolved() + c.heads
	}
	return 2 * c.inner
}

// mambaConfig reads the keys of Mamba 2 or, if rank is not 0, of Mamba with δ of that many columns; it is that of
// ssm.time_step_rank if rank is negative.
func (r *reader) mambaConfig(rank int) mambaConfig {
	c := mambaConfig{
		inner:  r.int("ssm.inner_size", required, 1, maxWidth),
		states: r.int("ssm.state_size", required, 1, 1<<16),
		taps:   r.int("ssm.conv_kernel", required, 2, 64),
		heads:  r.int("ssm.time_step_rank", required, 1, maxWidth),
		groups: 1, rank: rank,
	}
	if rank < 0 { // a head for each column
		c.rank, c.heads = c.heads, c.inner
	}
	if rank == 0 {
		c.groups = r.int("ssm.group_count", required, 1, maxWidth)
	}
	if r.err == nil && (c.inner%c.heads != 0 || c.heads%c.groups != 0) {
		r.fail(fmt.Errorf("a state space of %d columns, %d heads and %d groups: they don't divide evenly: %w", c.inner, c.heads, c.groups, models.ErrCorrupt))
	}
	return c
}

// keeps returns the entries of the state, in the order of mamba.held.
func (c *mambaConfig) keeps() []kernels.Layer {
	scan := kernels.Scan{Heads: c.heads, Dim: c.inner / c.heads, States: c.states}
	return []kernels.Layer{scan.Layer(), {Kind: kernels.Recurrent, Rows: c.taps - 1, Cols: c.convolved()}}
}

// flat returns the n values of a tensor of any shape.
func (r *reader) flat(name string, n int) []float32 {
	t, ok := r.find(name)
	switch {
	case r.err != nil:
		return nil
	case !ok:
		r.fail(fmt.Errorf("tensor %q is missing: %w", name, models.ErrCorrupt))
		return nil
	case t.Len() != n:
		r.fail(fmt.Errorf("tensor %q has %d values, expected %d: %w", name, t.Len(), n, models.ErrCorrupt))
		return nil
	}
	return r.values(name, t.Shape...)
}

// optionalVector loads a tensor of n values; nil if the file does not have it.
func (r *reader) optionalVector(name string, n int) kernels.Vector {
	if _, ok := r.find(name); !ok {
		return nil
	}
	return r.vector(name, n)
}

// mamba2 reads a state space of Mamba 2. normed says that the output must have a norm.
func (r *reader) mamba2(blk string, dim int, c *mambaConfig, normed bool) *mamba {
	m := &mamba{
		in:       r.matrix(dim, part{blk + "ssm_in", c.in()}),
		conv:     r.taps(blk+"ssm_conv1d.weight", c.convolved(), c.taps),
		convBias: r.optionalVector(blk+"ssm_conv1d.bias", c.convolved()),
		out:      r.matrix(c.inner, part{blk + "ssm_out", dim}),
	}
	m.scan = r.scan(blk, c, c.heads, 1)
	m.scan.Bias = r.vector(blk+"ssm_dt.bias", c.heads)
	if _, ok := r.f.Tensor(blk + "ssm_norm.weight"); ok || normed {
		m.norm = r.rmsEach(blk+"ssm_norm", c.groups, c.inner/c.groups, c.eps)
	}
	return m
}

// mamba1 reads a state space of Mamba, without the norms of δ, b and c.
func (r *reader) mamba1(blk string, dim int, c *mambaConfig) *mamba {
	m := &mamba{
		in:       r.matrix(dim, part{blk + "ssm_in", c.in()}),
		conv:     r.taps(blk+"ssm_conv1d.weight", c.convolved(), c.taps),
		convBias: r.vector(blk+"ssm_conv1d.bias", c.convolved()),
		proj:     r.matrix(c.inner, part{blk + "ssm_x", c.rank + 2*c.states}),
		out:      r.matrix(c.inner, part{blk + "ssm_out", dim}),
	}
	m.dt = r.timeSteps(blk, c)
	m.scan = r.scan(blk, c, c.heads, c.states)
	return m
}

// timeSteps reads the projection of δ to the heads.
func (r *reader) timeSteps(blk string, c *mambaConfig) kernels.Matrix {
	w := r.weights(c.rank, []part{{blk + "ssm_dt", c.heads}})
	if bias := r.values(blk+"ssm_dt.bias", c.heads); r.err == nil {
		w[0].Bias = bias
	}
	return r.loadMatrix(blk+"ssm_dt", w)
}

// scan reads the rates of decay, [heads × states], and the share of the input that is added to the output.
func (r *reader) scan(blk string, c *mambaConfig, heads, states int) kernels.Scan {
	return kernels.Scan{
		Heads: heads, Dim: c.inner / heads, States: c.states, Groups: c.groups,
		A: r.load(blk+"ssm_a", r.flat(blk+"ssm_a", heads*states)), D: r.load(blk+"ssm_d", r.flat(blk+"ssm_d", heads)),
	}
}

// mambaTensors is the scratch memory of the state spaces in a step.
type mambaTensors struct {
	in   kernels.Tensor // [n × in]
	conv kernels.Tensor // [n × convolved]
	proj kernels.Tensor // [n × rank+2·states], of Mamba
	dt   kernels.Tensor // [n × heads], of Mamba
	y    kernels.Tensor // [n × inner]
}

// tensors allocates the scratch memory for n rows.
func (c *mambaConfig) tensors(d kernels.Step, n int) mambaTensors {
	if c.inner == 0 {
		return mambaTensors{}
	}
	t := mambaTensors{in: d.New(n, c.in()), conv: d.New(n, c.convolved()), y: d.New(n, c.inner)}
	if !c.second() {
		t.proj, t.dt = d.New(n, c.rank+2*c.states), d.New(n, c.heads)
	}
	return t
}

// scratch returns the number of values that tensors needs for a row.
func (c *mambaConfig) scratch() int {
	n := c.in() + c.convolved() + c.inner
	if !c.second() {
		n += c.rank + 2*c.states + c.heads
	}
	return n
}

// of computes the state space of h, [n × dim], without the output projection, and returns it, [n × inner].
func (m *mamba) of(d kernels.Step, h kernels.Tensor, c *mambaConfig, t *mambaTensors) kernels.Tensor {
	d.MatMul(t.in, h, m.in)
	z, x := t.in.Slice(0, c.inner), t.in.Slice(c.inner, c.convolved())
	if !c.second() {
		z, x = x, z
	}
	d.ShortConv(t.conv, x, m.conv, m.held+1)
	if m.convBias != nil {
		d.Add(t.conv, d.Const(m.convBias, 1, c.convolved()))
	}
	d.Activate(t.conv, t.conv, kernels.Tensor{}, kernels.SiLU)
	if c.second() {
		bc := c.groups * c.states
		dt := t.in.Slice(t.in.Cols-c.heads, c.heads)
		d.Scan(t.y, t.conv.Slice(0, c.inner), dt, t.conv.Slice(c.inner, bc), t.conv.Slice(c.inner+bc, bc), m.held, &m.scan)
	} else {
		d.MatMul(t.proj, t.conv, m.proj)
		dt, bc := t.proj.Slice(0, c.rank), t.proj.Slice(c.rank, 2*c.states)
		if c.deltaLast {
			bc, dt = t.proj.Slice(0, 2*c.states), t.proj.Slice(2*c.states, c.rank)
		}
		b, cc := bc.Slice(0, c.states), bc.Slice(c.states, c.states)
		d.MatMul(t.dt, m.dtNorm.Of(d, dt, dt), m.dt)
		d.Scan(t.y, t.conv, t.dt, m.bNorm.Of(d, b, b), m.cNorm.Of(d, cc, cc), m.held, &m.scan)
	}
	d.Activate(t.y, z, t.y, kernels.SiLU)
	m.norm.Of(d, t.y, t.y)
	return t.y
}
