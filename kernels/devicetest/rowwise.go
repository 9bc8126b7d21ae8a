package devicetest

import (
	"math"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// norms checks RMSNorm and LayerNorm on rows and parts of rows, and in place.
func (s *suite) norms() {
	for _, n := range [][3]int{{1, 7, 7}, {3, 96, 32}, {200, 130, 65}, {70, 576, 576}} {
		rows, cols, run := n[0], n[1], n[2]
		x, w, gamma, beta := Gauss(s.r, rows*cols), Gauss(s.r, run), Gauss(s.r, cols), Gauss(s.r, cols)
		for i := range x {
			x[i] = 3*x[i] + 5
		}
		wv, gv, bv, runBeta := s.vector(w), s.vector(gamma), s.vector(beta), s.vector(beta[:run])
		got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
			xt, y, in, runs := tensor(st, x, rows, cols), view(st, nil, rows, cols), view(st, x, rows, cols), view(st, x, rows, cols)
			st.RMSNorm(y, xt, wv, 1e-5)
			st.RMSNorm(in, in, wv, 1e-5)
			st.LayerNorm(xt, xt, gv, bv, 1e-5)
			st.LayerNorm(runs, runs, wv, runBeta, 1e-5)
			return []kernels.Tensor{y, in, xt, runs}
		})
		want := make([]float64, len(x))
		for i := 0; i < len(x); i += run {
			square := 0.0
			for _, v := range x[i : i+run] {
				square += float64(v) * float64(v)
			}
			for j := range run {
				want[i+j] = float64(x[i+j]) / math.Sqrt(square/float64(run)+1e-5) * float64(w[j])
			}
		}
		s.near(name("RMSNorm of %v", n), got[0], want, Float)
		s.near(name("RMSNorm of %v in place", n), got[1], want, Float)
		s.near(name("LayerNorm of %v in place", n), got[2], layerNormed(x, gamma, beta), Float)
		s.near(name("LayerNorm of %v, runs in place", n), got[3], layerNormed(x, w, beta[:run]), Float)
	}
}

// layerNormed returns LayerNorm of each run of len(gamma) values of x.
func layerNormed(x, gamma, beta []float32) []float64 {
	n, out := len(gamma), make([]float64, len(x))
	for i := 0; i < len(x); i += n {
		var mean, square float64
		for _, v := range x[i : i+n] {
			mean += float64(v) / float64(n)
		}
		for _, v := range x[i : i+n] {
			square += (float64(v) - mean) * (float64(v) - mean)
		}
		for j := range n {
			out[i+j] = (float64(x[i+j])-mean)/math.Sqrt(square/float64(n)+1e-5)*float64(gamma[j]) + float64(beta[j])
		}
	}
	return out
}

// activated returns f(x).
func activated(f kernels.Activation, x float64) float64 {
	switch f {
	case kernels.SiLU:
		return x / (1 + math.Exp(-x))
	case kernels.GELUTanh:
		return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	case kernels.GELUErf:
		return 0.5 * x * (1 + math.Erf(x/math.Sqrt2))
	case kernels.ReLUSquared:
		return max(x, 0) * max(x, 0)
	case kernels.Sigmoid:
		return 1 / (1 + math.Exp(-x))
	case kernels.Softplus:
		return math.Log(1 + math.Exp(x))
	case kernels.SwiGLU7:
		x = min(x, 7)
		return x / (1 + math.Exp(-1.702*x))
	case kernels.GELUQuick:
		return x / (1 + math.Exp(-1.702*x))
	}
	return max(x, 0)
}

// gated returns what f makes of a gate and up.
func gated(f kernels.Activation, gate, up float64) float64 {
	if f == kernels.SwiGLU7 {
		return activated(f, gate) * (1 + max(min(up, 7), -7))
	}
	return activated(f, gate) * up
}

// activations checks Activate with and without up, and with dst being either input.
func (s *suite) activations() {
	for _, n := range [][2]int{{1, 5}, {3, 16}, {90, 333}} {
		rows, cols := n[0], n[1]
		g, u := Gauss(s.r, rows*cols), Gauss(s.r, rows*cols)
		for i := 0; i < len(g); i += 3 {
			g[i], u[i] = 6*g[i], 6*u[i] // beyond the limits of SwiGLU7
		}
		for _, f := range []kernels.Activation{kernels.SiLU, kernels.GELUTanh, kernels.GELUErf, kernels.ReLU, kernels.ReLUSquared, kernels.SwiGLU7, kernels.GELUQuick, kernels.Sigmoid, kernels.Softplus} {
			got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
				gt, ut := tensor(st, g, rows, cols), tensor(st, u, rows, cols)
				alone, both := st.New(rows, cols), view(st, nil, rows, cols)
				st.Activate(alone, gt, kernels.Tensor{}, f)
				st.Activate(both, gt, ut, f)
				st.Activate(ut, gt, ut, f)
				st.Activate(gt, gt, kernels.Tensor{}, f)
				return []kernels.Tensor{alone, both, ut, gt}
			})
			want, product := make([]float64, len(g)), make([]float64, len(g))
			for i, v := range g {
				want[i] = activated(f, float64(v))
				product[i] = gated(f, float64(v), float64(u[i]))
			}
			for i, w := range [][]float64{want, product, product, want} {
				s.near(name("Activate %d of %v, case %d", f, n, i), got[i], w, Float)
			}
		}
	}
}

