package cpu

import (
	"math"

	"soberano/kernels"
)

// scanJob is a Scan in progress. A unit of work is a head, or a run of heads of one column, of one span.
//
// The states of a head lie in panels of 32 columns, each [States][32]; the last panel of a head is narrower if Dim is not a multiple
// of 32. It is the layout of a panel of float32 weights (dTileGo), so that the addition of δ·x·b and the product with c are
// tiles. Where a head is one column, its states are one row, and the exponentials of many heads are computed at once.
type scanJob struct {
	lv      level
	p       kernels.Scan
	a       []float32
	bias, d []float32 // nil: none
	dst, x  kernels.Tensor
	dt      kernels.Tensor
	b, c    kernels.Tensor
	spans   []kernels.Span
	states  [][]float32 // of each span
	run     job         // a unit is a head
	single  job         // a unit is a run of columns
	scratch [][]float32 // of each worker
}

// scanColumns is the number of one-column heads in a unit of work.
const scanColumns = 64

func (j *scanJob) init(d *device) {
	j.lv = d.lv
	j.run, j.single = j.head, j.columns
	j.scratch = make([][]float32, d.pool.threads)
}

// Scan runs selective state spaces over the rows of each span.
func (s *step) Scan(dst, x, dt, b, c kernels.Tensor, layer int, p *kernels.Scan) {
	const op = "Scan"
	for _, t := range []*kernels.Tensor{&x, &dt, &b, &c} {
		s.Apart(op, &dst, t)
		if t.Rows != dst.Rows {
			panic("cpu: Scan: shapes differ")
		}
	}
	if p.Heads <= 0 || p.Dim <= 0 || p.States <= 0 || p.Groups <= 0 || p.Heads%p.Groups != 0 {
		panic("cpu: Scan: impossible heads")
	}
	if x.Cols != p.Heads*p.Dim || dst.Cols != x.Cols || dt.Cols != p.Heads || b.Cols != p.Groups*p.States || c.Cols != b.Cols {
		panic("cpu: Scan: shapes differ")
	}
	j := &s.d.scan
	j.a, j.bias, j.d = s.d.values(op, p.A), s.d.perHead(op, p.Bias, p.Heads), s.d.perHead(op, p.D, p.Heads)
	single := p.Dim == 1 && len(j.a) == p.Heads*p.States
	if !single && len(j.a) != p.Heads {
		panic("cpu: Scan: rates of other heads")
	}
	l := p.Layer()
	j.states = s.recurrent(op, j.states[:0], layer, l.Rows, l.Cols, dst.Rows)
	j.p, j.dst, j.x, j.dt, j.b, j.c, j.spans = *p, dst, x, dt, b, c, s.Batch.Spans
	if single {
		s.d.do(len(j.spans)*j.runs(), &j.single)
	} else {
		s.d.do(len(j.spans)*p.Heads, &j.run)
	}
	j.spans = nil
	clear(j.states)
}

// perHead returns the values of a vector that may be nil.
func (d *device) perHead(op string, v kernels.Vector, heads int) []float32 {
	if v == nil {
		return nil
	}
	x := d.values(op, v)
	if len(x) != heads {
		panic("cpu: " + op + ": a vector of other heads")
	}
	return x
}

// delta returns the step size of head h at row t.
func (j *scanJob) delta(t, h int) float64 {
	dt := float64(j.dt.Row(t)[h])
	if j.bias != nil {
		dt += float64(j.bias[h])
	}
	return max(dt, 0) + math.Log1p(math.Exp(-math.Abs(dt))) // softplus
}

// head computes all rows of a span for one head.
func (j *scanJob) head(_, unit int) {
	p := &j.p
	span, h := unit/p.Heads, unit%p.Heads
	sp, s := &j.spans[span], j.states[span][h*p.Dim*p.States:][:p.Dim*p.States]
	group := h / (p.Heads / p.Groups) * p.States
	for t := sp.Row; t < sp.Row+sp.N; t++ {
		delta := j.delta(t, h)
		decay := float32(math.Exp(delta * float64(j.a[h])))
		b, c := j.b.Row(t)[group:][:p.States], j.c.Row(t)[group:][:p.States]
		x, y := j.x.Row(t)[h*p.Dim:][:p.Dim], j.dst.Row(t)[h*p.Dim:][:p.Dim]
		for at := 0; at < p.Dim; at += 32 {
			width := min(32, p.Dim-at)
			panel := s[at*p.States:][:width*p.States]
			j.panel(panel, y[at:][:width], x[at:][:width], b, c, float32(delta), decay)
		}
		if j.d != nil {
			for i, v := range x {
				y[i] += j.d[h] * v
			}
		}
	}
}

// panel advances the states of up to 32 columns by one row.
func (j *scanJob) panel(s, y, x, b, c []float32, delta, decay float32) {
	if width := len(x); width < 32 {
		clear(y)
		for i, v := range b {
			row := s[i*width:][:width]
			for k := range row {
				row[k] = row[k]*decay + v*(x[k]*delta)
				y[k] += row[k] * c[i]
			}
		}
		return
	}
	var in [32]float32
	scaleTo(j.lv, in[:], x, delta)
	scaleTo(j.lv, s, s, decay)
	dTile(j.lv, kindF32, s, 32, b, 1, asBytes(in[:]), 1, len(b), true)
	dTile(j.lv, kindF32, y, 32, c, len(c), asBytes(s), len(c), 1, false)
}

// runs returns the number of units of work in which the one-column heads of a span are divided.
func (j *scanJob) runs() int { return (j.p.Heads + scanColumns - 1) / scanColumns }

// columns computes all rows of a span for a run of one-column heads.
func (j *scanJob) columns(worker, unit int) {
	p := &j.p
	span, from := unit/j.runs(), unit%j.runs()*scanColumns
	to := min(from+scanColumns, p.Heads)
	if len(j.scratch[worker]) < scanColumns*p.States {
		j.scratch[worker] = alignedF32(scanColumns * p.States)
	}
	sp, s, decay := &j.spans[span], j.states[span], j.scratch[worker][:(to-from)*p.States]
	var delta [scanColumns]float32
	for t := sp.Row; t < sp.Row+sp.N; t++ {
		for h := from; h < to; h++ {
			delta[h-from] = float32(j.delta(t, h))
			scaleTo(j.lv, decay[(h-from)*p.States:][:p.States], j.a[h*p.States:][:p.States], delta[h-from])
		}
		expSum(j.lv, decay, 0)
		x, y := j.x.Row(t), j.dst.Row(t)
		for h := from; h < to; h++ {
			group := h / (p.Heads / p.Groups) * p.States
			y[h] = column(s[h*p.States:][:p.States], decay[(h-from)*p.States:], j.b.Row(t)[group:], j.c.Row(t)[group:], x[h]*delta[h-from])
			if j.d != nil {
				y[h] += j.d[h] * x[h]
			}
		}
	}
}

// column advances the states of a column by x and returns their product with c.
func column(s, decay, b, c []float32, x float32) (y float32) {
	decay, b, c = decay[:len(s)], b[:len(s)], c[:len(s)]
	for i := range s {
		s[i] = s[i]*decay[i] + b[i]*x
		y += s[i] * c[i]
	}
	return y
}
