package cpu

import (
	"encoding/binary"
	"math"

	"soberano/kernels"
	"soberano/kernels/contract"
	"soberano/kernels/quant"
)

// keysValues is one layer of a state. Its keys and values have the layout of weights in dtile.go, so that attention
// consists of two products with the same microkernel. For each key/value head, a page of P = 256 positions has, with
// keys of K and values of V dimensions (V rounded up to 32):
//
//	keys    [P/32][K][32]   a panel is 32 positions:  scores = q · kᵀ
//	values  [V/32][P][32]   a panel is 32 dimensions: out = p · v
//
// In pairs of bfloat16 it has [P/32][K/2][32][2] and [V/32][P/2][32][2]. keysvalues8.go describes the layout in 8
// bits.
type keysValues struct {
	*layerForm
	*contract.Group[*shared]
}

// layer returns layer l of the state. The result is valid until the state changes.
func (s *state) layer(l int) keysValues {
	f := &s.plan.layers[l]
	return keysValues{f, s.Group(l)}
}

// formOf chooses the type and layout of a layer's keys and values.
func (d *device) formOf(l kernels.Layer) layerForm {
	f := layerForm{Layer: l, kind: kindF16, width: 2, dims: (l.ValueDim + 31) &^ 31}
	switch {
	case d.exact || l.Kind != kernels.KeysValues:
		f.kind, f.width = kindF32, 4
	case (d.cached == Cached8 || d.cached == Cached4) && !l.Fine && l.KeyDim%32 == 0 && l.ValueDim%32 == 0:
		f.kind, f.width = q8s32, 1
		if d.cached == Cached4 {
			f.kind = q4s32
		}
	case d.cached == CachedBF16 && d.lv.bf16():
		f.kind = kindPairs
	case l.Fine && (d.cached == Cached8 || d.cached == Cached4):
		f.words = d.lv.zmm() && l.KeyDim%2 == 0 && l.KeyDim <= mostWordCols
	}
	return f
}

// keyPanel and valuePanel return the size of a panel in bytes; keyBytes and valueBytes that of the panels of one head in a
// page.
func (f *layerForm) keyPanel() int   { return f.kind.panelBytes(f.KeyDim) }
func (f *layerForm) valuePanel() int { return f.kind.panelBytes(page) }
func (f *layerForm) keyBytes() int   { return page / 32 * f.keyPanel() }
func (f *layerForm) valueBytes() int { return f.dims / 32 * f.valuePanel() }
func (f *layerForm) headBytes() int  { return f.keyBytes() + f.valueBytes() + f.scaleBytes() }

// head returns the memory of one head in a page: its keys, its values, and, in 8 bits, the scales of the values.
// keysOf and valuesOf return the first two of these.
func (f *layerForm) head(page []byte, head int) []byte {
	n := f.headBytes()
	return page[f.at+head*n:][:n]
}

func (f *layerForm) keysOf(page []byte, head int) []byte { return f.head(page, head)[:f.keyBytes()] }

func (f *layerForm) valuesOf(page []byte, head int) []byte {
	return f.head(page, head)[f.keyBytes():][:f.valueBytes()]
}

// page returns the memory of page i. keys and values return those of one head in it.
func (c *keysValues) page(i int) []byte { return c.Pages[i-c.First].data }

func (c *keysValues) keys(i, head int) []byte   { return c.keysOf(c.page(i), head) }
func (c *keysValues) values(i, head int) []byte { return c.valuesOf(c.page(i), head) }

// copyTo copies the layer's first n positions from one page to another. It copies whole panels, so that the last panel has
// no content of another state behind its n positions.
func (f *layerForm) copyTo(to, from []byte, n int) {
	if n <= 0 {
		return
	}
	panels := (n + 31) / 32
	for h := range f.KVHeads {
		copy(f.keysOf(to, h)[:panels*f.keyPanel()], f.keysOf(from, h))
		v, have := f.valuesOf(to, h), f.valuesOf(from, h)
		for at := 0; at < len(v); at += f.valuePanel() {
			copy(v[at:][:panels*f.kind.panelBytes(32)], have[at:])
		}
		if f.ints() {
			copy(f.scalesOf(to, h)[:32*panels], f.scalesOf(from, h))
		}
	}
}

