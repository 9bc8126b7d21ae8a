//go:build (linux || windows) && cgo

package gl

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// tolerance is the largest error that Check accepts, ‖got-want‖ / ‖want‖.
const tolerance = 1e-4

// Check runs a small case of the kernels of which language models consist and compares the results with those of the host: products with
// every block format for one row and for many, a gated product, a norm, a softmax, rotary embedding, attention over the stored keys and values and its weights, experts, and the recurrences. The error
// wraps ErrWrong if a result is wrong.
func Check(g *GPU) error {
	g.chooseVariants()
	return g.check(func(c *checker) {
		for _, t := range quant.Types() {
			c.product(t)
		}
		c.gated()
		c.norm()
		c.softmax()
		c.attention()
		c.scores()
		c.experts()
		c.convolution()
		c.scan()
		c.deltaRule()
		c.wkv()
	})
}

// check runs cases on a device of its own.
func (g *GPU) check(cases func(c *checker)) error {
	made, err := Options{GPU: g}.open()
	if err != nil {
		return err
	}
	c := checker{d: made, r: rand.New(rand.NewPCG(3, 5))}
	cases(&c)
	return errors.Join(c.err, made.Close())
}

// variant checks the kernels that have a variant.
func (c *checker) variant(v variant) {
	if v == subgroups {
		c.norm()
		c.softmax()
		c.attention()
		return
	}
	c.product(quant.F32)
	c.product(quant.Q8_0)
	c.gated()
}

// checker runs the cases until one fails.
type checker struct {
	d   kernels.Device
	r   *rand.Rand
	err error
}

// random returns n normally distributed values.
func (c *checker) random(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(c.r.NormFloat64())
	}
	return x
}

// weights returns rows × cols random weights of type t, and their values.
func (c *checker) weights(t quant.Type, rows, cols int) (kernels.Weights, []float32) {
	data, values := make([]byte, rows*t.RowBytes(cols)), make([]float32, rows*cols)
	for b := range len(values) / t.BlockValues() {
		block, v := data[b*t.BlockBytes():][:t.BlockBytes()], values[b*t.BlockValues():][:t.BlockValues()]
		for ordinary := false; !ordinary; ordinary = largest(v) > 1e-3 && largest(v) < 1e3 {
			for i := range block {
				block[i] = byte(c.r.Uint32())
			}
			quant.Dequantize(t, v, block)
		}
	}
	return kernels.Weights{Type: t, Rows: rows, Cols: cols, Data: data}, values
}

// largest returns the largest magnitude; NaN if there is one.
func largest(x []float32) float64 {
	most := 0.0
	for _, v := range x {
		most = math.Max(most, math.Abs(float64(v)))
	}
	return most
}

// compare runs f in a step and compares the tensor that it returns with want.
func (c *checker) compare(what string, want []float64, b *kernels.Batch, f func(st kernels.Step) kernels.Tensor) {
	if c.err != nil {
		return
	}
	st := c.d.Begin(b)
	got := st.Read(f(st))
	if c.err = st.End(); c.err != nil {
		return
	}
	var off, size float64
	for i, w := range want {
		e := float64(got.Row(i / got.Cols)[i%got.Cols]) - w
		off, size = off+e*e, size+w*w
	}
	if e := math.Sqrt(off / size); !(e <= tolerance) {
		c.err = fmt.Errorf("gl: %w: %s: error %g", ErrWrong, what, e)
	}
}

// product checks products of 1, 8 and 9 rows with weights of type t: matvec.glsl and tile.glsl.
func (c *checker) product(t quant.Type) {
	const rows, cols = 70, 768 // each of the 16 invocations of a row has a run of 32 values, and some have two
	if c.err != nil {
		return
	}
	w, values := c.weights(t, rows, cols)
	m, err := c.d.Load(w)
	if err != nil {
		c.err = err
		return
	}
	for _, n := range []int{1, few, few + 1} {
		x, want := c.random(n*cols), make([]float64, n*rows)
		for i := range want {
			for k, v := range values[i%rows*cols:][:cols] {
				want[i] += float64(v) * float64(x[i/rows*cols+k])
			}
		}
		c.compare(fmt.Sprintf("a product of %d rows with %v", n, t), want, nil, func(st kernels.Step) kernels.Tensor {
			out := st.New(n, rows)
			st.MatMul(out, given(st, n, x), m)
			return out
		})
	}
	c.err = errors.Join(c.err, m.Close())
}

// gated checks a product with a gate and its equal.
func (c *checker) gated() {
	const rows, cols = 10, 768
	if c.err != nil {
		return
	}
	gate, g := c.weights(quant.Q4_K, rows, cols)
	up, u := c.weights(quant.Q4_K, rows, cols)
	x, want := c.random(cols), make([]float64, rows)
	for i := range want {
		var a, b float64
		for k, v := range x {
			a, b = a+float64(v)*float64(g[i*cols+k]), b+float64(v)*float64(u[i*cols+k])
		}
		want[i] = a / (1 + math.Exp(-a)) * b
	}
	m, err := c.d.Load(gate, up)
	if err != nil {
		c.err = err
		return
	}
	c.compare("a gated product", want, nil, func(st kernels.Step) kernels.Tensor {
		in, out := st.New(1, cols), st.New(1, rows)
		st.Write(in, x)
		st.MatMulGated(out, in, m, kernels.SiLU)
		return out
	})
	c.err = errors.Join(c.err, m.Close())
}

