//go:build (linux || windows) && cgo

package gl

import (
	"math"
	"slices"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// given returns a tensor with these values, in so many rows.
func given(st kernels.Step, rows int, x []float32) kernels.Tensor {
	t := st.New(rows, len(x)/rows)
	st.Write(t, x)
	return t
}

// scores checks Weights, of the second of two heads that share a head of keys, whose positions are in two pages: scores.glsl.
func (c *checker) scores() {
	const dim, n, scale = 48, 300, 0.125
	a := &kernels.Attention{Heads: 2, KVHeads: 1, HeadDim: dim, Scale: scale, Causal: true}
	if c.err != nil {
		return
	}
	state, err := c.d.NewState(kernels.StateShape{Layers: []kernels.Layer{{KVHeads: 1, KeyDim: dim, ValueDim: dim}}, Cap: n})
	if err != nil {
		c.err = err
		return
	}
	q, k, want, sum := c.random(2*dim), c.halves(n*dim), make([]float64, n), 0.0
	for p := range want {
		for d, v := range q[dim:] {
			want[p] += scale * float64(v) * float64(k[p*dim+d])
		}
		want[p] = math.Exp(want[p])
		sum += want[p]
	}
	for p := range want {
		want[p] /= sum
	}
	c.compare("the weights of an attention", want, &kernels.Batch{Spans: []kernels.Span{{State: state, N: n}}}, func(st kernels.Step) kernels.Tensor {
		keys := given(st, n, k)
		st.Store(keys, keys, 0, a)
		queries := given(st, n, make([]float32, 2*dim*n))
		st.Write(queries.Sub(0, 1), q)
		weights := st.New(n, n)
		st.Weights(weights, queries, 0, 1, a)
		return weights.Sub(0, 1)
	})
	if c.err == nil {
		c.err = state.Close()
	}
}

// experts checks Route, Gather, a product by experts, an activation of its results, and Combine.
func (c *checker) experts() {
	const experts, used, n, cols, rows = 5, 2, 3, 64, 10
	if c.err != nil {
		return
	}
	w, values := c.weights(quant.Q8_0, experts*rows, cols)
	w.Experts, w.Rows = experts, rows
	m, err := c.d.Load(w)
	if err != nil {
		c.err = err
		return
	}
	x, logits, want := c.random(n*cols), c.random(n*experts), make([]float64, n*rows)
	for i := range n {
		row, sum := logits[i*experts:][:experts], 0.0
		for _, l := range row {
			sum += math.Exp(float64(l))
		}
		least := slices.Sorted(slices.Values(row))[experts-used]
		for e, l := range row {
			for j := 0; j < rows && l >= least; j++ {
				dot := 0.0
				for k, v := range values[(e*rows+j)*cols:][:cols] {
					dot += float64(v) * float64(x[i*cols+k])
				}
				want[i*rows+j] += math.Exp(float64(l)) / sum * math.Max(dot, 0)
			}
		}
	}
	c.compare("experts", want, nil, func(st kernels.Step) kernels.Tensor {
		choice := st.Route(given(st, n, logits), &kernels.Routing{Used: used, Scale: 1})
		in, out := st.New(n*used, cols), st.New(n*used, rows)
		st.Gather(in, given(st, n, x), choice)
		st.MatMulExperts(out, in, m, choice)
		st.Activate(out, out, kernels.Tensor{}, kernels.ReLU)
		dst := given(st, n, make([]float32, n*rows))
		st.Combine(dst, out, choice)
		return dst
	})
	if c.err == nil {
		c.err = m.Close()
	}
}

// The recurrences are checked with some rows of one head of so many dimensions.
const (
	recurrentRows = 3
	recurrentDim  = 8
)

// recurrence compares what f computes, with a state that keeps rows × cols values, with want.
func (c *checker) recurrence(what string, rows, cols int, want []float64, f func(st kernels.Step) kernels.Tensor) {
	if c.err != nil {
		return
	}
	state, err := c.d.NewState(kernels.StateShape{Layers: []kernels.Layer{{Kind: kernels.Recurrent, Rows: rows, Cols: cols}}, Cap: recurrentRows})
	if err != nil {
		c.err = err
		return
	}
	c.compare(what, want, &kernels.Batch{Spans: []kernels.Span{{State: state, N: recurrentRows}}}, f)
	if c.err == nil {
		c.err = state.Close()
	}
}

// convolution checks ShortConv with three weights for each column.
func (c *checker) convolution() {
	const n, dim, width = recurrentRows, recurrentDim, 3
	x, w, want := c.random(n*dim), c.random(width*dim), make([]float64, n*dim)
	for i := range want {
		for k := range width {
			if from := i/dim - width + 1 + k; from >= 0 {
				want[i] += float64(w[k*dim+i%dim]) * float64(x[from*dim+i%dim])
			}
		}
	}
	taps := c.vector(w)
	c.recurrence("a convolution", width-1, dim, want, func(st kernels.Step) kernels.Tensor {
		dst := st.New(n, dim)
		st.ShortConv(dst, given(st, n, x), taps, 0)
		return dst
	})
}

// scan checks Scan.
func (c *checker) scan() {
	const n, dim, states = recurrentRows, recurrentDim, 4
	const rate = -0.5
	x, dt, b, w, want := c.random(n*dim), c.random(n), c.random(n*states), c.random(n*states), make([]float64, n*dim)
	var s [dim][states]float64
	for r := range n {
		delta := math.Log1p(math.Exp(float64(dt[r])))
		for col := range dim {
			for i := range states {
				s[col][i] = math.Exp(delta*rate)*s[col][i] + delta*float64(x[r*dim+col])*float64(b[r*states+i])
				want[r*dim+col] += s[col][i] * float64(w[r*states+i])
			}
		}
	}
	p := &kernels.Scan{Heads: 1, Dim: dim, States: states, Groups: 1, A: c.vector([]float32{rate})}
	c.recurrence("a scan", dim, states, want, func(st kernels.Step) kernels.Tensor {
		dst := st.New(n, dim)
		st.Scan(dst, given(st, n, x), given(st, n, dt), given(st, n, b), given(st, n, w), 0, p)
		return dst
	})
}

// headState is what a head of DeltaRule or WKV keeps.
type headState [recurrentDim][recurrentDim]float64

// dot returns the products of x with the columns of s.
func (s *headState) dot(x []float32) (y [recurrentDim]float64) {
	for i := range s {
		for j := range s {
			y[j] += float64(x[i]) * s[i][j]
		}
	}
	return y
}

// deltaRule checks DeltaRule.
func (c *checker) deltaRule() {
	const n, dim = recurrentRows, recurrentDim
	q, k, v, decay, beta := c.random(n*dim), c.random(n*dim), c.random(n*dim), c.random(n), c.random(n)
	var want []float64
	var s headState
	for r := range n {
		key := k[r*dim:][:dim]
		for i := range s {
			for j := range s {
				s[i][j] *= math.Exp(float64(decay[r]))
			}
		}
		old := s.dot(key)
		for i := range s {
			for j := range s {
				s[i][j] += float64(key[i]) * float64(beta[r]) * (float64(v[r*dim+j]) - old[j])
			}
		}
		y := s.dot(q[r*dim:])
		want = append(want, y[:]...)
	}
	rule := &kernels.DeltaRule{Heads: 1, KeyHeads: 1, KeyDim: dim, ValueDim: dim}
	c.recurrence("a delta rule", dim, dim, want, func(st kernels.Step) kernels.Tensor {
		dst := st.New(n, dim)
		st.DeltaRule(dst, given(st, n, q), given(st, n, k), given(st, n, v), given(st, n, decay), given(st, n, beta), 0, rule)
		return dst
	})
}

// wkv checks WKV.
func (c *checker) wkv() {
	const n, dim = recurrentRows, recurrentDim
	var in [6][]float32 // r, decay, k, v, a, b
	for i := range in {
		in[i] = c.random(n * dim)
	}
	var want []float64
	var s headState
	for row := range n {
		at := func(t, i int) float64 { return float64(in[t][row*dim+i]) }
		old := s.dot(in[4][row*dim:])
		for i := range s {
			for j := range s {
				s[i][j] = math.Exp(at(1, i))*s[i][j] + at(5, i)*old[j] + at(2, i)*at(3, j)
			}
		}
		y := s.dot(in[0][row*dim:])
		want = append(want, y[:]...)
	}
	c.recurrence("a recurrence of RWKV", dim, dim, want, func(st kernels.Step) kernels.Tensor {
		var t [6]kernels.Tensor
		for i := range t {
			t[i] = given(st, n, in[i])
		}
		dst := st.New(n, dim)
		st.WKV(dst, t[0], t[1], t[2], t[3], t[4], t[5], 0, 1)
		return dst
	})
}
