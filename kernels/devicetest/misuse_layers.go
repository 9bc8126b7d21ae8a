package devicetest

import (
	"soberano/kernels"
	"soberano/kernels/quant"
)

// badExperts: choices, groups and matrices of experts that do not fit.
var badExperts = []wrongCase{
	{"MatMulExperts", "a choice of another step", nil, func(w *wrong) { w.st.MatMulExperts(w.other8, w.pairs, w.many, w.gone) }},
	{"Gather", "a choice of another step", nil, func(w *wrong) { w.st.Gather(w.pairs, w.x, w.gone) }},
	{"Combine", "a choice of another step", nil, func(w *wrong) { w.st.Combine(w.x, w.pairs, w.gone) }},
	{"MatMulExperts", "an ordinary matrix", nil, func(w *wrong) { w.st.MatMulExperts(w.other8, w.pairs, w.square, w.choice) }},
	{"MatMulExperts", "a matrix of more experts", nil, func(w *wrong) {
		more, _ := w.expertsOf(quant.F32, 4, 64, 64, false)
		w.st.MatMulExperts(w.other8, w.pairs, w.load(more), w.choice)
	}},
	{"MatMul", "a matrix of experts", nil, func(w *wrong) { w.st.MatMul(w.y, w.x, w.many) }},
	{"Embed", "a matrix of experts", nil, func(w *wrong) { w.st.Embed(w.y, w.many, 1) }},
	{"MatMulExperts", "rows that are no groups", nil, func(w *wrong) { w.st.MatMulExperts(w.y, w.x, w.many, w.choice) }},
	{"MatMulExperts", "dst is x", nil, func(w *wrong) { w.st.MatMulExperts(w.pairs, w.pairs, w.many, w.choice) }},
	{"MatMulExperts", "a closed matrix", closed(func(w *wrong) interface{ Close() error } { return w.many }),
		func(w *wrong) { w.st.MatMulExperts(w.other8, w.pairs, w.many, w.choice) }},
	{"MatMulGatedExperts", "no two halves", nil, func(w *wrong) { w.st.MatMulGatedExperts(w.other8, w.pairs, w.many, w.choice, kernels.SiLU) }},
	{"Gather", "too few rows", nil, func(w *wrong) { w.st.Gather(w.y, w.x, w.choice) }},
	{"Gather", "dst overlaps x", nil, func(w *wrong) { w.st.Gather(w.pairs, w.pairs.Sub(0, 4), w.choice) }},
	{"Combine", "too few groups", nil, func(w *wrong) { w.st.Combine(w.y, w.x, w.choice) }},
	{"Combine", "dst overlaps x", nil, func(w *wrong) { w.st.Combine(w.pairs.Sub(2, 4), w.pairs, w.choice) }},
	{"Route", "more experts than logits", nil, func(w *wrong) { w.st.Route(w.x, &kernels.Routing{Used: 65, Scale: 1}) }},
	{"Route", "no experts", nil, func(w *wrong) { w.st.Route(w.x, &kernels.Routing{Scale: 1}) }},
	{"Route", "a bias of another length", nil, func(w *wrong) {
		w.st.Route(w.x.Slice(0, 3), &kernels.Routing{Used: 1, Scale: 1, Bias: w.one})
	}},
	{"Mul", "columns", nil, func(w *wrong) { w.st.Mul(w.y, w.x.Slice(0, 32)) }},
	{"Mul", "dst overlaps x", nil, func(w *wrong) { w.st.Mul(w.x.Slice(0, 32), w.x.Slice(16, 32)) }},
}

// conv begins a step of two rows of a state whose layer 1 keeps two rows of eight columns.
func conv(w *wrong) {
	w.state = w.convState(3, 8)
	w.again(w.span(kernels.Span{State: w.state, N: 2}))
	w.x, w.y = w.st.New(2, 8), w.st.New(2, 8)
}

// badConvs: convolutions that do not fit.
var badConvs = []wrongCase{
	{"ShortConv", "dst is x", conv, func(w *wrong) { w.st.ShortConv(w.x, w.x, w.vector(make([]float32, 24)), 1) }},
	{"ShortConv", "a layer of keys", conv, func(w *wrong) { w.st.ShortConv(w.y, w.x, w.vector(make([]float32, 24)), 0) }},
	{"ShortConv", "a layer that is not there", conv, func(w *wrong) { w.st.ShortConv(w.y, w.x, w.vector(make([]float32, 24)), 2) }},
	{"ShortConv", "width 1", conv, func(w *wrong) { w.st.ShortConv(w.y, w.x, w.vector(make([]float32, 8)), 1) }},
	{"ShortConv", "another width", conv, func(w *wrong) { w.st.ShortConv(w.y, w.x, w.vector(make([]float32, 32)), 1) }},
	{"ShortConv", "columns", conv, func(w *wrong) { w.st.ShortConv(w.y.Slice(0, 4), w.x.Slice(0, 4), w.vector(make([]float32, 24)), 1) }},
	{"ShortConv", "rows beyond the tensor", conv, func(w *wrong) { w.st.ShortConv(w.y.Sub(0, 1), w.x.Sub(0, 1), w.vector(make([]float32, 24)), 1) }},
	{"ShortConv", "a closed kernel", conv, func(w *wrong) {
		v := w.vector(make([]float32, 24))
		if err := v.Close(); err != nil {
			w.Fatalf("Close: %v", err)
		}
		w.st.ShortConv(w.y, w.x, v, 1)
	}},
}
