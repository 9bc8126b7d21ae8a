//go:build (linux || windows) && cgo

package gl

import "soberano/kernels"

const (
	// mostExperts is the largest number of experts of a matrix: Route keeps their probabilities in shared memory.
	mostExperts = 2048
	// few is the number of rows of x that one work group multiplies with the weights that it unpacks; see matvec.glsl.
	few = 8
	// A tile of dst has tileCols columns, and tileRows rows for each unit of the option; see tile.glsl.
	tileRows, tileCols = 8, 64
	// mostRows and fewRows are the options for many rows of x, and for those of which one tile of that option has all.
	mostRows, fewRows = 8, 4
	// matvecRows is the number of rows of weights of a work group of matvec.glsl.
	matvecRows = 4
)

// The modes of matvec.glsl.
const (
	modePlain = iota
	modeExperts
	modeHeads
)

// product is a product with one part of a matrix.
type product struct {
	dst, x kernels.Tensor
	add    bool
	mode   int
	// For experts: the choice, and where its tiles lie in its buffer. There are at most tiles of them.
	choice           *buffer
	tilesAt, tiles   int
	xWidth, dstWidth int // for heads
	heads            int
	gate             bool // w has gate and up, of which dst gets the gated product
	activation       kernels.Activation
}

// MatMul writes x·wᵀ (+ bias) to dst.
func (s *step) MatMul(dst, x kernels.Tensor, w kernels.Matrix) { s.matmul("MatMul", dst, x, w, false) }

// MatMulAdd adds x·wᵀ (+ bias) to dst.
func (s *step) MatMulAdd(dst, x kernels.Tensor, w kernels.Matrix) {
	s.matmul("MatMulAdd", dst, x, w, true)
}

// matmul writes (or, with add, adds) x·wᵀ to dst.
func (s *step) matmul(op string, dst, x kernels.Tensor, w kernels.Matrix, add bool) {
	m := s.factor(op, &dst, &x, w)
	if dst.Cols != m.rows {
		panic("gl: " + op + ": shapes differ")
	}
	s.multiply(m, product{dst: dst, x: x, add: add, choice: nothing})
}

// MatMulGated writes f(x·gateᵀ) · x·upᵀ to dst. w was loaded from gate and up.
func (s *step) MatMulGated(dst, x kernels.Tensor, w kernels.Matrix, f kernels.Activation) {
	m := s.factor("MatMulGated", &dst, &x, w)
	if !m.gated() || dst.Cols != m.rows/2 {
		panic("gl: MatMulGated: not a gate and its equal, or shapes differ")
	}
	s.gatedProduct(m, product{dst: dst, x: x, choice: nothing}, f, x.Rows <= few)
}

// gatedProduct records a product with gate and up, whose activation is f: one dispatch where the weights of both lie in one buffer and matvec.glsl
// multiplies them, otherwise the product and the activation.
func (s *step) gatedProduct(m *matrix, p product, f kernels.Activation, matvec bool) {
	s.checkActivation(f)
	if matvec && len(m.parts) == 1 && (m.experts > 0 || len(m.parts[0].chunks) == 1) {
		p.gate, p.activation = true, f
		s.multiply(m, p)
		return
	}
	dst := p.dst
	p.dst = s.New(p.x.Rows, m.rows)
	s.multiply(m, p)
	s.activate(opGated, dst, p.dst.Slice(0, dst.Cols), p.dst.Slice(dst.Cols, dst.Cols), f)
}

// factor checks the arguments that products with a matrix without experts have in common, and returns the matrix.
func (s *step) factor(op string, dst, x *kernels.Tensor, w kernels.Matrix) *matrix {
	s.Apart(op, dst, x)
	m := s.d.plain(op, w)
	if m.lookup {
		panic("gl: " + op + ": a matrix for lookup only")
	}
	if x.Cols != m.cols || dst.Rows != x.Rows {
		panic("gl: " + op + ": shapes differ")
	}
	return m
}

// gated reports whether m was loaded from two parts with the same number of rows.
func (m *matrix) gated() bool { return len(m.source) == 2 && m.source[0].Rows == m.source[1].Rows }

// The parts of matvec's option.
const (
	matvecGated = 1
	matvecQuads = 2
)

// quads reports whether the rows of x begin at multiples of four values and have whole runs of the blocks.
func (p *product) quads(cols int) bool {
	return p.x.Offset%4 == 0 && p.x.Stride%4 == 0 && p.xWidth%4 == 0 && cols%32 == 0
}

