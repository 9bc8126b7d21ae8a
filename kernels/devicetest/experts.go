package devicetest

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// ExpertWeights returns random weights of n experts, each rows × cols of type t, with
// or without biases.
func ExpertWeights(r *rand.Rand, t quant.Type, n, rows, cols int, biased bool) kernels.Weights {
	w := kernels.Weights{Type: t, Rows: rows, Cols: cols, Experts: n}
	for range n {
		w.Data = append(w.Data, RandomWeights(r, t, rows, cols).Data...)
	}
	if biased {
		w.Bias = Gauss(r, n*rows)
	}
	return w
}

// expert returns the weights of expert e of w.
func expert(w kernels.Weights, e int) kernels.Weights {
	size := w.Rows * w.Type.RowBytes(w.Cols)
	one := kernels.Weights{Type: w.Type, Rows: w.Rows, Cols: w.Cols, Data: w.Data[e*size:][:size]}
	if w.Bias != nil {
		one.Bias = w.Bias[e*w.Rows:][:w.Rows]
	}
	return one
}

// routed returns the expected result of Route for each row of logits, in float64: the weight of each
// expert, 0 for those that are not chosen.
func routed(logits []float32, experts int, r *kernels.Routing, bias, factors []float32) []float64 {
	out := make([]float64, len(logits))
	for from := 0; from < len(logits); from += experts {
		p := floats(logits[from:][:experts])
		if !r.AfterChoice {
			p = probabilities(p, r.Sigmoid)
		}
		order := make([]int, experts)
		rank := slices.Clone(p)
		for e := range order {
			order[e] = e
			if bias != nil {
				rank[e] += float64(bias[e])
			}
		}
		if r.Groups > 1 {
			maskGroups(rank, r.Groups, r.UsedGroups)
		}
		slices.SortStableFunc(order, func(a, b int) int {
			switch {
			case rank[a] > rank[b]:
				return -1
			case rank[a] < rank[b]:
				return 1
			}
			return 0
		})
		var weights []float64
		for _, e := range order[:r.Used] {
			weights = append(weights, p[e])
		}
		if r.AfterChoice {
			weights = probabilities(weights, r.Sigmoid)
		}
		sum := 1.0
		if r.Normalize {
			sum = 0
			for _, v := range weights {
				sum += v
			}
		}
		for i, e := range order[:r.Used] {
			out[from+e] = weights[i] / sum * float64(r.Scale)
			if factors != nil {
				out[from+e] *= float64(factors[e])
			}
		}
	}
	return out
}

// maskGroups replaces the ranks of all groups but those whose two best experts have the largest sums by -∞.
func maskGroups(rank []float64, groups, used int) {
	size, order := len(rank)/groups, make([]int, groups)
	sums := make([]float64, groups)
	for g := range groups {
		sorted := slices.Sorted(slices.Values(rank[g*size:][:size]))
		order[g], sums[g] = g, sorted[size-1]+sorted[size-2]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sums[b], sums[a]) })
	for _, g := range order[used:] {
		for e := range size {
			rank[g*size+e] = math.Inf(-1)
		}
	}
}

func probabilities(logits []float64, sigmoid bool) []float64 {
	p, sum := make([]float64, len(logits)), 0.0
	for i, v := range logits {
		if sigmoid {
			p[i] = 1 / (1 + math.Exp(-v))
			continue
		}
		p[i] = math.Exp(v)
		sum += p[i]
	}
	for i := range p {
		if !sigmoid {
			p[i] /= sum
		}
	}
	return p
}

// routing checks Route, Gather and Combine. The matrix of expert e has a 1 in row
// e, so the weighted sum of a row's experts is the list of their weights.
func (s *suite) routing() {
	for _, experts := range []int{1, 3, 8, 60} {
		one := make([]float32, experts*experts)
		for e := range experts {
			one[e*experts+e] = 1
		}
		data := make([]byte, 4*len(one))
		quant.Quantize(quant.F32, data, one)
		m := s.load(kernels.Weights{Type: quant.F32, Rows: experts, Cols: 1, Data: data, Experts: experts})
		for _, used := range []int{1, min(2, experts), experts} {
			for _, r := range []kernels.Routing{{Scale: 1}, {Scale: 2.5, Normalize: true}, {Scale: 1, Sigmoid: true}, {Scale: 1, Sigmoid: true, Normalize: true}} {
				r.Used = used
				for _, n := range []int{1, 7, 200} {
					s.route(m, n, experts, r, nil, nil)
					s.route(m, n, experts, r, Gauss(s.r, experts), nil)
				}
			}
		}
		s.routingOptions(m, experts)
	}
	s.groups()
	s.apart()
}