// clearValues sets the values of positions from … to-1 of a panel to zero, where to is the panel's end. Attention
// multiplies whole panels, with weights of zero behind the last position. The values there must be finite, which
// leftovers of this or another sequence may not be.
func (c *keysValues) clearValues(from, to int) {
	b := c.page(from / page)
	to -= from / page * page
	from %= page
	for h := range c.KVHeads {
		if c.ints() {
			clear(c.scalesOf(b, h)[from:to])
			continue
		}
		v, n := c.valuesOf(b, h), c.kind.panelBytes(32)/32 // n bytes for each position
		for at := 0; at < len(v); at += c.valuePanel() {
			first := from
			if c.kind == kindPairs && from%2 == 1 {
				clearOdd(v[at+(from-1)*n:][:2*n])
				first++
			}
			clear(v[at+first*n : at+to*n])
		}
	}
}

// clearOdd sets the second value of each pair of 16-bit values to zero.
func clearOdd(pairs []byte) {
	for i := 2; i < len(pairs); i += 4 {
		pairs[i], pairs[i+1] = 0, 0
	}
}

// put stores the key (KeyDim values) and the value (ValueDim values) of one head at position p.
func (c *keysValues) put(lv level, head, p int, key, value []float32) {
	if c.ints() {
		c.putInts(lv, head, p, key, value)
		return
	}
	k, v := c.keys(p/page, head), c.values(p/page, head)
	g := c.valuePanel()
	p %= page
	if c.kind == kindPairs {
		c.putPairs(lv, k[p/32*c.keyPanel()+p%32*4:], v[p/2*128:], p%2, key, value)
		return
	}
	k, v = k[p/32*c.keyPanel()+p%32*c.width:], v[p*32*c.width:]
	if c.kind == kindF32 {
		for d, x := range key {
			binary.LittleEndian.PutUint32(k[128*d:], math.Float32bits(x))
		}
		for d, x := range value {
			binary.LittleEndian.PutUint32(v[d/32*g+d%32*4:], math.Float32bits(x))
		}
		return
	}
	var half [256]uint16
	for d := 0; d < len(key); d += len(half) {
		x := key[d:min(d+len(half), len(key))]
		toHalf(lv, half[:len(x)], x)
		for i, h := range half[:len(x)] {
			binary.LittleEndian.PutUint16(k[64*(d+i):], h)
		}
	}
	for d := 0; d < len(value); d += 32 {
		x, to := value[d:min(d+32, len(value))], v[d/32*g:]
		toHalf(lv, half[:len(x)], x)
		for i, h := range half[:len(x)] {
			binary.LittleEndian.PutUint16(to[2*i:], h)
		}
	}
}

// putPairs stores the key and the value of one head at a position as bfloat16. k begins at the position's first pair, v
// at the pair of positions of the first dimension; odd is 1 if the position is the second of that pair.
func (c *keysValues) putPairs(lv level, k, v []byte, odd int, key, value []float32) {
	var words [16]uint32
	for d := 0; d < len(key); d += 32 {
		n := min(32, len(key)-d)
		pairs(lv, words[:(n+1)/2], key[d:d+n])
		for i, w := range words[:(n+1)/2] {
			binary.LittleEndian.PutUint32(k[128*(d/2+i):], w)
		}
	}
	putValues(lv, v, c.valuePanel(), value, odd)
}

// putValuesGo is the reference implementation of putValues. It writes x as bfloat16, 32 values to every stride
// bytes of dst, to the low halves of words or, with odd = 1, to the high halves.
func putValuesGo(dst []byte, stride int, x []float32, odd int) {
	for d, v := range x {
		binary.LittleEndian.PutUint16(dst[d/32*stride+d%32*4+2*odd:], quant.F32ToBF16(v))
	}
}

// toHalfGo is the reference implementation of toHalf.
func toHalfGo(dst []uint16, x []float32) {
	for i, v := range x {
		dst[i] = quant.F32ToF16(v)
	}
}