// norm checks RMSNorm, with the rotation of a head behind it.
func (c *checker) norm() {
	const cols, pos = 128, 77
	x, ones, freq := c.random(cols), make([]float32, cols), make([]float32, cols/2)
	square := 0.0
	for i, v := range x {
		ones[i] = 1
		square += float64(v) * float64(v)
	}
	want := make([]float64, cols)
	for i := range freq {
		freq[i] = float32(math.Pow(10000, -float64(i)/float64(len(freq))))
		sin, cos := math.Sincos(pos * float64(freq[i]))
		a, b, f := float64(x[i]), float64(x[i+len(freq)]), math.Sqrt(cols/square)
		want[i], want[i+len(freq)] = f*(a*cos-b*sin), f*(a*sin+b*cos)
	}
	weight, frequencies := c.vector(ones), c.vector(freq)
	c.compare("a norm and a rotation", want, &kernels.Batch{Positions: []int32{pos}}, func(st kernels.Step) kernels.Tensor {
		t := st.New(1, cols)
		st.Write(t, x)
		st.RMSNorm(t, t, weight, 0)
		st.Rotate(t, &kernels.RoPE{HeadDim: cols, Freq: frequencies, Scale: 1})
		return t
	})
}

// softmax checks the softmax of a row.
func (c *checker) softmax() {
	const cols = 300
	x, want, sum := c.random(cols), make([]float64, cols), 0.0
	for i, v := range x {
		want[i] = math.Exp(0.5 * float64(v))
		sum += want[i]
	}
	for i := range want {
		want[i] /= sum
	}
	c.compare("a softmax", want, nil, func(st kernels.Step) kernels.Tensor {
		t := st.New(1, cols)
		st.Write(t, x)
		st.(*step).norm(opSoftmax, t, t, cols, nothing, nothing, 0.5)
		return t
	})
}

func (c *checker) vector(x []float32) kernels.Vector {
	v, err := c.d.NewVector(x)
	c.err = errors.Join(c.err, err)
	return v
}

// attention checks Store and Attend: two heads of queries share a head of keys, whose positions are in two pages. First many rows attend, then one, whose
// keys are divided into parts.
func (c *checker) attention() {
	const dim, n, scale = 64, 300, 0.125
	a := &kernels.Attention{Heads: 2, KVHeads: 1, HeadDim: dim, Scale: scale, Causal: true}
	state, err := c.d.NewState(kernels.StateShape{Layers: []kernels.Layer{{KVHeads: 1, KeyDim: dim, ValueDim: dim}}, Cap: n + 1})
	if c.err = errors.Join(c.err, err); c.err != nil {
		return
	}
	q, k, v := c.random(2*dim), c.halves((n+1)*dim), c.halves((n+1)*dim)
	for _, from := range []int{0, n} {
		rows := min(n, n+1-from)
		batch := &kernels.Batch{Spans: []kernels.Span{{State: state, Pos: from, N: rows}}}
		c.compare(fmt.Sprintf("an attention of %d rows", rows), attended(q, k[:(from+rows)*dim], v, dim, scale), batch, func(st kernels.Step) kernels.Tensor {
			queries := st.New(rows, 2*dim)
			st.Write(queries.Sub(rows-1, 1), q)
			st.Write(queries.Sub(0, rows-1), make([]float32, 2*dim*(rows-1)))
			st.Store(given(st, rows, k[from*dim:][:rows*dim]), given(st, rows, v[from*dim:][:rows*dim]), 0, a)
			st.Attend(queries, queries, 0, a)
			return queries.Sub(rows-1, 1)
		})
	}
}

// attended returns the attention of two heads of queries to keys and values of one head.
func attended(q, k, v []float32, dim int, scale float64) []float64 {
	want := make([]float64, 2*dim)
	for h := range 2 {
		sum := 0.0
		for p := range len(k) / dim {
			score := 0.0
			for d := range dim {
				score += float64(q[h*dim+d]) * float64(k[p*dim+d])
			}
			e := math.Exp(score * scale)
			sum += e
			for d := range dim {
				want[h*dim+d] += e * float64(v[p*dim+d])
			}
		}
		for d := range dim {
			want[h*dim+d] /= sum
		}
	}
	return want
}

// halves returns n random values that float16 represents exactly.
func (c *checker) halves(n int) []float32 {
	x := c.random(n)
	for i, v := range x {
		x[i] = quant.F16ToF32(quant.F32ToF16(v))
	}
	return x
}