// multiply records a product: a dispatch for each chunk of each part.
func (s *step) multiply(m *matrix, p product) {
	s.follow(p.dst, p.x)
	first := len(s.commands)
	for i := range m.parts {
		for _, c := range m.parts[i].chunks {
			s.chunk(m, &m.parts[i], c, p)
		}
	}
	s.together(first) // they write different columns of dst, or different groups
	s.followed()
}

// chunk records the product with one chunk.
func (s *step) chunk(m *matrix, part *part, c chunk, p product) {
	kernel := program{kernel: "matvec", weight: part.kind, blocks: true}
	rows := c.rows
	if p.gate {
		kernel.option, rows = matvecGated, rows/2
	}
	if p.quads(m.cols) {
		kernel.option |= matvecQuads
	}
	high, heads := (p.x.Rows+few-1)/few, 1
	switch {
	case p.mode == modeExperts:
		high = p.tiles
	case p.mode == modeHeads:
		heads = p.heads
	case p.x.Rows > few:
		s.tiles(m, part, c, p)
		return
	}
	tiles := (rows + matvecRows - 1) / matvecRows
	work := float64(c.rows) / float64(tiles) * float64(m.cols) * float64(p.x.Rows*heads)
	s.pieces(kernel, tiles, high, heads, work, s.operands(part, c, p), p.params(m, part, c))
}

// pieces records a product whose work groups number all × high × heads, of which those with the same first number do work multiplications together, as
// dispatches of no more than the bound, unless work is more.
func (s *step) pieces(kernel program, all, high, heads int, work float64, buffers []*buffer, params []int) {
	each := min(mostGroups, max(1, int(s.d.bound()/work)))
	params = append(params, 0, 0)
	for first := 0; first < all; first += each {
		n := min(each, all-first)
		s.weigh(work * float64(n))
		params[len(params)-2], params[len(params)-1] = first, first+n
		s.run(kernel, groups{n, high, heads}, buffers, params...)
	}
}

// tiles records the product of many rows with one chunk: all rows of x together, or as many as the bound allows for the columns of a work group.
func (s *step) tiles(m *matrix, part *part, c chunk, p product) {
	kernel := program{kernel: "tile", option: mostRows, weight: part.kind, blocks: true}
	if p.x.Rows <= tileRows*fewRows {
		kernel.option = fewRows
	}
	all, height := (c.rows+tileCols-1)/tileCols, tileRows*kernel.option
	work := float64(tileCols) * float64(m.cols) // of a row
	each := max(1, int(s.d.bound()/(work*float64(height)))) * height
	for first := 0; first < p.x.Rows; first += each {
		some, n := p, min(each, p.x.Rows-first)
		some.dst, some.x = p.dst.Sub(first, n), p.x.Sub(first, n)
		s.pieces(kernel, all, (n+height-1)/height, 1, work*float64(n), s.operands(part, c, some), some.params(m, part, c))
	}
}

// operands returns the buffers of matvec.glsl and tile.glsl.
func (s *step) operands(part *part, c chunk, p product) []*buffer {
	bias, grid := nothing, nothing
	if part.bias != nil {
		bias = part.bias
	}
	if part.grid != nil {
		grid = part.grid
	}
	return []*buffer{c.b, grid, bufferOf(&p.dst), bufferOf(&p.x), bias, p.choice, bufferOf(&p.x)}
}

// params returns the parameters of matvec.glsl and tile.glsl but the last two, which pieces adds.
func (p *product) params(m *matrix, part *part, c chunk) []int {
	return []int{c.rows, m.cols, part.rowBytes, p.dst.Offset, p.dst.Stride, p.x.Offset, p.x.Stride, p.x.Rows, part.first + c.row,
		flag(p.add), flag(part.bias != nil), p.mode, c.expert, c.experts, p.tilesAt, p.xWidth, p.dstWidth, part.rows, c.row, int(p.activation)}
}

// MatMulHeads multiplies the columns of each head with the head's matrix.
func (s *step) MatMulHeads(dst, x kernels.Tensor, w kernels.Matrix) {
	const op = "MatMulHeads"
	s.Apart(op, &dst, &x)
	m := s.d.open(op, w)
	n := m.experts
	if n == 0 || x.Cols%n != 0 || x.Cols < n*m.cols || dst.Cols%n != 0 || dst.Cols < n*m.rows || dst.Rows != x.Rows {
		panic("gl: " + op + ": shapes differ")
	}
	s.multiply(m, product{dst: dst, x: x, mode: modeHeads, choice: nothing, xWidth: x.Cols / n, dstWidth: dst.Cols / n, heads: n})
}
