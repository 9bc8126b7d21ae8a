package devicetest

import (
	"math"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// expertsOf returns the weights of n experts as one tensor, and of each by itself.
func (s *suite) expertsOf(t quant.Type, n, rows, cols int, biased bool) (all kernels.Weights, each []kernels.Weights) {
	all = kernels.Weights{Type: t, Rows: rows, Cols: cols, Experts: n}
	for range n {
		w := RandomWeights(s.r, t, rows, cols)
		if biased {
			w.Bias = Gauss(s.r, rows)
		}
		all.Data, all.Bias = append(all.Data, w.Data...), append(all.Bias, w.Bias...)
		each = append(each, w)
	}
	return all, each
}

// experts checks Route, Gather, the products by experts, and Combine: each format, few rows
// and many, against the products of each expert with all rows, by routing in float64.
func (s *suite) experts() {
	for _, t := range []quant.Type{quant.F32, quant.BF16, quant.Q8_0, quant.Q4_K} {
		for i, n := range [][3]int{{1, 70, 256}, {9, 32, 512}, {150, 33, 256}} {
			all, each := s.expertsOf(t, 5, n[1], n[2], i == 1)
			s.mixture(n[0], 5, n[1], &kernels.Routing{Used: 2, Scale: 1.5}, s.load(all), s.limit(all), func(x []float32, e int) []float64 {
				return Product(x, n[0], each[e])
			}, func(st kernels.Step, dst, x kernels.Tensor, m kernels.Matrix, c kernels.Choice) {
				st.MatMulExperts(dst, x, m, c)
			})
		}
	}
	for i, f := range []kernels.Activation{kernels.SiLU, kernels.GELUTanh} {
		for _, n := range []int{1, 11, 130} {
			gate, gates := s.expertsOf(quant.Q4_1, 4, 45, 256, i == 1)
			up, ups := s.expertsOf(quant.F16, 4, 45, 256, i == 1)
			route := &kernels.Routing{Used: 2, Scale: 1, Sigmoid: i == 1, Normalize: true}
			s.mixture(n, 4, 45, route, s.load(gate, up), 3*s.limit(gate, up)+Float, func(x []float32, e int) []float64 {
				g, u := Product(x, n, gates[e]), Product(x, n, ups[e])
				for k := range g {
					g[k] = activated(f, g[k]) * u[k]
				}
				return g
			}, func(st kernels.Step, dst, x kernels.Tensor, m kernels.Matrix, c kernels.Choice) {
				st.MatMulGatedExperts(dst, x, m, c, f)
			})
		}
	}
}

// mixture checks a mixture of so many experts, of n rows, each [rows]: alone is what expert
// e makes of all rows, run the operation that makes it of the groups.
func (s *suite) mixture(n, experts, rows int, route *kernels.Routing, m kernels.Matrix, limit float64, alone func(x []float32, e int) []float64,
	run func(st kernels.Step, dst, x kernels.Tensor, m kernels.Matrix, c kernels.Choice)) {
	s.Helper()
	x, logits, base := Gauss(s.r, n*m.Cols()), Gauss(s.r, n*experts), Gauss(s.r, n*rows)
	got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
		c := st.Route(tensor(st, logits, n, experts), route)
		groups, y, sum := st.New(n*route.Used, m.Cols()), st.New(n*route.Used, rows), tensor(st, base, n, rows)
		st.Gather(groups, view(st, x, n, m.Cols()), c)
		run(st, y, groups, m, c)
		st.Combine(sum, y, c)
		return []kernels.Tensor{sum}
	})
	want := floats(base)
	for e := range experts {
		all := alone(x, e)
		for i := range n {
			w := routed(route, logits[i*experts:][:experts], e)
			for j := range rows {
				want[i*rows+j] += w * all[i*rows+j]
			}
		}
	}
	s.near(name("%d rows through %d of %d experts, %d × %d", n, route.Used, experts, m.Rows(), m.Cols()), got[0], want, limit)
}

// routed is the weight of expert e for a row with these logits; 0 where others are more
// probable.
func routed(r *kernels.Routing, logits []float32, e int) float64 {
	p, sum := make([]float64, len(logits)), 0.0
	for i, v := range logits {
		if p[i] = math.Exp(float64(v)); r.Sigmoid {
			p[i] = 1 / (1 + math.Exp(-float64(v)))
		}
		sum += p[i]
	}
	chosen, used := 0.0, false
	for i := range p {
		if !r.Sigmoid {
			p[i] /= sum
		}
	}
	for i := range p {
		before := 0
		for k := range p {
			if p[k] > p[i] || p[k] == p[i] && k < i {
				before++
			}
		}
		if before < r.Used {
			chosen += p[i]
			used = used || i == e
		}
	}
	switch {
	case !used:
		return 0
	case r.Normalize:
		return float64(r.Scale) * p[e] / chosen
	}
	return float64(r.Scale) * p[e]
}