// sums checks Add with equal numbers of rows, with one row, and with a constant.
func (s *suite) sums() {
	for _, n := range [][2]int{{1, 5}, {90, 333}} {
		rows, cols := n[0], n[1]
		x, y, one := Gauss(s.r, rows*cols), Gauss(s.r, rows*cols), Gauss(s.r, cols)
		table := s.vector(append(Gauss(s.r, 0), y...))
		got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
			a, b := tensor(st, x, rows, cols), view(st, x, rows, cols)
			st.Add(a, tensor(st, y, rows, cols))
			st.Add(a, tensor(st, one, 1, cols))
			st.Add(b, st.Const(table, rows, cols))
			return []kernels.Tensor{a, b}
		})
		two, three := make([]float64, len(x)), make([]float64, len(x))
		for i := range x {
			two[i] = float64(x[i]) + float64(y[i])
			three[i] = two[i] + float64(one[i%cols])
		}
		s.near("Add", got[0], three, Float)
		s.near("Add of a constant", got[1], two, Float)
	}
}

// unfolding checks Unfold.
func (s *suite) unfolding() {
	for _, n := range [][5]int{{5, 2, 3, 2, 1}, {5, 128, 2, 1, 0}, {1, 64, 3, 1, 1}, {300, 80, 3, 1, 1}, {301, 80, 3, 2, 1}, {9, 7, 1, 3, 0}} {
		rows, cols, width, stride, pad := n[0], n[1], n[2], n[3], n[4]
		x := Gauss(s.r, rows*cols)
		out := (rows+2*pad-width)/stride + 1
		got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
			y := st.New(out, width*cols)
			st.Unfold(y, view(st, x, rows, cols), width, stride, pad)
			return []kernels.Tensor{y}
		})
		want := make([]float64, out*width*cols)
		for r := range out {
			for i := range width {
				if from := r*stride - pad + i; from >= 0 && from < rows {
					copy(want[(r*width+i)*cols:][:cols], floats(x[from*cols:][:cols]))
				}
			}
		}
		s.near(name("Unfold %v", n), got[0], want, 0)
	}
}

// rotation checks Rotate with both orders of pairs, with dimensions that are not rotated, and at large positions.
func (s *suite) rotation() {
	freq := []float32{1, 0.3, 0.01, 1e-5}
	v := s.vector(freq)
	s.offsetRotation(v, freq)
	s.axesRotation(v, freq)
	pos := []int32{0, 5, 300, 20000, 1_000_000}
	for _, interleaved := range []bool{false, true} {
		for _, dim := range []int{8, 12} {
			for _, scale := range []float32{1, 1.25} {
				rope := &kernels.RoPE{HeadDim: dim, Freq: v, Scale: scale, Interleaved: interleaved}
				x := Gauss(s.r, len(pos)*3*dim)
				got := s.step(&kernels.Batch{Positions: pos}, func(st kernels.Step) []kernels.Tensor {
					xt := view(st, x, len(pos), 3*dim)
					st.Rotate(xt, rope)
					return []kernels.Tensor{xt}
				})
				s.near(name("Rotate, interleaved %v, %d dimensions", interleaved, dim), got[0], rotated(x, pos, freq, rope), Float)
			}
		}
	}
}