// routingOptions checks the choice before the probabilities, groups, factors and weights of the input.
func (s *suite) routingOptions(m kernels.Matrix, experts int) {
	for _, r := range []kernels.Routing{
		{Scale: 1, AfterChoice: true}, {Scale: 2, AfterChoice: true, Sigmoid: true}, {Scale: 1, Input: true}, {Scale: 3, Input: true, Sigmoid: true, AfterChoice: true},
		{Scale: 1, Groups: 4, UsedGroups: 1}, {Scale: 2.5, Groups: 4, UsedGroups: 2, Sigmoid: true, Normalize: true}, {Scale: 1, Groups: 2, UsedGroups: 2},
	} {
		if r.Groups > experts/2 {
			continue
		}
		r.Used = min(2, experts)
		for _, n := range []int{1, 33} {
			s.route(m, n, experts, r, nil, Gauss(s.r, experts))
			s.route(m, n, experts, r, Gauss(s.r, experts), nil)
		}
	}
}

// apart checks experts whose matrices are not adjacent: gate and up of each expert are neighbours in one tensor.
func (s *suite) apart() {
	const experts, rows, cols = 3, 33, 64
	both := ExpertWeights(s.r, quant.Q8_0, experts, 2*rows, cols, false)
	size := rows * both.Type.RowBytes(cols)
	gate := kernels.Weights{Type: both.Type, Rows: rows, Cols: cols, Experts: experts, ExpertBytes: 2 * size, Data: both.Data}
	up := gate
	up.Data = both.Data[size:]
	a, b := s.load(gate, up), s.load(both)
	x, logits := Gauss(s.r, 9*cols), Gauss(s.r, 9*experts)
	got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
		c := st.Route(tensor(st, logits, 9, experts), &kernels.Routing{Used: 2, Scale: 1})
		in, y, z := st.New(18, cols), st.New(18, 2*rows), st.New(18, 2*rows)
		st.Gather(in, tensor(st, x, 9, cols), c)
		st.MatMulExperts(y, in, a, c)
		st.MatMulExperts(z, in, b, c)
		return []kernels.Tensor{y, z}
	})
	s.near("experts that are not adjacent", got[0], floats(got[1]), Float)
	for what, bytes := range map[string]int{"overlap": size - 1, "lie beyond the data": 3 * size, "lie in the other direction": -2 * size} {
		gate.ExpertBytes = bytes
		if _, err := s.d.Load(gate); err == nil {
			s.Errorf("experts that %s were loaded", what)
		}
	}
}

func (s *suite) route(m kernels.Matrix, n, experts int, r kernels.Routing, bias, factors []float32) {
	s.Helper()
	logits, base := Gauss(s.r, n*experts), Gauss(s.r, n*experts)
	if bias != nil {
		r.Bias = s.vector(bias)
	}
	if factors != nil {
		r.Factors = s.vector(factors)
	}
	got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
		c := st.Route(view(st, logits, n, experts), &r)
		if c.Rows != n || c.Used != r.Used {
			s.Fatalf("a choice of %d experts for %d rows says %d for %d", r.Used, n, c.Used, c.Rows)
		}
		rows, y, sum := st.New(n*r.Used, 1), st.New(n*r.Used, m.Rows()), tensor(st, base, n, m.Rows())
		st.Gather(rows, tensor(st, slices.Repeat([]float32{1}, n), n, 1), c)
		st.MatMulExperts(y, rows, m, c)
		st.Combine(sum, y, c)
		return []kernels.Tensor{y, sum}
	})
	order := got[0]
	want := routed(logits, experts, &r, bias, factors)
	for i := range want {
		want[i] += float64(base[i])
	}
	limit := Float
	if r.Input { // the weights pass through the product
		limit += s.s.Product(quant.F32, 1)
	}
	s.near(name("Route of %d rows to %+v of %d experts", n, r, experts), got[1], want, limit)
	last := 0 // the groups are in the order of the experts
	for i := range n * r.Used {
		e := slices.IndexFunc(order[i*experts:][:experts], func(v float32) bool { return v != 0 })
		if e < last {
			s.Fatalf("Gather: row %d of the groups is of expert %d, behind one of %d", i, e, last)
		}
		last = e
	}
}

