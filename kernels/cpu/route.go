package cpu

import (
	"math"
	"slices"

	"soberano/kernels"
)

// choice is the content of a kernels.Choice.
type choice struct {
	rows, used, experts int
	input               bool      // the weights multiply the rows that Gather copies
	expert              []int32   // [rows][used]
	weight              []float32 // [rows][used]
	place               []int32   // [rows][used]: index of the row's copy in the groups
	source              []int32   // [rows·used]: for each row of the groups, the row that it is a copy of
	share               []float32 // [rows·used]: the weight of each row of the groups; only with input
	first               []int32   // [experts+1]: index of the first row of each group
}

// leastSum is the smallest divisor for the normalisation of weights: the smallest normal float16, as
// in llama.cpp.
const leastSum = 1.0 / (1 << 14)

// Route chooses experts for each row of logits.
func (s *step) Route(logits kernels.Tensor, r *kernels.Routing) kernels.Choice {
	s.In("Route", &logits)
	if r.Used < 1 || r.Used > logits.Cols || logits.Rows > math.MaxInt32/r.Used {
		panic("cpu: Route: more experts to use than there are")
	}
	if r.Groups > 1 && (r.Groups > logits.Cols/2 || logits.Cols%r.Groups != 0 || r.UsedGroups < 1 || r.UsedGroups > r.Groups ||
		r.Used > r.UsedGroups*(logits.Cols/r.Groups)) {
		panic("cpu: Route: groups that do not have the experts")
	}
	d := s.d
	if s.choicesUsed == len(s.choices) {
		s.choices = append(s.choices, choice{})
	}
	c := &s.choices[s.choicesUsed]
	c.resize(logits.Rows, r.Used, logits.Cols)
	j := &d.row
	j.op, j.dst, j.x, j.routing, j.choice, j.w, j.beta = opRoute, s.New(logits.Rows, logits.Cols), logits, r, c, nil, nil
	j.groups = kernels.Tensor{}
	if r.Groups > 1 {
		j.groups = s.New(logits.Rows, r.Groups)
	}
	if r.Bias != nil {
		j.w = d.each("Route", r.Bias, logits.Cols)
	}
	if r.Factors != nil {
		j.beta = d.each("Route", r.Factors, logits.Cols)
	}
	j.start(d, logits.Rows, 4*logits.Cols)
	j.choice = nil
	c.input = r.Input
	c.group()
	s.choicesUsed++
	return kernels.Choice{Rows: c.rows, Used: c.used, Index: s.choicesUsed - 1, Step: s.ID}
}

// each returns the values of a vector that has one for each of n experts.
func (d *device) each(op string, v kernels.Vector, n int) []float32 {
	x := d.values(op, v)
	if len(x) != n {
		panic("cpu: " + op + ": shapes differ")
	}
	return x
}

// resize sets the shape and makes the slices large enough; their memory is reused.
func (c *choice) resize(rows, used, experts int) {
	n := rows * used
	c.rows, c.used, c.experts = rows, used, experts
	c.expert = slices.Grow(c.expert[:0], n)[:n]
	c.weight = slices.Grow(c.weight[:0], n)[:n]
	c.place = slices.Grow(c.place[:0], n)[:n]
	c.source = slices.Grow(c.source[:0], n)[:n]
	c.share = slices.Grow(c.share[:0], n)[:n]
	c.first = slices.Grow(c.first[:0], experts+1)[:experts+1]
}

// route converts row r of the logits to probabilities and chooses the row's experts.
func (j *rowJob) route(r int) {
	p := j.dst.Row(r)
	copy(p, j.x.Row(r))
	if !j.routing.AfterChoice {
		j.probabilities(p)
	}
	c := j.choice
	experts, weights := c.expert[r*c.used:][:c.used], c.weight[r*c.used:][:c.used]
	if j.routing.Groups > 1 {
		j.chooseInGroups(experts, weights, p, j.groups.Row(r))
	} else {
		j.choose(experts, weights, p)
	}
	for i, e := range experts {
		weights[i] = p[e]
	}
	if j.routing.AfterChoice {
		j.probabilities(weights)
	}
	scale := j.routing.Scale
	if j.routing.Normalize {
		scale /= max(sumGo(weights), leastSum)
	}
	for i, e := range experts {
		weights[i] *= scale
		if j.beta != nil {
			weights[i] *= j.beta[e]
		}
	}
}

// probabilities replaces logits by probabilities.
func (j *rowJob) probabilities(p []float32) {
	if j.routing.Sigmoid {
		for i, v := range p {
			p[i] = float32(1 / (1 + math.Exp(-float64(v))))
		}
		return
	}
	sum := expSum(j.lv, p, maxOf(j.lv, p))
	scaleTo(j.lv, p, p, inverse(sum))
}

