package contract

import (
	"slices"

	"soberano/kernels"
)

// CheckLayer panics unless the state is open and has the layer.
func (s *State[P]) CheckLayer(op string, layer int) {
	if s.closed {
		Misuse(op, "the state is closed")
	}
	if layer < 0 || layer >= len(s.plan.Group) {
		Misuse(op, "the state has another shape: no such layer")
	}
}

// holds reports whether a layer keeps keys and values of the shape that a describes.
func holds(l *kernels.Layer, a *kernels.Attention, kind kernels.LayerKind) bool {
	key, value := a.Dims()
	heads := l.KVHeads
	if l.Kind == kernels.Latent {
		heads = 1
	}
	return l.Kind == kind && heads == a.KVHeads && l.KeyDim == key && l.ValueDim == value
}

// CheckStore panics unless rows of keys and values that a describes, from a tensor of that many rows, can be added to the state.
func (s *State[P]) CheckStore(op string, sp kernels.Span, layer, rows int, a *kernels.Attention) {
	if s.CheckLayer(op, layer); !holds(&s.plan.Shape.Layers[layer], a, kernels.KeysValues) {
		Misuse(op, "the state has another shape")
	}
	s.checkRows(op, sp, rows)
}

// CheckStoreLatent is CheckStore for a latent layer and rows of so many columns.
func (s *State[P]) CheckStoreLatent(op string, sp kernels.Span, layer, rows, cols int) {
	s.CheckLayer(op, layer)
	if l := &s.plan.Shape.Layers[layer]; l.Kind != kernels.Latent || l.KeyDim != cols {
		Misuse(op, "the state has another shape")
	}
	s.checkRows(op, sp, rows)
}

// checkRows panics unless the positions of a span fit in the state, and its rows in a tensor of that many.
func (s *State[P]) checkRows(op string, sp kernels.Span, rows int) {
	if sp.Pos < 0 || sp.N < 0 || sp.Pos+sp.N > s.Cap() || sp.Row < 0 || sp.Row+sp.N > rows {
		Misuse(op, "positions beyond the state or rows beyond the tensor")
	}
}

// CheckAttend panics unless the rows of a span, which lie in tensors of that many rows, can attend to what the state keeps at a layer.
func (s *State[P]) CheckAttend(op string, sp kernels.Span, layer, rows int, a *kernels.Attention, kind kernels.LayerKind) {
	if s.CheckLayer(op, layer); !holds(&s.plan.Shape.Layers[layer], a, kind) {
		Misuse(op, "the state has another shape")
	}
	from, end := 0, sp.Pos+sp.N
	if !a.Causal {
		end = sp.Len
	} else {
		from = a.First(sp.Pos)
	}
	switch {
	case end > s.n || sp.Pos < 0 || sp.N < 0 || sp.Len < 0:
		Misuse(op, "positions beyond the state")
	case !a.Causal && (sp.From < 0 || sp.From > sp.Len):
		Misuse(op, "no range of positions")
	case sp.N > 0 && from < s.Group(layer).First*Positions:
		Misuse(op, "positions that the state has let go of")
	case sp.Row < 0 || sp.Row+sp.N > rows:
		Misuse(op, "rows beyond the tensor")
	}
}

// CheckWeights panics unless Step.Weights can write the weights of so many keys to the rows of a span, which lie in a tensor of that many rows.
func (s *State[P]) CheckWeights(sp kernels.Span, layer, rows, keys int, a *kernels.Attention) {
	const op = "Weights"
	s.CheckLayer(op, layer)
	l := &s.plan.Shape.Layers[layer]
	switch {
	case l.Kind != kernels.KeysValues || l.KeyDim != a.HeadDim || l.KVHeads != a.KVHeads:
		Misuse(op, "the state has another shape")
	case keys < 1 || keys > s.n || s.Group(layer).First > 0 || sp.Row < 0 || sp.N < 0 || sp.Row+sp.N > rows:
		Misuse(op, "keys beyond the state or rows beyond the tensor")
	}
}

// CheckRecurrent panics unless the rows of a span, which lie in tensors of n rows, can advance the rows × cols values that the state keeps at
// a layer.
func (s *State[P]) CheckRecurrent(op string, sp kernels.Span, layer, rows, cols, n int) {
	s.CheckLayer(op, layer)
	l := &s.plan.Shape.Layers[layer]
	switch {
	case l.Kind != kernels.Recurrent || l.Rows != rows || l.Cols != cols:
		Misuse(op, "the layer keeps something else")
	case sp.N < 0 || sp.Row < 0 || sp.Row+sp.N > n:
		Misuse(op, "rows beyond the tensor")
	case sp.Pos != s.at[layer] || sp.Pos > s.n:
		Misuse(op, "not the position that the state is at")
	case sp.Pos+sp.N > s.Cap():
		Misuse(op, "positions beyond the state")
	}
}

// CheckDistinct panics if two spans have the same state.
func CheckDistinct(op string, spans []kernels.Span) {
	for i, sp := range spans {
		if slices.ContainsFunc(spans[:i], func(o kernels.Span) bool { return o.State == sp.State }) {
			Misuse(op, "two spans of one state")
		}
	}
}
