package devicetest

import (
	"soberano/kernels"
	"soberano/kernels/quant"
)

// Product computes x·wᵀ + bias in float64, [n][rows of all parts].
func Product(x []float32, n int, parts ...kernels.Weights) []float64 {
	rows := 0
	for _, w := range parts {
		rows += w.Rows
	}
	out := make([]float64, n*rows)
	first := 0
	for _, w := range parts {
		v := Values(w)
		for t := range n {
			for r := range w.Rows {
				sum := 0.0
				if w.Bias != nil {
					sum = float64(w.Bias[r])
				}
				for c, y := range x[t*w.Cols:][:w.Cols] {
					sum += float64(v[r*w.Cols+c]) * float64(y)
				}
				out[t*rows+first+r] = sum
			}
		}
		first += w.Rows
	}
	return out
}

// products checks MatMul and MatMulAdd with each format, alone and stacked, with biases, few
// and many rows, and sizes that are not multiples of the tile sizes.
func (s *suite) products() {
	for _, t := range Types {
		for _, n := range [][3]int{{1, 48, 512}, {3, 7, 256}, {17, 70, 256}} {
			s.product(n[0], RandomWeights(s.r, t, n[1], n[2]), s.biased(t, 33, n[2]))
		}
	}
	for _, t := range []quant.Type{quant.F32, quant.F16, quant.BF16} {
		s.product(14, s.biased(t, 33, 37), RandomWeights(s.r, t, 5, 37))
		s.product(61, RandomWeights(s.r, t, 45, 700))
	}
	s.product(9, RandomWeights(s.r, quant.Q4_K, 40, 256), s.biased(quant.F16, 31, 256), RandomWeights(s.r, quant.Q8_0, 1, 256))
}

func (s *suite) biased(t quant.Type, rows, cols int) kernels.Weights {
	w := RandomWeights(s.r, t, rows, cols)
	w.Bias = Gauss(s.r, rows)
	return w
}

func (s *suite) limit(parts ...kernels.Weights) float64 {
	limit := 0.0
	for _, w := range parts {
		limit = max(limit, s.s.Product(w.Type, w.Cols))
	}
	return limit
}

func (s *suite) product(n int, parts ...kernels.Weights) {
	s.Helper()
	m := s.load(parts...)
	x := Gauss(s.r, n*m.Cols())
	want := Product(x, n, parts...)
	if rows := len(want) / n; m.Rows() != rows || m.Cols() != parts[0].Cols || m.Bytes() < 0 {
		s.Fatalf("a matrix of %d × %d has %d × %d, %d bytes", rows, parts[0].Cols, m.Rows(), m.Cols(), m.Bytes())
	}
	got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
		xt, y, sum := tensor(st, x, n, m.Cols()), st.New(n, m.Rows()), st.New(n, m.Rows())
		st.MatMul(y, xt, m)
		st.MatMul(sum, xt, m)
		st.MatMulAdd(sum, xt, m)
		return []kernels.Tensor{y, sum}
	})
	what := name("%d rows × %v %d × %d", n, parts[0].Type, m.Rows(), m.Cols())
	s.near("MatMul, "+what, got[0], want, s.limit(parts...))
	for i := range want {
		want[i] *= 2
	}
	s.near("MatMulAdd, "+what, got[1], want, s.limit(parts...))
	if err := m.Close(); err != nil {
		s.Errorf("Matrix.Close: %v", err)
	}
}

// gated checks MatMulGated.
func (s *suite) gated() {
	for i, f := range []kernels.Activation{kernels.SiLU, kernels.GELUTanh, kernels.GELUErf, kernels.ReLU} {
		for _, n := range [][2]int{{1, 64}, {5, 45}, {61, 96}, {130, 33}} {
			for _, t := range []quant.Type{quant.F32, quant.Q4_1, quant.Q6_K} {
				gate, up := RandomWeights(s.r, t, n[1], 256), RandomWeights(s.r, quant.Q8_0, n[1], 256)
				if i%2 == 1 {
					gate.Bias, up.Bias = Gauss(s.r, n[1]), Gauss(s.r, n[1])
				}
				s.gatedCase(n[0], f, gate, up)
			}
		}
	}
}

func (s *suite) gatedCase(n int, f kernels.Activation, gate, up kernels.Weights) {
	x, m := Gauss(s.r, n*gate.Cols), s.load(gate, up)
	got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
		y := st.New(n, gate.Rows)
		st.MatMulGated(y, tensor(st, x, n, gate.Cols), m, f)
		return []kernels.Tensor{y}
	})
	g, u := Product(x, n, gate), Product(x, n, up)
	for i := range g {
		g[i] = activated(f, g[i]) * u[i]
	}
	s.near(name("MatMulGated %d, %d rows × %v %d", f, n, gate.Type, gate.Rows), got[0], g, 3*s.limit(gate, up)+Float)
	if err := m.Close(); err != nil {
		s.Errorf("Matrix.Close: %v", err)
	}
}

// productViews checks products of views: parts of larger tensors, neighbouring columns of the same
// tensor, and reused memory.
func (s *suite) productViews() {
	w := s.biased(quant.F32, 48, 64)
	m := s.load(w)
	for _, n := range []int{1, 20, 70} {
		x := Gauss(s.r, n*64)
		want := Product(x, n, w)
		got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
			y := view(st, nil, n, 48)
			st.MatMul(y, view(st, x, n, 64), m)
			side := st.New(n, 112) // x at the left, the result at its right
			st.Write(side.Slice(0, 64), x)
			st.MatMul(side.Slice(64, 48), side.Slice(0, 64), m)
			stride := kernels.OverStride
			memory := st.New(1, n*(stride(64)+stride(48)))
			over, right := memory.Over(0, n, 64), memory.Over(n*stride(64), n, 48)
			st.Write(over, x)
			st.MatMul(right, over, m)
			return []kernels.Tensor{y, side.Slice(64, 48), right}
		})
		for i, what := range []string{"views", "columns of one tensor", "the same memory"} {
			s.near(name("MatMul of %d rows, %s", n, what), got[i], want, s.limit(w))
		}
	}
}
