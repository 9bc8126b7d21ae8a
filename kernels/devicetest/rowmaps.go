package devicetest

import (
	"math"

	"soberano/kernels"
)

// rowMaps checks Scale, SoftCap, MatchNorm, Cutoff, XIELU and Clamp.
func (s *suite) rowMaps() {
	bend := kernels.XIELU{AlphaP: 0.75, AlphaN: 1.5, Beta: 0.5, Eps: -0.25}
	for _, n := range [][2]int{{1, 5}, {3, 16}, {90, 333}} {
		rows, cols := n[0], n[1]
		x, y := Gauss(s.r, rows*cols), Gauss(s.r, rows*cols)
		for i := range cols {
			y[i] *= 20 // SoftCap's limits are reached
		}
		got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
			scaled, in := view(st, nil, rows, cols), view(st, x, rows, cols)
			st.Scale(scaled, in, -2.5)
			st.Scale(in, in, 3)
			capped, tanh, cut := tensor(st, y, rows, cols), view(st, nil, rows, cols), st.New(rows, cols)
			st.SoftCap(tanh, capped, 1)
			st.Cutoff(cut, capped, 0.5)
			st.SoftCap(capped, capped, 7)
			matched := tensor(st, x, rows, cols)
			st.MatchNorm(matched, view(st, y, rows, cols))
			bent, clamped := view(st, nil, rows, cols), tensor(st, y, rows, cols)
			st.XIELU(bent, clamped, bend)
			st.Clamp(clamped, clamped, -4, 9)
			return []kernels.Tensor{scaled, in, tanh, capped, cut, matched, bent, clamped}
		})
		want := make([][]float64, len(got))
		for r := range rows {
			most, ratio := cutoff(y[r*cols:][:cols], 0.5), norm(y[r*cols:][:cols])/norm(x[r*cols:][:cols])
			for i := r * cols; i < (r+1)*cols; i++ {
				a, b := float64(x[i]), float64(y[i])
				for j, v := range []float64{-2.5 * a, 3 * a, math.Tanh(b), 7 * math.Tanh(b/7), max(b-most, 0), a * ratio, xielu(b), min(max(b, -4), 9)} {
					want[j] = append(want[j], v)
				}
			}
		}
		for j, what := range []string{"Scale", "Scale in place", "SoftCap to 1", "SoftCap in place", "Cutoff", "MatchNorm", "XIELU", "Clamp in place"} {
			s.near(name("%s of %v", what, n), got[j], want[j], Float)
		}
	}
	got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
		y := tensor(st, []float32{0, 0, 0}, 1, 3)
		st.MatchNorm(y, tensor(st, []float32{1, 2, 3}, 1, 3))
		return []kernels.Tensor{y}
	})
	s.near("MatchNorm of zeros", got[0], make([]float64, 3), 0)
}

// xielu is the XIELU with the parameters 0.75, 1.5, 0.5 and -0.25.
func xielu(x float64) float64 {
	if x > 0 {
		return 0.75*x*x + 0.5*x
	}
	return 1.5*(math.Expm1(min(x, -0.25))-x) + 0.5*x
}

