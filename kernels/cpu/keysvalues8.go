package cpu

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// Keys and values in 8 bits. Both are panels of layout q8s32, so that the integer tile
// multiplies them: keys are rows of D columns, with a scale to 32 of them as Q8_0 has, and
// values are columns, P of them in a row of each dimension. Since a column comes with its
// position and can't wait for the other 31 of its block, its scale stands apart, one for
// all dimensions, and goes into the weight that the value is multiplied with; the blocks'
// own scales are 1. A head in a page of P = 256 positions:
//
//	keys    [P/32] panels of D columns
//	values  [D/32] panels of P columns
//	scales  [P] float32
//
// Against float16 it halves memory, and the tile multiplies three to four times as much.
// (Q8_0 caches are llama.cpp's too; SPEED.md has the perplexities.)

// scaleBytes is the size of the values' scales.
func (f *layerForm) scaleBytes() int {
	if f.kind == q8s32 {
		return 4 * page
	}
	return 0
}

// scalesOf are the values' scales of a head in a page, one for each position.
func (f *layerForm) scalesOf(b []byte, head int) []float32 {
	b = f.head(b, head)[f.keyBytes()+f.valueBytes():]
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), page)
}

func (c *keysValues) scales(i, head int) []float32 { return c.scalesOf(c.page(i), head) }

// unitScales sets the scales of the blocks of values in a page to 1.
func (f *layerForm) unitScales(page []byte) {
	l := &layouts[f.kind]
	for head := range f.KVHeads {
		v := f.valuesOf(page, head)
		for b := 0; b < len(v); b += l.blockBytes() {
			for at := l.quantBytes(); at < l.blockBytes(); at += 2 {
				binary.LittleEndian.PutUint16(v[b+at:], 0x3c00)
			}
		}
	}
}

// put8 stores one head's key and value at position p.
func (c *keysValues) put8(lv level, head, p int, key, value []float32) {
	i := p / page
	keys, values := c.keys(i, head), c.values(i, head)
	scales := c.scales(i, head)
	p %= page
	c.put8Key(lv, keys[p/32*c.keyPanel():], p%32, key)
	scales[p] = c.put8Value(values[p/32*c.kind.panelBytes(32):], p%32, value)
}

// put8Key writes row r of a panel of keys.
func (c *keysValues) put8Key(lv level, panel []byte, r int, key []float32) {
	var blocks [2]block
	l := &layouts[c.kind]
	for i := 0; i < len(key)/32; i++ {
		if i%2 == 0 {
			n := min(2, len(key)/32-i)
			quantize(lv, blocks[:n], key[32*i:])
		}
		put8(panel[(2*i+r/16)*l.blockBytes():][:l.blockBytes()], r%16, &blocks[i%2])
	}
}

// put8Value writes column x of the blocks of a position, panels being as far apart as a
// page's are, and returns its scale: NaN if a value is not finite.
func (c *keysValues) put8Value(panel []byte, x int, value []float32) float32 {
	top := uint32(0)
	for _, v := range value {
		top = max(top, math.Float32bits(v)&^(1<<31))
	}
	d := math.Float32frombits(top)
	inv := 127 / d
	switch {
	case !(d < math.MaxFloat32):
		d, inv = float32(math.NaN()), 0
	case d < tiny:
		d, inv = 0, 0
	}
	l, stride := &layouts[c.kind], c.valuePanel()
	at := x/4*64 + x%4
	for g := 0; g < len(value); g += 16 {
		dst := panel[g/32*stride+g%32/16*l.blockBytes()+at:][:61]
		for r, v := range value[g:][:16] {
			dst[4*r] = byte(int8(math.RoundToEven(float64(v*inv)))) ^ 0x80
		}
	}
	return d / 127
}
