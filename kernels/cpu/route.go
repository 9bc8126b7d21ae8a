package cpu

import (
	"math"
	"slices"

	"soberano/kernels"
)

// choice is the content of a kernels.Choice.
type choice struct {
	rows, used, experts int
	expert              []int32   // [rows][used]
	weight              []float32 // [rows][used]
	place               []int32   // [rows][used]: index of the row's copy in the groups
	source              []int32   // [rows·used]: for each row of the groups, the row that it is a copy of
	first               []int32   // [experts+1]: index of the first row of each group
}

// leastSum is the smallest divisor for the normalisation of weights: the smallest normal float16, as
// in llama.cpp.
const leastSum = 1.0 / (1 << 14)

// Route chooses experts for each row of logits.
func (s *step) Route(logits kernels.Tensor, r *kernels.Routing) kernels.Choice {
	s.in("Route", &logits)
	if r.Used < 1 || r.Used > logits.Cols || logits.Rows > math.MaxInt32/r.Used {
		panic("cpu: Route: more experts to use than there are")
	}
	d := s.d
	if s.choicesUsed == len(s.choices) {
		s.choices = append(s.choices, choice{})
	}
	c := &s.choices[s.choicesUsed]
	c.resize(logits.Rows, r.Used, logits.Cols)
	j := &d.row
	j.op, j.dst, j.x, j.routing, j.choice, j.w = opRoute, s.New(logits.Rows, logits.Cols), logits, r, c, nil
	if r.Bias != nil {
		if j.w = d.values("Route", r.Bias); len(j.w) != logits.Cols {
			panic("cpu: Route: shapes differ")
		}
	}
	j.start(d, logits.Rows, 4*logits.Cols)
	j.choice = nil
	c.group()
	s.choicesUsed++
	return kernels.Choice{Rows: c.rows, Used: c.used, Index: s.choicesUsed - 1, Step: s.id}
}

// resize sets the shape and makes the slices large enough; their memory is reused.
func (c *choice) resize(rows, used, experts int) {
	n := rows * used
	c.rows, c.used, c.experts = rows, used, experts
	c.expert = slices.Grow(c.expert[:0], n)[:n]
	c.weight = slices.Grow(c.weight[:0], n)[:n]
	c.place = slices.Grow(c.place[:0], n)[:n]
	c.source = slices.Grow(c.source[:0], n)[:n]
	c.first = slices.Grow(c.first[:0], experts+1)[:experts+1]
}

// route converts row r of the logits to probabilities and chooses the row's experts.
func (j *rowJob) route(r int) {
	p := j.dst.Row(r)
	copy(p, j.x.Row(r))
	if j.routing.Sigmoid {
		for i, v := range p {
			p[i] = float32(1 / (1 + math.Exp(-float64(v))))
		}
	} else {
		sum := expSum(j.lv, p, maxOf(j.lv, p))
		scaleTo(j.lv, p, p, inverse(sum))
	}
	c := j.choice
	experts, weights := c.expert[r*c.used:][:c.used], c.weight[r*c.used:][:c.used]
	largestOf(experts, weights, p, j.w)
	sum := float32(0)
	for i, e := range experts {
		weights[i] = p[e]
		sum += p[e]
	}
	scale := j.routing.Scale
	if j.routing.Normalize {
		scale /= max(sum, leastSum)
	}
	for i := range weights {
		weights[i] *= scale
	}
}

// largestOf writes the indexes of the largest values of p + bias to best, in descending
// order of the values and, for equal values, in ascending order of the indexes. NaN counts
// as -∞. scores is scratch memory of the length of best; bias may be nil.
func largestOf(best []int32, scores, p, bias []float32) {
	n := 0
	for e, v := range p {
		if bias != nil {
			v += bias[e]
		}
		if v != v {
			v = float32(math.Inf(-1))
		}
		if n == len(best) {
			if v <= scores[n-1] {
				continue
			}
			n--
		}
		i := n
		for ; i > 0 && scores[i-1] < v; i-- {
			scores[i], best[i] = scores[i-1], best[i-1]
		}
		scores[i], best[i] = v, int32(e)
		n++
	}
}

// group fills first, place and source from the chosen experts.
func (c *choice) group() {
	clear(c.first)
	for _, e := range c.expert {
		c.first[e+1]++
	}
	for e := range c.experts {
		c.first[e+1] += c.first[e]
	}
	for i, e := range c.expert { // first[e] advances to the end of the group
		c.place[i] = c.first[e]
		c.source[c.first[e]] = int32(i / c.used)
		c.first[e]++
	}
	copy(c.first[1:], c.first[:c.experts])
	c.first[0] = 0
}

// chosen returns the choice that c refers to. It panics if c does not belong to this step.
func (s *step) chosen(op string, c kernels.Choice) *choice {
	s.check(op)
	if c.Step != s.id || c.Index < 0 || c.Index >= s.choicesUsed {
		panic("cpu: " + op + ": a choice of another step")
	}
	return &s.choices[c.Index]
}

// Gather copies the rows of x to the groups of their experts in dst.
func (s *step) Gather(dst, x kernels.Tensor, c kernels.Choice) {
	const op = "Gather"
	ch := s.chosen(op, c)
	s.in(op, &x)
	s.out(op, &dst)
	apart(op, &dst, &x)
	if x.Rows != ch.rows || dst.Rows != ch.rows*ch.used || dst.Cols != x.Cols {
		panic("cpu: Gather: shapes differ")
	}
	j := &s.d.row
	j.op, j.dst, j.x, j.choice = opGather, dst, x, ch
	j.start(s.d, dst.Rows, dst.Cols)
	j.choice = nil
}

// Combine adds the weighted sum of each row's expert results to dst.
func (s *step) Combine(dst, x kernels.Tensor, c kernels.Choice) {
	const op = "Combine"
	ch := s.chosen(op, c)
	s.in(op, &x)
	s.out(op, &dst)
	apart(op, &dst, &x)
	if dst.Rows != ch.rows || x.Rows != ch.rows*ch.used || dst.Cols != x.Cols {
		panic("cpu: Combine: shapes differ")
	}
	j := &s.d.row
	j.op, j.dst, j.x, j.choice = opCombine, dst, x, ch
	j.start(s.d, dst.Rows, ch.used*dst.Cols)
	j.choice = nil
}

// piece is the number of columns that are combined or convolved at a time.
const piece = 256

// combine adds to row r of dst the rows of its experts, multiplied by their weights, piece columns at a time.
func (j *rowJob) combine(r int) {
	c, dst := j.choice, j.dst.Row(r)
	var buf [piece]float32
	for at := 0; at < len(dst); at += piece {
		n := min(piece, len(dst)-at)
		for i := range c.used {
			row := j.x.Row(int(c.place[r*c.used+i]))
			scaleTo(j.lv, buf[:n], row[at:at+n], c.weight[r*c.used+i])
			addTo(j.lv, dst[at:at+n], buf[:n])
		}
	}
}