// rank returns what expert e is chosen by: its probability and bias, -∞ for NaN.
func (j *rowJob) rank(p []float32, e int) float32 {
	v := p[e]
	if j.w != nil {
		v += j.w[e]
	}
	if v != v {
		return float32(math.Inf(-1))
	}
	return v
}

// choose writes the experts with the largest ranks to best, in descending order of the ranks and, for equal
// ones, in ascending order of the indexes. scores is scratch memory of the length of best.
func (j *rowJob) choose(best []int32, scores, p []float32) {
	n := 0
	for e := range p {
		n = insertBest(best, scores, n, e, j.rank(p, e))
	}
}

// chooseInGroups is choose for the groups whose two best experts have the largest sums of ranks. groups is scratch memory, a
// value for each group.
func (j *rowJob) chooseInGroups(best []int32, scores, p, groups []float32) {
	size := len(p) / len(groups)
	for g := range groups {
		groups[g] = j.twoBest(p, g*size, size)
	}
	for range j.routing.UsedGroups {
		top := -1
		for g, v := range groups {
			if v == v && (top < 0 || v > groups[top]) {
				top = g
			}
		}
		groups[top] = float32(math.NaN()) // marks the groups that are used
	}
	n := 0
	for e := range p {
		if v := groups[e/size]; v != v {
			n = insertBest(best, scores, n, e, j.rank(p, e))
		}
	}
}

// twoBest returns the sum of the two largest ranks of the n experts from first on.
func (j *rowJob) twoBest(p []float32, first, n int) float32 {
	a, b := float32(math.Inf(-1)), float32(math.Inf(-1)) // a ≥ b
	for e := first; e < first+n; e++ {
		switch v := j.rank(p, e); {
		case v > a:
			a, b = v, a
		case v > b:
			b = v
		}
	}
	if sum := a + b; sum == sum {
		return sum
	}
	return float32(math.Inf(-1))
}

// insertBest inserts expert e into the n experts of best, which are in descending order of their scores, and returns their
// new number. If best is full, the last one is dropped.
func insertBest(best []int32, scores []float32, n, e int, v float32) int {
	if n == len(best) {
		if v <= scores[n-1] {
			return n
		}
		n--
	}
	i := n
	for ; i > 0 && scores[i-1] < v; i-- {
		scores[i], best[i] = scores[i-1], best[i-1]
	}
	scores[i], best[i] = v, int32(e)
	return n + 1
}

// group fills first, place, source and share from the chosen experts.
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
		c.source[c.first[e]], c.share[c.first[e]] = int32(i/c.used), c.weight[i]
		c.first[e]++
	}
	copy(c.first[1:], c.first[:c.experts])
	c.first[0] = 0
}

// chosen returns the choice that c refers to. It panics if c does not belong to this step.
func (s *step) chosen(op string, c kernels.Choice) *choice {
	s.Check(op)
	if c.Step != s.ID || c.Index < 0 || c.Index >= s.choicesUsed {
		panic("cpu: " + op + ": a choice of another step")
	}
	return &s.choices[c.Index]
}

// Gather copies the rows of x to the groups of their experts in dst.
func (s *step) Gather(dst, x kernels.Tensor, c kernels.Choice) {
	const op = "Gather"
	ch := s.chosen(op, c)
	s.Apart(op, &dst, &x)
	if x.Rows != ch.rows || dst.Rows != ch.rows*ch.used || dst.Cols != x.Cols {
		panic("cpu: Gather: shapes differ")
	}
	j := &s.d.row
	j.op, j.dst, j.x, j.choice = opGather, dst, x, ch
	j.start(s.d, dst.Rows, dst.Cols)
	j.choice = nil
}

// gather writes row r of the groups.
func (j *rowJob) gather(r int) {
	c := j.choice
	if from := j.x.Row(int(c.source[r])); c.input {
		scaleTo(j.lv, j.dst.Row(r), from, c.share[r])
	} else {
		copy(j.dst.Row(r), from)
	}
}

// Combine adds the weighted sum of each row's expert results to dst.
func (s *step) Combine(dst, x kernels.Tensor, c kernels.Choice) {
	const op = "Combine"
	ch := s.chosen(op, c)
	s.Apart(op, &dst, &x)
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
	if c.input {
		for i := range c.used {
			addTo(j.lv, dst, j.x.Row(int(c.place[r*c.used+i])))
		}
		return
	}
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