// norm returns the Euclidean norm of x.
func norm(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

// cutoff returns the mean of x and k standard deviations.
func cutoff(x []float32, k float64) float64 {
	mean, square := 0.0, 0.0
	for _, v := range x {
		mean += float64(v) / float64(len(x))
	}
	for _, v := range x {
		square += (float64(v) - mean) * (float64(v) - mean)
	}
	return mean + k*math.Sqrt(square/float64(len(x)-1))
}

// mixing checks Mix and CopyHeads.
func (s *suite) mixing() {
	for _, c := range []struct{ rows, parts, to, width int }{{1, 1, 1, 5}, {3, 4, 4, 16}, {70, 4, 3, 300}, {5, 1, 4, 64}, {2, 3, 1, 7}} {
		x, y := Gauss(s.r, c.rows*c.parts*c.width), Gauss(s.r, c.rows*c.to*c.width)
		w := Gauss(s.r, c.rows*c.to*c.parts)
		got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
			dst := view(st, y, c.rows, c.to*c.width)
			st.Mix(dst, view(st, x, c.rows, c.parts*c.width), view(st, w, c.rows, c.to*c.parts), c.parts)
			return []kernels.Tensor{dst}
		})
		want := floats(y)
		for r := range c.rows {
			for i := range c.to {
				for p := range c.parts {
					f := float64(w[(r*c.to+i)*c.parts+p])
					for k := range c.width {
						want[(r*c.to+i)*c.width+k] += f * float64(x[(r*c.parts+p)*c.width+k])
					}
				}
			}
		}
		s.near(name("Mix of %+v", c), got[0], want, Float)
	}
	for _, c := range []struct{ rows, heads, toWidth, fromWidth, to, from, cols int }{{1, 1, 4, 4, 0, 0, 4}, {40, 5, 24, 40, 16, 30, 8}, {3, 16, 7, 3, 6, 1, 1}} {
		x, y := Gauss(s.r, c.rows*c.heads*c.fromWidth), Gauss(s.r, c.rows*c.heads*c.toWidth)
		got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
			dst := view(st, y, c.rows, c.heads*c.toWidth)
			st.CopyHeads(dst, view(st, x, c.rows, c.heads*c.fromWidth), c.heads, c.to, c.from, c.cols)
			return []kernels.Tensor{dst}
		})
		want := floats(y)
		for h := range c.rows * c.heads {
			copy(want[h*c.toWidth+c.to:][:c.cols], floats(x[h*c.fromWidth+c.from:][:c.cols]))
		}
		s.near(name("CopyHeads of %+v", c), got[0], want, 0)
	}
}

// lookups checks that a matrix for lookup only serves Embed and EmbedPositions.
func (s *suite) lookups() {
	a, b := RandomWeights(s.r, Types[0], 5, 256), RandomWeights(s.r, Types[len(Types)-1], 4, 256)
	a.Lookup, b.Lookup = true, true
	m, v := s.load(a, b), append(Values(a), Values(b)...)
	ids, pos := []int32{8, 0, 4}, []int32{3, 7, 0}
	got := s.step(&kernels.Batch{Tokens: ids, Positions: pos}, func(st kernels.Step) []kernels.Tensor {
		x, y := st.New(len(ids), 256), st.New(len(ids), 256)
		st.Embed(x, m, 1)
		st.EmbedPositions(y, m)
		return []kernels.Tensor{x, y}
	})
	for i, list := range [][]int32{ids, pos} {
		var want []float64
		for _, id := range list {
			want = append(want, floats(v[int(id)*256:][:256])...)
		}
		s.near("a matrix for lookup", got[i], want, Float)
	}
	b.Lookup = false
	if _, err := s.d.Load(a, b); err == nil {
		s.Error("a matrix was loaded of which only a part is for lookup")
	}
	e := ExpertWeights(s.r, Types[0], 2, 4, 256, false)
	e.Lookup = true
	if _, err := s.d.Load(e); err == nil {
		s.Error("experts were loaded for lookup")
	}
	if err := m.Close(); err != nil {
		s.Errorf("Matrix.Close: %v", err)
	}
}

