//go:build (linux || windows) && cgo

package gl

import (
	"math"

	"soberano/kernels"
)

// choice is where the content of a kernels.Choice lies: places of its parts in a buffer, in words.
type choice struct {
	rows, used, experts                  int
	input                                bool // the weights multiply the rows that Gather copies
	b                                    *buffer
	expert, weight, place, source, tiles int
	mostTiles                            int
}

// Route chooses experts for each row of logits and arranges the rows in groups.
func (s *step) Route(logits kernels.Tensor, r *kernels.Routing) kernels.Choice {
	const op = "Route"
	s.In(op, &logits)
	experts := logits.Cols
	if r.Used < 1 || r.Used > experts || logits.Rows > math.MaxInt32/r.Used {
		panic("gl: Route: more experts to use than there are")
	}
	if r.Groups > 1 && (r.Groups > experts/2 || experts%r.Groups != 0 || r.UsedGroups < 1 || r.UsedGroups > r.Groups ||
		r.Used > r.UsedGroups*(experts/r.Groups)) {
		panic("gl: Route: groups that do not have the experts")
	}
	bias, factors := s.d.each(op, r.Bias, experts), s.d.each(op, r.Factors, experts)
	if experts > mostExperts {
		s.fail(ErrUnsupported)
	}
	c := s.newChoice(logits.Rows, r.Used, experts)
	c.input = r.Input
	s.run(program{kernel: "route"}, groups{min(logits.Rows, mostGroups), 1, 1},
		[]*buffer{bufferOf(&logits), vectorOf(bias), vectorOf(factors), c.b, c.b},
		logits.Rows, experts, logits.Offset, logits.Stride, r.Used, flag(r.Sigmoid), flag(r.AfterChoice), flag(bias != nil),
		r.Groups, r.UsedGroups, flag(r.Normalize), bits(r.Scale), flag(factors != nil), c.expert, c.weight)
	s.run(program{kernel: "group"}, groups{1, 1, 1}, []*buffer{c.b},
		c.rows*c.used, experts, c.used, c.expert, c.place, c.source, c.tiles, c.mostTiles)
	return kernels.Choice{Rows: c.rows, Used: c.used, Index: s.choicesUsed - 1, Step: s.ID}
}

// newChoice returns a choice of this step with memory of the arena.
func (s *step) newChoice(rows, used, experts int) *choice {
	n := rows * used
	c := choice{rows: rows, used: used, experts: experts, mostTiles: n/few + min(n, experts)}
	c.b, c.expert = s.take(4*n + 3*c.mostTiles)
	c.weight, c.place, c.source, c.tiles = c.expert+n, c.expert+2*n, c.expert+3*n, c.expert+4*n
	s.choices = append(s.choices[:s.choicesUsed], c)
	s.choicesUsed++
	return &s.choices[s.choicesUsed-1]
}

// chosen returns the choice that c refers to. It panics if c does not belong to this step.
func (s *step) chosen(op string, c kernels.Choice) *choice {
	s.Check(op)
	if c.Step != s.ID || c.Index < 0 || c.Index >= s.choicesUsed {
		panic("gl: " + op + ": a choice of another step")
	}
	return &s.choices[c.Index]
}

// Gather copies the rows of x to the groups of their experts in dst.
func (s *step) Gather(dst, x kernels.Tensor, c kernels.Choice) {
	const op = "Gather"
	ch := s.chosen(op, c)
	s.Apart(op, &dst, &x)
	if x.Rows != ch.rows || dst.Rows != ch.rows*ch.used || dst.Cols != x.Cols {
		panic("gl: Gather: shapes differ")
	}
	s.spread(0, dst, x, ch)
}

// Combine adds the weighted sum of each row's expert results to dst.
func (s *step) Combine(dst, x kernels.Tensor, c kernels.Choice) {
	const op = "Combine"
	ch := s.chosen(op, c)
	s.Apart(op, &dst, &x)
	if dst.Rows != ch.rows || x.Rows != ch.rows*ch.used || dst.Cols != x.Cols {
		panic("gl: Combine: shapes differ")
	}
	s.spread(1, dst, x, ch)
}

// spread records an operation of spread.glsl.
func (s *step) spread(option int, dst, x kernels.Tensor, c *choice) {
	s.run(program{kernel: "spread", option: option}, over(dst.Rows*dst.Cols), []*buffer{bufferOf(&dst), bufferOf(&x), c.b},
		dst.Rows, dst.Cols, dst.Offset, dst.Stride, x.Offset, x.Stride, c.used, c.weight, c.place, c.source, flag(c.input))
}

// byExpert checks the arguments that products by experts have in common.
func (s *step) byExpert(op string, dst, x *kernels.Tensor, w kernels.Matrix, c kernels.Choice) (*matrix, *choice) {
	ch := s.chosen(op, c)
	s.Apart(op, dst, x)
	m := s.d.open(op, w)
	if m.experts != ch.experts {
		panic("gl: " + op + ": a matrix of other experts than the choice is of")
	}
	if x.Cols != m.cols || x.Rows != ch.rows*ch.used || dst.Rows != x.Rows {
		panic("gl: " + op + ": shapes differ")
	}
	return m, ch
}

// grouped returns the product of the groups x with the matrices of their experts.
func grouped(dst, x kernels.Tensor, c *choice) product {
	return product{dst: dst, x: x, mode: modeExperts, choice: c.b, tilesAt: c.tiles, tiles: c.mostTiles}
}

// MatMulExperts multiplies the rows of each group with the matrix of the group's expert.
func (s *step) MatMulExperts(dst, x kernels.Tensor, w kernels.Matrix, c kernels.Choice) {
	m, ch := s.byExpert("MatMulExperts", &dst, &x, w, c)
	if dst.Cols != m.rows {
		panic("gl: MatMulExperts: shapes differ")
	}
	s.multiply(m, grouped(dst, x, ch))
}

// MatMulGatedExperts is MatMulGated by experts.
func (s *step) MatMulGatedExperts(dst, x kernels.Tensor, w kernels.Matrix, c kernels.Choice, f kernels.Activation) {
	m, ch := s.byExpert("MatMulGatedExperts", &dst, &x, w, c)
	if !m.gated() || dst.Cols != m.rows/2 {
		panic("gl: MatMulGatedExperts: not a gate and its equal, or shapes differ")
	}
	s.gatedProduct(m, grouped(dst, x, ch), f, true)
}
