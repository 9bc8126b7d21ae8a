package arch

import (
	"math"

	"soberano/engine/nn"
	"soberano/kernels"
)

// perLayer is what the small models of Gemma 3n and 4 have beside the residual stream: an embedding of each token for each
// layer, of width dims, which is added to the stream at the end of the layer.
//
//	tokens ─ embed·√dims ───────────────▶ ⊕ ─ ·1/√2 ─▶ inputs, dims for each layer
//	x ────── proj·1/√dim ─ norm ─────────┘
//
//	x ─┬──────────────────────────────────────────────┬─▶ ⊕
//	   └ gate ─ GELU ─ ·input of the layer ─ up ─ norm ┘
//
// The table of embeddings is larger than the rest of the model. It is read from the file, a row for a token.
type perLayer struct {
	dims  int            // 0: the model has none
	embed kernels.Matrix // [vocabulary × layers·dims], for lookup
	proj  kernels.Matrix // [layers·dims × dim]
	norm  nn.Norm        // [dims], for each layer
}

// perLayerOutput is the part of a layer that adds the per-layer input to the stream.
type perLayerOutput struct {
	gate kernels.Matrix // [dims × dim]
	up   kernels.Matrix // [dim × dims]
	norm nn.Norm        // [dim]
}

// perLayerInputs loads the per-layer inputs, of width dims.
func (r *reader) perLayerInputs(dims int, c config) perLayer {
	if dims == 0 {
		return perLayer{}
	}
	const name = "per_layer_token_embd"
	w := r.weights(c.layers*dims, []part{{name, c.vocabulary}})
	for i := range w {
		w[i].Lookup = true
	}
	return perLayer{
		dims: dims, embed: r.loadMatrix(name, w),
		proj: r.matrix(c.dim, part{"per_layer_model_proj", c.layers * dims}),
		norm: r.norm("per_layer_proj_norm", dims, c),
	}
}

// perLayerOutput loads the part of a layer; it is empty if dims is 0.
func (r *reader) perLayerOutput(blk string, dims int, c config) perLayerOutput {
	if dims == 0 {
		return perLayerOutput{}
	}
	return perLayerOutput{
		gate: r.matrix(c.dim, part{blk + "inp_gate", dims}),
		up:   r.matrix(dims, part{blk + "proj", c.dim}),
		norm: r.norm(blk+"post_norm", c.dim, c),
	}
}

// perLayerTensors is the scratch memory of the per-layer inputs in a step.
type perLayerTensors struct {
	inputs kernels.Tensor // [n × layers·dims]
	gate   kernels.Tensor // [n × dims]
}

// scratch returns the number of values that inputs needs for a row.
func (p *perLayer) scratch(layers int) int { return (2*layers + 1) * p.dims }

// inputs computes the inputs of all layers from the tokens of the step and their embedding x, [n × dim].
func (p *perLayer) inputs(d kernels.Step, x kernels.Tensor) (t perLayerTensors) {
	if p.dims == 0 {
		return t
	}
	n := p.proj.Rows()
	t.inputs, t.gate = d.New(x.Rows, n), d.New(x.Rows, p.dims)
	projected := d.New(x.Rows, n)
	d.MatMul(projected, x, p.proj)
	d.Scale(projected, projected, float32(1/math.Sqrt(float64(x.Cols))))
	p.norm.Of(d, projected, projected) // each layer separately
	d.Embed(t.inputs, p.embed, float32(math.Sqrt(float64(p.dims))))
	d.Add(t.inputs, projected)
	d.Scale(t.inputs, t.inputs, 1/math.Sqrt2)
	return t
}

// of writes what the input of a layer makes of x to h, both [n × dim].
func (p *perLayerOutput) of(d kernels.Step, h, x kernels.Tensor, layer int, t *perLayerTensors) {
	d.MatMul(t.gate, x, p.gate)
	d.Activate(t.gate, t.gate, t.inputs.Slice(layer*t.gate.Cols, t.gate.Cols), kernels.GELUTanh)
	d.MatMul(h, t.gate, p.up)
	p.norm.Of(d, h, h)
}