// badRowMaps lists misuses of the operations of this file.
var badRowMaps = []wrongCase{
	{"Scale", "after End", ended, func(w *wrong) { w.st.Scale(w.y, w.x, 1) }},
	{"Scale", "columns", nil, func(w *wrong) { w.st.Scale(w.y, w.x.Slice(0, 32), 1) }},
	{"Scale", "a tensor of another step", nil, func(w *wrong) { w.st.Scale(w.y, w.old, 1) }},
	{"SoftCap", "no limit", nil, func(w *wrong) { w.st.SoftCap(w.y, w.x, 0) }},
	{"SoftCap", "rows", nil, func(w *wrong) { w.st.SoftCap(w.y.Sub(0, 3), w.x, 1) }},
	{"Cutoff", "columns", nil, func(w *wrong) { w.st.Cutoff(w.y, w.x.Slice(0, 32), 1) }},
	{"XIELU", "columns", nil, func(w *wrong) { w.st.XIELU(w.y, w.x.Slice(0, 32), kernels.XIELU{}) }},
	{"Clamp", "columns", nil, func(w *wrong) { w.st.Clamp(w.y, w.x.Slice(0, 32), -1, 1) }},
	{"Clamp", "limits in the wrong order", nil, func(w *wrong) { w.st.Clamp(w.y, w.x, 1, -1) }},
	{"MatchNorm", "rows", nil, func(w *wrong) { w.st.MatchNorm(w.y, w.x.Sub(0, 2)) }},
	{"Mix", "dst overlaps x", nil, func(w *wrong) { w.st.Mix(w.x, w.x, w.y.Slice(0, 4), 2) }},
	{"Mix", "dst overlaps the weights", nil, func(w *wrong) { w.st.Mix(w.y, w.x, w.y.Slice(0, 4), 2) }},
	{"Mix", "other weights", nil, func(w *wrong) { w.st.Mix(w.y, w.x, w.st.New(4, 3), 2) }},
	{"Mix", "parts of different widths", nil, func(w *wrong) { w.st.Mix(w.y, w.x, w.st.New(4, 9), 3) }},
	{"Mix", "no parts", nil, func(w *wrong) { w.st.Mix(w.y, w.x, w.st.New(4, 0), 0) }},
	{"Mix", "rows of weights", nil, func(w *wrong) { w.st.Mix(w.y, w.x, w.st.New(3, 4), 2) }},
	{"CopyHeads", "dst is x", nil, func(w *wrong) { w.st.CopyHeads(w.x, w.x, 2, 0, 0, 8) }},
	{"CopyHeads", "columns beyond a head of x", nil, func(w *wrong) { w.st.CopyHeads(w.y, w.x, 4, 0, 10, 8) }},
	{"CopyHeads", "columns beyond a head of dst", nil, func(w *wrong) { w.st.CopyHeads(w.y, w.x, 4, 10, 0, 8) }},
	{"CopyHeads", "parts of heads", nil, func(w *wrong) { w.st.CopyHeads(w.y, w.x, 3, 0, 0, 8) }},
	{"MatMul", "a matrix for lookup", nil, func(w *wrong) {
		v := RandomWeights(w.r, Types[0], 64, 256)
		v.Lookup = true
		w.st.MatMul(w.y, w.st.New(4, 256), w.load(v))
	}},
	{"Rotate", "dimensions beyond a head", nil, func(w *wrong) { w.rope.Offset = 2; w.st.Rotate(w.x, w.rope) }},
	{"Attend", "sinks of other heads", nil, func(w *wrong) {
		w.st.Store(w.x, w.y, 1, w.a)
		w.a.Sinks = w.one
		w.st.Attend(w.y, w.x, 1, w.a)
	}},
	{"Attend", "slopes of other heads", nil, func(w *wrong) {
		w.st.Store(w.x, w.y, 1, w.a)
		w.a.Slopes = w.one
		w.st.Attend(w.y, w.x, 1, w.a)
	}},
	{"Weights", "a soft cap", nil, func(w *wrong) { w.a.SoftCap = 30; w.st.Weights(w.st.New(4, 2), w.x, 1, 0, w.a) }},
	{"Route", "groups of one expert", nil, func(w *wrong) {
		w.st.Route(w.x.Slice(0, 8), &kernels.Routing{Used: 1, Scale: 1, Groups: 8, UsedGroups: 2})
	}},
	{"Route", "more experts than the groups have", nil, func(w *wrong) {
		w.st.Route(w.x.Slice(0, 8), &kernels.Routing{Used: 3, Scale: 1, Groups: 4, UsedGroups: 1})
	}},
	{"Route", "factors of other experts", nil, func(w *wrong) {
		w.st.Route(w.x.Slice(0, 8), &kernels.Routing{Used: 1, Scale: 1, Factors: w.one})
	}},
}
