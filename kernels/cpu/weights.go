package cpu

import (
	"encoding/binary"
	"math"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// weightKeys is the number of keys in a chunk, those of a panel.
const weightKeys = 32

// Weights writes softmax(scale·q·kᵀ) of one head over the first dst.Cols keys of each span to dst.
func (s *step) Weights(dst, q kernels.Tensor, layer, head int, a *kernels.Attention) {
	s.Apart("Weights", &dst, &q)
	if a.SoftCap != 0 || a.Sinks != nil || a.Slopes != nil || a.Temperature.Length != 0 {
		panic("cpu: Weights: a soft cap, sinks or a temperature")
	}
	if a.KVHeads <= 0 || a.Heads%a.KVHeads != 0 || head < 0 || head >= a.Heads || q.Cols != a.Heads*a.HeadDim || dst.Rows != q.Rows {
		panic("cpu: Weights: shapes differ")
	}
	kv := head / (a.Heads / a.KVHeads)
	q = q.Slice(head*a.HeadDim, a.HeadDim)
	for _, sp := range s.Spans(a) {
		st := s.d.stateOf("Weights", sp)
		st.CheckWeights(sp, layer, q.Rows, dst.Cols, a)
		c := st.layer(layer)
		s.d.weights(dst.Sub(sp.Row, sp.N), q.Sub(sp.Row, sp.N), c, kv, a.Scale)
	}
}

// weights computes the attention weights of one span. q has the columns of one head.
//
// The weights show where in the audio each word of a text was spoken. They are needed
// once for each text, from a few heads. So each key is read back from whatever
// layout it has (key), and multiplied as float32:
//
//	q [rows][headDim] · keys [n][headDim] ─▶ scores [rows][n] ─softmax─▶ dst
func (d *device) weights(dst, q kernels.Tensor, c keysValues, kv int, scale float32) {
	n := dst.Cols
	type scratch struct{ key, panel, out []float32 } // [headDim], [headDim][32], [rows][32]
	workers := make([]scratch, d.pool.threads)
	scores := job(func(worker, chunk int) {
		w, from := &workers[worker], chunk*weightKeys
		if w.key == nil {
			*w = scratch{make([]float32, q.Cols), make([]float32, weightKeys*q.Cols), make([]float32, weightKeys*q.Rows)}
		}
		for p := range min(weightKeys, n-from) {
			c.key(w.key, kv, from+p)
			for i, x := range w.key {
				w.panel[i*weightKeys+p] = x
			}
		}
		out, stride := dst.F32[from:], dst.Stride
		if n-from < weightKeys {
			out, stride = w.out, weightKeys
		}
		dTile(d.lv, kindF32, out, stride, q.F32, q.Stride, asBytes(w.panel), q.Cols, q.Rows, false)
		for r := 0; n-from < weightKeys && r < q.Rows; r++ {
			copy(dst.Row(r)[from:n], w.out[r*weightKeys:])
		}
	})
	d.do((n+weightKeys-1)/weightKeys, &scores)
	for r := range dst.Rows {
		row := dst.Row(r)
		scaleTo(d.lv, row, row, scale)
		sum := expSum(d.lv, row, maxOf(d.lv, row))
		scaleTo(d.lv, row, row, inverse(sum))
	}
}

// key converts the key of one head at position p back to float32. Besides keysvalues.go and keysvalues8.go, only this
// function depends on the layout of keys.
func (c *keysValues) key(dst []float32, head, p int) {
	panel := c.keys(p/page, head)[p%page/32*c.keyPanel():]
	r := p % 32
	if c.ints() {
		l := &layouts[c.kind]
		for i := range dst {
			b, j := panel[(i/32*2+r/16)*l.blockBytes():], i%32
			d := quant.F16ToF32(binary.LittleEndian.Uint16(b[l.quantBytes()+2*(r%16):]))
			if c.kind == q4s32 {
				at, shift := nibble(r%16, j)
				dst[i] = d * float32(int(b[at]>>shift&15)-8)
			} else {
				dst[i] = d * float32(int8(b[64*(j/4)+4*(r%16)+j%4]^0x80))
			}
		}
		return
	}
	for i := range dst {
		switch c.kind {
		case kindPairs:
			dst[i] = quant.BF16ToF32(binary.LittleEndian.Uint16(panel[128*(i/2)+4*r+2*(i%2):]))
		case kindF32:
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(panel[128*i+4*r:]))
		default:
			dst[i] = quant.F16ToF32(binary.LittleEndian.Uint16(panel[64*i+2*r:]))
		}
	}
}
