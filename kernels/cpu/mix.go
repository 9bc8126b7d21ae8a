package cpu

import (
	"math"

	"soberano/kernels"
)

// Scale writes s·x to dst.
func (s *step) Scale(dst, x kernels.Tensor, factor float32) {
	s.scaled("Scale", opScale, dst, x, factor)
}

// SoftCap writes limit·tanh(x/limit) to dst.
func (s *step) SoftCap(dst, x kernels.Tensor, limit float32) {
	if !(limit > 0) {
		panic("cpu: SoftCap: a limit that is not positive")
	}
	s.scaled("SoftCap", opSoftCap, dst, x, limit)
}

// Cutoff writes what of each row of x exceeds its mean by more than k standard deviations to dst.
func (s *step) Cutoff(dst, x kernels.Tensor, k float32) {
	s.scaled("Cutoff", opCutoff, dst, x, k)
}

// scaled runs an operation of rows of x and a number.
func (s *step) scaled(name string, op rowOp, dst, x kernels.Tensor, factor float32) {
	s.Rowwise(name, &dst, &x)
	j := &s.d.row
	j.op, j.dst, j.x, j.factor = op, dst, x, factor
	j.start(s.d, x.Rows, 2*x.Cols)
}

func (j *rowJob) cutoff(r int) {
	x, dst := j.x.Row(r), j.dst.Row(r)
	if len(x) == 0 {
		return
	}
	mean := sum(j.lv, x) / float32(len(x))
	deviation := math.Sqrt(float64(squares(j.lv, x, mean)) / float64(len(x)-1))
	least := mean + j.factor*float32(deviation)
	for i, v := range x {
		dst[i] = max(v-least, 0)
	}
}

// MatchNorm multiplies each row of dst so that it has the norm of the same row of x.
func (s *step) MatchNorm(dst, x kernels.Tensor) {
	s.Rowwise("MatchNorm", &dst, &x)
	j := &s.d.row
	j.op, j.dst, j.x = opMatchNorm, dst, x
	j.start(s.d, x.Rows, 2*x.Cols)
}

func (j *rowJob) matchNorm(r int) {
	dst := j.dst.Row(r)
	from, to := squares(j.lv, dst, 0), squares(j.lv, j.x.Row(r), 0)
	if from != 0 {
		scaleTo(j.lv, dst, dst, float32(math.Sqrt(float64(to)/float64(from))))
	}
}

// Mix adds weighted sums of the parts of each row of x to the parts of the same row of dst.
func (s *step) Mix(dst, x, weights kernels.Tensor, parts int) {
	const op = "Mix"
	s.Apart(op, &dst, &x)
	s.Apart(op, &dst, &weights)
	if parts < 1 || x.Cols == 0 || x.Cols%parts != 0 || dst.Cols%(x.Cols/parts) != 0 || weights.Cols != dst.Cols/(x.Cols/parts)*parts ||
		dst.Rows != x.Rows || weights.Rows != x.Rows {
		panic("cpu: Mix: shapes differ")
	}
	j := &s.d.row
	j.op, j.dst, j.x, j.up, j.width = opMix, dst, x, weights, parts
	j.start(s.d, x.Rows, parts*dst.Cols)
}

// mix computes row r of Mix, piece columns of a part at a time.
func (j *rowJob) mix(r int) {
	dst, x, w := j.dst.Row(r), j.x.Row(r), j.up.Row(r)
	width := len(x) / j.width
	var buf [piece]float32
	for i := range len(dst) / width {
		for at := 0; at < width; at += piece {
			n := min(piece, width-at)
			to := dst[i*width+at:][:n]
			for p := range j.width {
				scaleTo(j.lv, buf[:n], x[p*width+at:][:n], w[i*j.width+p])
				addTo(j.lv, to, buf[:n])
			}
		}
	}
}

// headCopy is what CopyHeads copies of each head.
type headCopy struct{ heads, to, from, cols int }

// CopyHeads copies a range of columns of each head.
func (s *step) CopyHeads(dst, x kernels.Tensor, heads, to, from, cols int) {
	const op = "CopyHeads"
	s.Apart(op, &dst, &x)
	if heads < 1 || dst.Rows != x.Rows || dst.Cols%heads != 0 || x.Cols%heads != 0 ||
		to < 0 || from < 0 || cols < 0 || to+cols > dst.Cols/heads || from+cols > x.Cols/heads {
		panic("cpu: CopyHeads: shapes differ")
	}
	j := &s.d.row
	j.op, j.dst, j.x, j.heads = opCopyHeads, dst, x, headCopy{heads, to, from, cols}
	j.start(s.d, x.Rows, heads*cols)
}

func (j *rowJob) copyHeads(r int) {
	dst, x, c := j.dst.Row(r), j.x.Row(r), j.heads
	for h := range c.heads {
		copy(dst[h*(len(dst)/c.heads)+c.to:][:c.cols], x[h*(len(x)/c.heads)+c.from:])
	}
}