// offsetRotation checks that Rotate leaves the dimensions before the offset as they are.
func (s *suite) offsetRotation(v kernels.Vector, freq []float32) {
	const dim, offset = 13, 5
	pos := []int32{7, 900}
	for _, interleaved := range []bool{false, true} {
		x := Gauss(s.r, len(pos)*3*dim)
		got := s.step(&kernels.Batch{Positions: pos}, func(st kernels.Step) []kernels.Tensor {
			xt := view(st, x, len(pos), 3*dim)
			st.Rotate(xt, &kernels.RoPE{HeadDim: dim, Offset: offset, Freq: v, Scale: 1, Interleaved: interleaved})
			return []kernels.Tensor{xt}
		})
		var tail []float32 // the rotated dimensions of each head
		for h := offset; h < len(x); h += dim {
			tail = append(tail, x[h:][:2*len(freq)]...)
		}
		want, turned := floats(x), rotated(tail, pos, freq, &kernels.RoPE{HeadDim: 2 * len(freq), Scale: 1, Interleaved: interleaved})
		for h := range len(pos) * 3 {
			copy(want[h*dim+offset:], turned[h*2*len(freq):][:2*len(freq)])
		}
		s.near(name("Rotate from dimension %d on, interleaved %v", offset, interleaved), got[0], want, Float)
	}
}

// axesRotation checks Rotate by positions with several axes: of a batch that has them, and of one that has not.
func (s *suite) axesRotation(v kernels.Vector, freq []float32) {
	const dim = 12
	axis := []uint8{0, 2, 1, 2}
	pos, axes := []int32{0, 5, 300, 20000}, [][]int32{{1, 7, 300, 5}, {2, 30000, 299, 4}, {1_000_000, 0, 17, 3}}
	for _, interleaved := range []bool{false, true} {
		for _, has := range []bool{false, true} {
			rope := &kernels.RoPE{HeadDim: dim, Freq: v, Scale: 1.25, Interleaved: interleaved, Axis: axis}
			b := &kernels.Batch{Positions: pos}
			if has {
				b.Axes = axes
			}
			x := Gauss(s.r, len(pos)*3*dim)
			got := s.step(b, func(st kernels.Step) []kernels.Tensor {
				xt := view(st, x, len(pos), 3*dim)
				st.Rotate(xt, rope)
				return []kernels.Tensor{xt}
			})
			want := floats(x)
			for a := range axes {
				mine, at := make([]float32, len(freq)), pos // without the pairs of other axes
				for i, f := range freq {
					if int(axis[i]) == a {
						mine[i] = f
					}
				}
				if has {
					at = axes[a]
				}
				turned := rotated(x, at, mine, &kernels.RoPE{HeadDim: dim, Scale: 1.25, Interleaved: interleaved})
				for i := range want {
					if pair := pairOf(i%dim, len(freq), interleaved); pair >= 0 && int(axis[pair]) == a {
						want[i] = turned[i]
					}
				}
			}
			s.near(name("Rotate by several axes, interleaved %v, in the batch %v", interleaved, has), got[0], want, Float)
		}
	}
}

// pairOf returns which of n pairs dimension i of a head belongs to; -1: none.
func pairOf(i, n int, interleaved bool) int {
	switch {
	case i >= 2*n:
		return -1
	case interleaved:
		return i / 2
	}
	return i % n
}

// rotated computes Rotate in float64, for rows of three heads.
func rotated(x []float32, pos []int32, freq []float32, r *kernels.RoPE) []float64 {
	out := floats(x)
	for row, p := range pos {
		for h := range 3 {
			v := out[(row*3+h)*r.HeadDim:]
			for i, f := range freq {
				a, b := i, i+len(freq)
				if r.Interleaved {
					a, b = 2*i, 2*i+1
				}
				sin, cos := math.Sincos(float64(p) * float64(f))
				scale := float64(r.Scale)
				v[a], v[b] = scale*(v[a]*cos-v[b]*sin), scale*(v[a]*sin+v[b]*cos)
			}
		}
	}
	return out
}

// embedding checks Embed and EmbedPositions with rows of every format and of a stacked matrix.
func (s *suite) embedding() {
	for _, t := range Types {
		a, b := RandomWeights(s.r, t, 5, 256), RandomWeights(s.r, quant.Q8_0, 4, 256)
		m, v := s.load(a, b), append(Values(a), Values(b)...)
		ids, pos := []int32{8, 0, 4, 5, 8}, []int32{3, 3, 7, 0, 1}
		got := s.step(&kernels.Batch{Tokens: ids, Positions: pos}, func(st kernels.Step) []kernels.Tensor {
			x, y := st.New(len(ids), 256), view(st, nil, len(ids), 256)
			st.Embed(x, m, 2)
			st.EmbedPositions(y, m)
			return []kernels.Tensor{x, y}
		})
		var tokens, places []float64
		for i := range ids {
			for c := range 256 {
				tokens = append(tokens, 2*float64(v[int(ids[i])*256+c]))
				places = append(places, float64(v[int(pos[i])*256+c]))
			}
		}
		s.near(name("Embed of %v", t), got[0], tokens, Float)
		s.near(name("EmbedPositions of %v", t), got[1], places, Float)
	}
}
