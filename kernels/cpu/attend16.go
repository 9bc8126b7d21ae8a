package cpu

import "soberano/kernels"

// Attention of many query rows over the float16 keys and values of a fine layer consists of the same two products and the same running
// softmax as in attend.go, but with the microkernel for 16-bit integers, which does twice as much as that for float32.
// A worker converts a page once for many units:
//
//	q ─16 bits─▶ · keys ─▶ scores ─exp─▶ weights ─16 bits─▶ · values ─▶ out
//
// Each query, each key, each dimension of the values of a page, and each row of softmax weights has a scale. The error
// of a query, a key or a value is at most 2⁻¹³ of the largest magnitude that shares its scale, that of a weight 2⁻¹⁶ if
// few keys have large weights; the more keys have, the larger it is, and the more its effects cancel out.

// scratch16 is the additional scratch memory of a worker.
type scratch16 struct {
	q              []int16 // [12][headDim]; the weights take the place of the scores
	qScale, pScale [unitRows]float32
	pages          [wideSlots]wordPage
}

// wordPage has the keys and values of one head in a page, converted from float16.
type wordPage struct {
	pageID
	keys, values           []int16   // [page/32][headDim/2][32][2], [headDim rounded up to 32, /32][page/2][32][2]
	keyScales, valueScales []float32 // [page], [headDim rounded up to 32]
}

// pageID identifies a page that a worker has converted.
type pageID struct {
	job              int // number of the attention operation (attendJob.number)
	span, head, page int
}

func (w *scratch16) grow(headDim int) {
	if len(w.q) < unitRows*headDim {
		w.q = make([]int16, unitRows*headDim)
	}
}

// load16 converts the n queries of a unit, which are already scaled.
func (j *attendJob) load16(w *attendScratch, n int) {
	d := j.a.HeadDim
	for i := range n {
		row := w.q[i*d:][:d]
		largest := absMax(j.lv, row)
		w.b16.qScale[i] = largest / mostWord
		toWords(j.lv, w.b16.q[i*d:], row, mostWord*inverse(largest))
	}
}

// block16 processes the keys b … e as block does, but in 16-bit integers.
func (j *attendJob) block16(w *attendScratch, c *keysValues, s kernels.Span, u unit, n, b, e int) {
	d, width, x := j.a.HeadDim, (e-b+31)&^31, &w.b16
	for p := b; p < b+width; p += 32 {
		v, at := j.words(x, c, s, u, p/page), p%page
		wTile(j.lv, w.scores[p-b:], scoreStride, x.q, d, v.keys[at*d:], d/2, n, x.qScale[:n], v.keyScales[at:], false)
	}
	for i := range n {
		row := w.scores[i*scoreStride:][:width]
		j.slope(u, i, b, row)
		sum := j.softmax(w, c, i, row, max(w.lo[i]-b, 0), min(w.hi[i]-b, width))
		scale := min(mostWeight, mostWeights*inverse(sum))
		if sum == 0 {
			scale = 0
		}
		x.pScale[i] = inverse(scale)
		toWords(j.lv, asInt16(row), row, scale)
	}
	weights := asInt16(w.scores)
	for p := b; p < b+width; {
		next := min((p/page+1)*page, b+width)
		v := j.words(x, c, s, u, p/page)
		for i := 0; i < c.dims; i += 32 {
			wTile(j.lv, w.out[i:], c.dims, weights[p-b:], 2*scoreStride, v.values[i*page+p%page*32:], (next-p)/2, n, x.pScale[:n], v.valueScales[i:], true)
		}
		p = next
	}
}

// words returns page i of the unit's head. It converts the page, up to the last position of the span, unless the worker
// has it already.
func (j *attendJob) words(x *scratch16, c *keysValues, s kernels.Span, u unit, i int) *wordPage {
	p, id := &x.pages[i%wideSlots], pageID{j.number, int(u.span), int(u.head), i}
	if p.pageID == id {
		return p
	}
	p.pageID = id
	d := c.KeyDim
	if len(p.keys) != page*d || len(p.values) != page*c.dims {
		p.keys, p.values = make([]int16, page*d), make([]int16, page*c.dims)
		p.keyScales, p.valueScales = make([]float32, page), make([]float32, c.dims)
	}
	keys, values := c.keys(i, int(u.head)), c.values(i, int(u.head))
	end := s.Pos + s.N
	if !j.a.Causal {
		end = s.Len
	}
	end = min(page, (end-i*page+31)&^31)
	for at := 0; at < end; at += 32 {
		panelWords(j.lv, p.keys[at*d:], p.keyScales[at:], keys[at/32*c.keyPanel():], d)
	}
	for at := 0; at < c.dims; at += 32 {
		panelWords(j.lv, p.values[at*page:], p.valueScales[at:], values[at/32*c.valuePanel():], end)
	}
	return p
}