// groups checks the order of rows within groups, ties, and NaN.
func (s *suite) groups() {
	nan := float32(math.NaN())
	logits := []float32{
		0, 2, 0, 1, // 1 and 3
		1, 0, 0, 2, // 3 and 0
		0, 1, 0, 2, // 3 and 1
		1, 1, 1, 1, // 0 and 1: the lower indexes of equal values
		nan, 0, nan, 1, // 3 and 1: NaN comes last
	}
	r := &kernels.Routing{Used: 2, Sigmoid: true, Scale: 1}
	got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
		c := st.Route(tensor(st, logits, 5, 4), r)
		rows := view(st, nil, 10, 1)
		st.Gather(rows, tensor(st, []float32{0, 1, 2, 3, 4}, 5, 1), c)
		return []kernels.Tensor{rows}
	})
	if want := []float32{1, 3, 0, 2, 3, 4, 0, 1, 2, 4}; !slices.Equal(got[0], want) {
		s.Errorf("Gather: the groups hold rows %v, expected %v", got[0], want)
	}
}

// expertProducts checks MatMulExperts and MatMulGatedExperts with a format of each kind, few
// and many rows, with and without biases.
func (s *suite) expertProducts() {
	const experts, used = 5, 2
	for i, t := range []quant.Type{quant.F32, quant.BF16, quant.Q8_0, quant.Q4_K, quant.MXFP4, quant.IQ2_XS} {
		for _, n := range [][3]int{{1, 70, 256}, {9, 32, 512}, {150, 33, 256}} {
			s.expertCase(n[0], used, ExpertWeights(s.r, t, experts, n[1], n[2], i%2 == 0))
		}
		for _, n := range [][2]int{{1, 64}, {11, 45}, {130, 33}} {
			gate, up := ExpertWeights(s.r, t, experts, n[1], 256, i%2 == 0), ExpertWeights(s.r, quant.Q8_0, experts, n[1], 256, i%2 == 0)
			s.gatedExpertCase(n[0], used, gate, up)
		}
	}
	s.expertCase(40, 3, ExpertWeights(s.r, quant.F32, 7, 33, 37, true))
}

func (s *suite) expertCase(n, used int, w kernels.Weights) {
	s.Helper()
	m := s.load(w)
	if m.Rows() != w.Rows || m.Cols() != w.Cols || m.Bytes() < 0 {
		s.Fatalf("experts of %d × %d have %d × %d, %d bytes", w.Rows, w.Cols, m.Rows(), m.Cols(), m.Bytes())
	}
	x, logits := Gauss(s.r, n*w.Cols), Gauss(s.r, n*w.Experts)
	r := &kernels.Routing{Used: used, Scale: 1}
	got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
		c := st.Route(tensor(st, logits, n, w.Experts), r)
		rows, y := st.New(n*used, w.Cols), view(st, nil, n*used, w.Rows)
		sum := tensor(st, make([]float32, n*w.Rows), n, w.Rows)
		st.Gather(rows, view(st, x, n, w.Cols), c)
		st.MatMulExperts(y, rows, m, c)
		st.Combine(sum, y, c)
		return []kernels.Tensor{sum}
	})
	want := s.mixed(n, logits, r, w.Experts, w.Rows, func(e int) []float64 { return Product(x, n, expert(w, e)) })
	s.near(name("MatMulExperts, %d rows × %v %d × %d", n, w.Type, w.Rows, w.Cols), got[0], want, s.limit(w)+Float)
	if err := m.Close(); err != nil {
		s.Errorf("Matrix.Close: %v", err)
	}
}

