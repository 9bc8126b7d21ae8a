package cpu

import "soberano/kernels"

// Attention over 8-bit keys and values (keysvalues8.go) consists of the same two products and the same running
// softmax as in attend.go, but with the integer microkernel. Queries are quantized to 8 bits once for each unit. The
// softmax weights are first multiplied by the values' scales, then quantized, for each block of keys:
//
//	q ─8 bits─▶ · keys ─▶ scores ─exp─▶ weights × scales ─8 bits─▶ · values ─▶ out
//
// The error of a weight is at most 1/254 of the largest of its block of 32.

// scratch8 is the additional scratch memory of a worker: queries and softmax weights in 8 bits.
type scratch8 struct {
	q, p  []block // [12][headDim/32], [12][keyBlock/32]
	scale float32 // of the scores
}

func (w *scratch8) grow(headDim int) {
	if len(w.p) == 0 {
		w.p = make([]block, unitRows*keyBlock/32)
	}
	if len(w.q) < unitRows*headDim/32 {
		w.q = make([]block, unitRows*headDim/32)
	}
}

// block8 processes the keys b … e as block does, but in 8 bits; b is a multiple of 32.
func (j *attendJob) block8(w *attendScratch, c *keysValues, u unit, n, b, e int) {
	nb, width := j.a.HeadDim/32, (e-b+31)&^31
	for p := b; p < b+width; {
		next := min((p/page+1)*page, b+width)
		keys := c.keys(p/page, int(u.head))[p%page/32*c.keyPanel():]
		qTiles(j.lv, c.kind, w.scores[p-b:], scoreStride, w.b8.q, nb, keys, nb, n, (next-p)/32, w.b8.scale)
		p = next
	}
	for i := range n {
		row := w.scores[i*scoreStride:][:width]
		j.slope(u, i, b, row)
		j.weights8(w, c, u, i, row, b)
	}
	size := c.kind.panelBytes(32)
	for p := b; p < b+width; {
		next := min((p/page+1)*page, b+width)
		values, weights := c.values(p/page, int(u.head))[p%page/32*size:], w.b8.p[(p-b)/32:]
		for i := 0; i < c.dims; i += 32 {
			qTile(j.lv, c.kind, w.out[i:], c.dims, weights, keyBlock/32, values[i/32*c.valuePanel():], (next-p)/32, n, 1, true)
		}
		p = next
	}
}

// weights8 makes weights in 8 bits of the scores of row i for keys b and later: the softmax weights, multiplied by the scales
// of the values.
func (j *attendJob) weights8(w *attendScratch, c *keysValues, u unit, i int, row []float32, b int) {
	dst := w.b8.p[i*keyBlock/32:][:len(row)/32]
	if !j.prepare(w, c, i, row, max(w.lo[i]-b, 0), min(w.hi[i]-b, len(row))) {
		clear(dst)
		return
	}
	for len(row) > 0 {
		scales := c.scales(b/page, int(u.head))[b%page:]
		n := min(len(row), len(scales))
		w.sum[i] += expQuantize(j.lv, dst[:n/32], row[:n], scales[:n], w.max[i])
		dst, row, b = dst[n/32:], row[n:], b+n
	}
}

// load8 quantizes the n queries of a unit. The scores are multiplied by the scale unless the queries are already, which they
// are if the scale depends on the position.
func (j *attendJob) load8(w *attendScratch, s kernels.Span, u unit, n, group int) {
	d := j.a.HeadDim
	if j.a.Temperature.Length > 0 {
		w.b8.scale = 1
		quantize(j.lv, w.b8.q[:n*d/32], w.q[:n*d])
		return
	}
	w.b8.scale = j.a.Scale
	for i := 0; i < n; {
		t, h := j.place(s, u, i, group)
		run := min(n-i, group-h%group) // heads that are side by side
		quantize(j.lv, w.b8.q[i*d/32:][:run*d/32], j.q.Row(t)[h*d:][:run*d])
		i += run
	}
}
