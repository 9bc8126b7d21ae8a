package devicetest

import (
	"slices"
	"testing"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// wrong is a device with an open step of four rows, on which one misuse is tried.
type wrong struct {
	*suite
	st     kernels.Step
	x, y   kernels.Tensor // [4 × 64]
	old    kernels.Tensor // of the previous step
	square kernels.Matrix // [64 × 64]
	gated  kernels.Matrix // [64+64 × 64]
	one    kernels.Vector // [64]
	rope   *kernels.RoPE  // for heads of 32 dimensions
	a      *kernels.Attention
	state  kernels.State // with 4 of 10 positions; the span adds 4
	other  kernels.Device
}

func newWrong(t *testing.T, s Subject) *wrong {
	w := &wrong{suite: &suite{T: t, d: s.Open(t), s: s, r: Rand()}, other: s.Open(t)}
	t.Cleanup(func() {
		if err := w.d.Close(); err != nil {
			t.Errorf("Close with an open step: %v", err)
		}
		if err := w.other.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	w.square = w.load(RandomWeights(w.r, quant.F32, 64, 64))
	w.gated = w.load(RandomWeights(w.r, quant.F32, 64, 64), RandomWeights(w.r, quant.F32, 64, 64))
	w.one = w.vector(make([]float32, 64))
	w.rope = &kernels.RoPE{HeadDim: 32, Freq: w.vector(make([]float32, 16)), Scale: 1}
	w.a = &kernels.Attention{Heads: 2, KVHeads: 2, HeadDim: 32, Scale: 1, Causal: true}
	q := w.sequence(w.a, 10)
	w.state = q.state
	w.add(w.a, []int{4}, q)
	w.step(nil, func(st kernels.Step) []kernels.Tensor {
		w.old = st.New(4, 64)
		return nil
	})
	w.begin(&kernels.Batch{Tokens: []int32{0, 1, 2, 3}, Positions: []int32{4, 5, 6, 7}, Spans: []kernels.Span{{State: w.state, N: 4, Pos: 4}}})
	return w
}

// begin begins the step in which the misuse is tried.
func (w *wrong) begin(b *kernels.Batch) {
	w.st = w.d.Begin(b)
	zeros := make([]float32, 4*64)
	w.x, w.y = tensor(w.st, zeros, 4, 64), tensor(w.st, zeros, 4, 64)
}

// again ends the step and begins another one.
func (w *wrong) again(b *kernels.Batch) {
	w.Helper()
	if err := w.st.End(); err != nil {
		w.Fatalf("End: %v", err)
	}
	w.begin(b)
}

// Misuse checks that each misuse panics, with a message that names the operation.
func Misuse(t *testing.T, s Subject) {
	for _, group := range [][]wrongCase{lifetimes, aliases, badShapes, badSpans, badExperts, badConvolutions, badLatent, badDeltaRules, badScans, badWKVs, badRowMaps} {
		for _, c := range group {
			t.Run(c.op+"/"+c.what, func(t *testing.T) {
				w := newWrong(t, s)
				if c.before != nil {
					c.before(w)
				}
				w.panics(c.op, c.what, func() { c.do(w) })
			})
		}
	}
}

// wrongCase is a misuse of an operation: do must panic, but before, which prepares it, must not.
type wrongCase struct {
	op, what   string
	before, do func(*wrong)
}

func ended(w *wrong) {
	if err := w.st.End(); err != nil {
		w.Fatalf("End: %v", err)
	}
}

// closed returns a function that closes something before it is used.
func closed(c func(*wrong) interface{ Close() error }) func(*wrong) {
	return func(w *wrong) {
		if err := c(w).Close(); err != nil {
			w.Fatalf("Close: %v", err)
		}
	}
}

// lifetimes lists uses of objects that have ended, were closed, or belong to another device or step.
var lifetimes = []wrongCase{
	{"End", "twice", ended, func(w *wrong) { _ = w.st.End() }},
	{"New", "after End", ended, func(w *wrong) { w.st.New(1, 1) }},
	{"Write", "after End", ended, func(w *wrong) { w.st.Write(w.x, make([]float32, 256)) }},
	{"Read", "after End", ended, func(w *wrong) { w.st.Read(w.x) }},
	{"MatMul", "after End", ended, func(w *wrong) { w.st.MatMul(w.y, w.x, w.square) }},
	{"Add", "after End", ended, func(w *wrong) { w.st.Add(w.y, w.x) }},
	{"Const", "after End", ended, func(w *wrong) { w.st.Const(w.one, 1, 64) }},
	{"Embed", "a step that ended, while another is open", func(w *wrong) {
		ended(w)
		w.d.Begin(&kernels.Batch{Tokens: []int32{1, 2, 3, 4}})
	}, func(w *wrong) { w.st.Embed(w.x, w.square, 1) }},
	{"Begin", "before End", nil, func(w *wrong) { w.d.Begin(nil) }},
	{"Begin", "after the device was closed", closed(func(w *wrong) interface{ Close() error } { return w.d }), func(w *wrong) { w.d.Begin(nil) }},
	{"Add", "after the device was closed", closed(func(w *wrong) interface{ Close() error } { return w.d }), func(w *wrong) { w.st.Add(w.y, w.x) }},
	{"MatMul", "input of another step", nil, func(w *wrong) { w.st.MatMul(w.y, w.old, w.square) }},
	{"MatMul", "output of another step", nil, func(w *wrong) { w.st.MatMul(w.old, w.x, w.square) }},
	{"Add", "input of another step", nil, func(w *wrong) { w.st.Add(w.y, w.old) }},
	{"Read", "a tensor of another step", nil, func(w *wrong) { w.st.Read(w.old) }},
	{"Attend", "queries of another step", nil, func(w *wrong) { w.st.Attend(w.y, w.old, 1, w.a) }},
	{"Store", "values of another step", nil, func(w *wrong) { w.st.Store(w.x, w.old, 1, w.a) }},
	{"Activate", "a factor of another step", nil, func(w *wrong) { w.st.Activate(w.y, w.x, w.old, kernels.SiLU) }},
	{"Add", "a tensor of another device", nil, func(w *wrong) { w.st.Add(w.x, w.other.Begin(nil).New(4, 64)) }},
	{"MatMul", "a matrix of another device", nil, func(w *wrong) { w.st.MatMul(w.y, w.x, w.elsewhere().square) }},
	{"RMSNorm", "a vector of another device", nil, func(w *wrong) { w.st.RMSNorm(w.y, w.x, w.elsewhere().one, 1) }},
	{"Attend", "a state of another device", func(w *wrong) {
		w.again(&kernels.Batch{Spans: []kernels.Span{{State: w.elsewhere().state, N: 4}}})
	}, func(w *wrong) { w.st.Attend(w.y, w.x, 1, w.a) }},
	{"MatMul", "a closed matrix", closed(func(w *wrong) interface{ Close() error } { return w.square }), func(w *wrong) { w.st.MatMul(w.y, w.x, w.square) }},
	{"MatMulGated", "a closed matrix", closed(func(w *wrong) interface{ Close() error } { return w.gated }), func(w *wrong) { w.st.MatMulGated(w.y, w.x, w.gated, kernels.SiLU) }},
	{"Embed", "a closed matrix", closed(func(w *wrong) interface{ Close() error } { return w.square }), func(w *wrong) { w.st.Embed(w.y, w.square, 1) }},
	{"RMSNorm", "a closed vector", closed(func(w *wrong) interface{ Close() error } { return w.one }), func(w *wrong) { w.st.RMSNorm(w.y, w.x, w.one, 1) }},
	{"Rotate", "closed frequencies", closed(func(w *wrong) interface{ Close() error } { return w.rope.Freq }), func(w *wrong) { w.st.Rotate(w.x, w.rope) }},
	{"Const", "a closed vector", closed(func(w *wrong) interface{ Close() error } { return w.one }), func(w *wrong) { w.st.Const(w.one, 1, 64) }},
	{"Store", "a closed state", closed(func(w *wrong) interface{ Close() error } { return w.state }), func(w *wrong) { w.st.Store(w.x, w.y, 1, w.a) }},
	{"Attend", "a closed state", closed(func(w *wrong) interface{ Close() error } { return w.state }), func(w *wrong) { w.st.Attend(w.x, w.y, 1, w.a) }},
}

// elsewhere returns a matrix, a vector and a state of another device.
func (w *wrong) elsewhere() *wrong {
	o := &wrong{suite: &suite{T: w.T, d: w.other, s: w.s, r: w.r}}
	o.square, o.one = o.load(RandomWeights(o.r, quant.F32, 64, 64)), o.vector(make([]float32, 64))
	o.state = o.sequence(w.a, 10).state
	return o
}

// aliases lists results that share values with an input, are read-only, or were requested by Read.
var aliases = []wrongCase{
	{"MatMul", "dst is x", nil, func(w *wrong) { w.st.MatMul(w.x, w.x, w.square) }},
	{"MatMulAdd", "dst overlaps x", nil, func(w *wrong) {
		t := w.st.New(5, 64)
		w.st.MatMulAdd(t.Sub(0, 4), t.Sub(1, 4), w.square)
	}},
	{"MatMulGated", "dst overlaps columns of x", nil, func(w *wrong) {
		t := w.st.New(4, 96)
		w.st.MatMulGated(t.Slice(0, 64), t.Slice(32, 64), w.gated, kernels.SiLU)
	}},
	{"Unfold", "dst is x", nil, func(w *wrong) { w.st.Unfold(w.x, w.x, 1, 1, 0) }},
	{"RMSNorm", "dst overlaps x", nil, func(w *wrong) {
		t := w.st.New(5, 64)
		w.st.RMSNorm(t.Sub(1, 4), t.Sub(0, 4), w.one, 1)
	}},
	{"Activate", "dst overlaps the factor", nil, func(w *wrong) {
		t := w.st.New(5, 64)
		w.st.Activate(t.Sub(1, 4), w.x, t.Sub(0, 4), kernels.SiLU)
	}},
	{"Add", "the row is one of dst", nil, func(w *wrong) { w.st.Add(w.x, w.x.Sub(2, 1)) }},
	{"Attend", "dst overlaps q", nil, func(w *wrong) {
		t := w.st.New(5, 64)
		w.st.Attend(t.Sub(1, 4), t.Sub(0, 4), 1, w.a)
	}},
	{"Weights", "dst is q", nil, func(w *wrong) { w.st.Weights(w.x.Slice(0, 2), w.x, 1, 0, w.a) }},
	{"Write", "to a constant", nil, func(w *wrong) { w.st.Write(w.st.Const(w.one, 1, 64), make([]float32, 64)) }},
	{"MatMul", "to a constant", nil, func(w *wrong) { w.st.MatMul(w.st.Const(w.one, 1, 64), w.x.Sub(0, 1), w.square) }},
	{"RMSNorm", "a constant in place", nil, func(w *wrong) {
		c := w.st.Const(w.one, 1, 64)
		w.st.RMSNorm(c, c, w.one, 1)
	}},
	{"Rotate", "a tensor that was asked for", func(w *wrong) { w.st.Read(w.x) }, func(w *wrong) { w.st.Rotate(w.x, w.rope) }},
	{"MatMul", "to a part of what was asked for", func(w *wrong) { w.st.Read(w.y.Sub(3, 1)) }, func(w *wrong) { w.st.MatMul(w.y, w.x, w.square) }},
	{"Write", "to what was asked for", func(w *wrong) { w.st.Read(w.y) }, func(w *wrong) { w.st.Write(w.y, make([]float32, 256)) }},
}

// badShapes lists inconsistent shapes.
var badShapes = []wrongCase{
	{"New", "negative", nil, func(w *wrong) { w.st.New(-1, 4) }},
	{"New", "beyond all memory", nil, func(w *wrong) { w.st.New(1<<40, 1<<40) }},
	{"Write", "too few values", nil, func(w *wrong) { w.st.Write(w.x, make([]float32, 255)) }},
	{"Const", "more than there is", nil, func(w *wrong) { w.st.Const(w.one, 2, 64) }},
	{"Slice", "out of range", nil, func(w *wrong) { w.x.Slice(1, 64) }},
	{"Sub", "out of range", nil, func(w *wrong) { w.x.Sub(1, 4) }},
	{"Over", "out of range", nil, func(w *wrong) { w.x.Sub(0, 1).Over(0, 1, 64) }},
	{"MatMul", "columns of x", nil, func(w *wrong) { w.st.MatMul(w.y, w.x.Slice(0, 63), w.square) }},
	{"MatMul", "columns of dst", nil, func(w *wrong) { w.st.MatMul(w.y.Slice(0, 63), w.x, w.square) }},
	{"MatMul", "rows", nil, func(w *wrong) { w.st.MatMul(w.y.Sub(0, 3), w.x, w.square) }},
	{"MatMulAdd", "rows", nil, func(w *wrong) { w.st.MatMulAdd(w.y, w.x.Sub(0, 3), w.square) }},
	{"MatMulGated", "no two halves", nil, func(w *wrong) { w.st.MatMulGated(w.y, w.x, w.square, kernels.SiLU) }},
	{"MatMulGated", "columns of dst", nil, func(w *wrong) { w.st.MatMulGated(w.y.Slice(0, 32), w.x, w.gated, kernels.SiLU) }},
	{"Add", "columns", nil, func(w *wrong) { w.st.Add(w.y, w.x.Slice(0, 32)) }},
	{"Add", "rows", nil, func(w *wrong) { w.st.Add(w.y, w.x.Sub(0, 2)) }},
	{"RMSNorm", "parts of rows", nil, func(w *wrong) { w.st.RMSNorm(w.y.Slice(0, 63), w.x.Slice(0, 63), w.one, 1) }},
	{"RMSNorm", "rows", nil, func(w *wrong) { w.st.RMSNorm(w.y.Sub(0, 3), w.x, w.one, 1) }},
	{"LayerNorm", "weights", nil, func(w *wrong) { w.st.LayerNorm(w.y.Slice(0, 32), w.x.Slice(0, 32), w.one, w.one, 1) }},
	{"Activate", "rows", nil, func(w *wrong) { w.st.Activate(w.y, w.x.Sub(0, 3), kernels.Tensor{}, kernels.SiLU) }},
	{"Activate", "factors", nil, func(w *wrong) { w.st.Activate(w.y, w.x, w.x.Slice(0, 32), kernels.SiLU) }},
	{"Rotate", "parts of heads", nil, func(w *wrong) { w.st.Rotate(w.x.Slice(0, 48), w.rope) }},
	{"Rotate", "not as many rows as positions", nil, func(w *wrong) { w.st.Rotate(w.x.Sub(0, 3), w.rope) }},
	{"Rotate", "heads that are too small", nil, func(w *wrong) { w.rope.HeadDim = 16; w.st.Rotate(w.x, w.rope) }},
	{"Rotate", "not an axis for each pair", nil, func(w *wrong) { w.rope.Axis = make([]uint8, 15); w.st.Rotate(w.x, w.rope) }},
	{"Rotate", "an axis that is not there", func(w *wrong) {
		w.again(&kernels.Batch{Positions: make([]int32, 4), Axes: [][]int32{make([]int32, 4)}})
	}, func(w *wrong) { w.rope.Axis = slices.Repeat([]uint8{1}, 16); w.st.Rotate(w.x, w.rope) }},
	{"Embed", "not as many rows as tokens", nil, func(w *wrong) { w.st.Embed(w.x.Sub(0, 3), w.square, 1) }},
	{"Embed", "columns", nil, func(w *wrong) { w.st.Embed(w.x.Slice(0, 32), w.square, 1) }},
	{"Embed", "a token that is not there", func(w *wrong) { w.again(&kernels.Batch{Tokens: []int32{0, 1, 64, 2}}) },
		func(w *wrong) { w.st.Embed(w.x, w.square, 1) }},
	{"Embed", "a negative token", func(w *wrong) { w.again(&kernels.Batch{Tokens: []int32{0, 1, -1, 2}}) },
		func(w *wrong) { w.st.Embed(w.x, w.square, 1) }},
	{"EmbedPositions", "a position that is not there", func(w *wrong) { w.again(&kernels.Batch{Positions: []int32{0, 1, 64, 2}}) },
		func(w *wrong) { w.st.EmbedPositions(w.x, w.square) }},
	{"Begin", "not as many tokens as positions", ended, func(w *wrong) { w.d.Begin(&kernels.Batch{Tokens: []int32{1}, Positions: []int32{1, 2}}) }},
	{"Begin", "not as many positions on an axis as rows", ended, func(w *wrong) {
		w.d.Begin(&kernels.Batch{Positions: []int32{1, 2}, Axes: [][]int32{{1, 2}, {1}}})
	}},
	{"Begin", "an unknown priority", ended, func(w *wrong) { w.d.Begin(&kernels.Batch{Priority: kernels.Priorities}) }},
	{"Unfold", "columns of dst", nil, func(w *wrong) { w.st.Unfold(w.y, w.x, 3, 1, 1) }},
	{"Unfold", "rows of dst", nil, func(w *wrong) { w.st.Unfold(w.st.New(4, 3*64), w.x, 3, 1, 0) }},
	{"Unfold", "no width", nil, func(w *wrong) { w.st.Unfold(w.st.New(4, 0), w.x, 0, 1, 0) }},
}

// badSpans lists spans and attention parameters that are inconsistent.
var badSpans = []wrongCase{
	{"Store", "keys and values differ", nil, func(w *wrong) { w.st.Store(w.x, w.y.Slice(0, 32), 1, w.a) }},
	{"Store", "heads", nil, func(w *wrong) { w.a.KVHeads = 1; w.st.Store(w.x, w.y, 1, w.a) }},
	{"Store", "a layer that is not there", nil, func(w *wrong) { w.st.Store(w.x, w.y, 2, w.a) }},
	{"Store", "a negative layer", nil, func(w *wrong) { w.st.Store(w.x, w.y, -1, w.a) }},
	{"Store", "rows beyond the tensor", func(w *wrong) { w.again(w.span(kernels.Span{State: w.state, Row: 1, N: 4, Pos: 4})) },
		func(w *wrong) { w.st.Store(w.x, w.y, 1, w.a) }},
	{"Store", "positions beyond the state", func(w *wrong) { w.again(w.span(kernels.Span{State: w.state, N: 4, Pos: 7})) },
		func(w *wrong) { w.st.Store(w.x, w.y, 1, w.a) }},
	{"Attend", "columns", nil, func(w *wrong) { w.st.Attend(w.y.Slice(0, 32), w.x.Slice(0, 32), 1, w.a) }},
	{"Attend", "rows", nil, func(w *wrong) { w.st.Attend(w.y.Sub(0, 3), w.x, 1, w.a) }},
	{"Attend", "heads that do not share", nil, func(w *wrong) { w.a.KVHeads = 3; w.st.Attend(w.y, w.x, 1, w.a) }},
	{"Attend", "slopes for another number of heads", nil, func(w *wrong) { w.a.Slopes = w.one; w.st.Attend(w.y, w.x, 1, w.a) }},
	{"Attend", "slopes and a soft cap", nil, func(w *wrong) { w.a.SoftCap = 5; w.a.Slopes = w.one; w.st.Attend(w.y, w.x, 1, w.a) }},
	{"Attend", "heads that the state does not have", nil, func(w *wrong) { w.a.KVHeads = 1; w.st.Attend(w.y, w.x, 1, w.a) }},
	{"Attend", "a layer that is not there", nil, func(w *wrong) { w.st.Attend(w.y, w.x, 2, w.a) }},
	{"Attend", "positions that were never stored", nil, func(w *wrong) { w.st.Attend(w.y, w.x, 1, w.a) }},
	{"Attend", "more than the state has, without Causal", func(w *wrong) { w.again(w.span(kernels.Span{State: w.state, N: 4, Len: 5})) },
		func(w *wrong) { w.a.Causal = false; w.st.Attend(w.y, w.x, 1, w.a) }},
	{"Attend", "from the end on, without Causal", func(w *wrong) { w.again(w.span(kernels.Span{State: w.state, N: 4, Len: 3, From: 4})) },
		func(w *wrong) { w.a.Causal = false; w.st.Attend(w.y, w.x, 1, w.a) }},
	{"Attend", "from before the beginning, without Causal", func(w *wrong) { w.again(w.span(kernels.Span{State: w.state, N: 4, Len: 3, From: -1})) },
		func(w *wrong) { w.a.Causal = false; w.st.Attend(w.y, w.x, 1, w.a) }},
	{"Attend", "rows beyond the tensor", func(w *wrong) { w.again(w.span(kernels.Span{State: w.state, Row: 3, N: 2})) },
		func(w *wrong) { w.st.Attend(w.y, w.x, 1, w.a) }},
	{"Weights", "a head that is not there", nil, func(w *wrong) { w.st.Weights(w.st.New(4, 2), w.x, 1, 2, w.a) }},
	{"Weights", "more keys than there are", nil, func(w *wrong) { w.st.Weights(w.st.New(4, 5), w.x, 1, 0, w.a) }},
	{"Weights", "rows", nil, func(w *wrong) { w.st.Weights(w.st.New(3, 2), w.x, 1, 0, w.a) }},
}

// span returns a batch with one span.
func (w *wrong) span(s kernels.Span) *kernels.Batch { return &kernels.Batch{Spans: []kernels.Span{s}} }