func (s *suite) gatedExpertCase(n, used int, gate, up kernels.Weights) {
	s.Helper()
	m := s.load(gate, up)
	x, logits := Gauss(s.r, n*gate.Cols), Gauss(s.r, n*gate.Experts)
	r := &kernels.Routing{Used: used, Scale: 1}
	got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
		c := st.Route(tensor(st, logits, n, gate.Experts), r)
		rows, y := st.New(n*used, gate.Cols), st.New(n*used, gate.Rows)
		sum := tensor(st, make([]float32, n*gate.Rows), n, gate.Rows)
		st.Gather(rows, tensor(st, x, n, gate.Cols), c)
		st.MatMulGatedExperts(y, rows, m, c, kernels.SiLU)
		st.Combine(sum, y, c)
		return []kernels.Tensor{sum}
	})
	want := s.mixed(n, logits, r, gate.Experts, gate.Rows, func(e int) []float64 {
		g, u := Product(x, n, expert(gate, e)), Product(x, n, expert(up, e))
		for i := range g {
			g[i] = activated(kernels.SiLU, g[i]) * u[i]
		}
		return g
	})
	s.near(name("MatMulGatedExperts, %d rows × %v %d × %d", n, gate.Type, gate.Rows, gate.Cols), got[0], want, 3*s.limit(gate, up)+Float)
	if err := m.Close(); err != nil {
		s.Errorf("Matrix.Close: %v", err)
	}
}

// mixed returns the weighted sum of the results that the experts compute for all rows.
func (s *suite) mixed(n int, logits []float32, r *kernels.Routing, experts, cols int, made func(e int) []float64) []float64 {
	weights, want := routed(logits, experts, r, nil, nil), make([]float64, n*cols)
	for e := range experts {
		for i, v := range made(e) {
			want[i] += weights[i/cols*experts+e] * v
		}
	}
	return want
}

// expertLoading checks which weights of experts Load refuses.
func (s *suite) expertLoading() {
	first := ExpertWeights(s.r, quant.F32, 3, 1, 32, false)
	for what, w := range map[string]kernels.Weights{
		"too little data":           {Type: quant.F32, Rows: 1, Cols: 32, Data: make([]byte, 3*128-1), Experts: 3},
		"biases of one expert":      {Type: quant.F32, Rows: 1, Cols: 32, Data: make([]byte, 3*128), Experts: 3, Bias: make([]float32, 1)},
		"another number of experts": {Type: quant.F32, Rows: 1, Cols: 32, Data: make([]byte, 2*128), Experts: 2},
		"no experts":                {Type: quant.F32, Rows: 1, Cols: 32, Data: make([]byte, 128)},
		"no rows":                   {Type: quant.F32, Cols: 32, Experts: 3},
		"parts of blocks":           {Type: quant.Q4_K, Rows: 1, Cols: 32, Data: make([]byte, 3*144), Experts: 3},
		"an unknown format":         {Type: 77, Rows: 1, Cols: 32, Data: make([]byte, 3*128), Experts: 3},
		"columns of their own":      {Type: quant.F32, Rows: 1, Cols: 16, Data: make([]byte, 3*64), Experts: 3},
	} {
		if _, err := s.d.Load(first, w); err == nil {
			s.Errorf("experts with %s were loaded", what)
		}
	}
	if _, err := s.d.Load(expert(first, 0), first); err == nil {
		s.Error("experts were loaded behind an ordinary part")
	}
	if _, err := s.d.Load(kernels.Weights{Type: quant.F32, Rows: 1, Cols: 1, Data: make([]byte, 4), Experts: -1}); err == nil {
		s.Error("a negative number of experts was loaded")
	}
}

// elementProducts checks Mul.
func (s *suite) elementProducts() {
	for _, n := range [][2]int{{1, 5}, {90, 333}} {
		rows, cols := n[0], n[1]
		x, y, one, column := Gauss(s.r, rows*cols), Gauss(s.r, rows*cols), Gauss(s.r, cols), Gauss(s.r, rows)
		got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
			c := view(st, x, rows, cols)
			st.Mul(c, view(st, column, rows, 1))
			a, b, square := view(st, x, rows, cols), tensor(st, x, rows, cols), tensor(st, x, rows, cols)
			st.Mul(a, view(st, y, rows, cols))
			st.Mul(b, tensor(st, one, 1, cols))
			st.Mul(square, square)
			return []kernels.Tensor{a, b, square, c}
		})
		var want [4][]float64
		for i, v := range x {
			for j, f := range []float32{y[i], one[i%cols], v, column[i/cols]} {
				want[j] = append(want[j], float64(v)*float64(f))
			}
		}
		for j, what := range []string{"Mul", "Mul of every row", "Mul of a tensor with itself", "Mul of every column"} {
			s.near(what, got[j], want[j], Float)
		}
	}
}
