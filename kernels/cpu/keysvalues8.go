package cpu

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// In 8 bits, keys and values are panels of layout q8s32, which the integer microkernel multiplies. A key is a row of D
// columns, with a scale for every 32 of them as in Q8_0. A value is a column; each dimension is a row of P positions.
// The 32 columns of a block arrive one by one as positions are added, so they can't share a scale. Instead, each position
// has one scale for all dimensions, which is stored separately and multiplied into the softmax weight of the position;
// the blocks' own scales are 1. One head in a page of P = 256 positions has:
//
//	keys    [P/32] panels of D columns
//	values  [D/32] panels of P columns
//	scales  [P] float32
//
// Compared with float16 this takes half the memory, and the microkernel is three to four times as fast.
// (llama.cpp has Q8_0 caches too; SPEED.md has the perplexities.)

// ints reports whether the layer's keys and values are integers.
func (f *layerForm) ints() bool { return f.kind == q8s32 || f.kind == q4s32 }

// scaleBytes returns the size of the values' scales of one head in a page.
func (f *layerForm) scaleBytes() int {
	if f.ints() {
		return 4 * page
	}
	return 0
}

// scalesOf returns the values' scales of a head in a page, one for each position.
func (f *layerForm) scalesOf(b []byte, head int) []float32 {
	b = f.head(b, head)[f.keyBytes()+f.valueBytes():]
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), page)
}

// scales returns the values' scales of a head in page i.
func (c *keysValues) scales(i, head int) []float32 { return c.scalesOf(c.page(i), head) }

// unitScales sets the scales of all blocks of values in a page to 1.
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

// putInts stores the key and the value of one head at position p.
func (c *keysValues) putInts(lv level, head, p int, key, value []float32) {
	i := p / page
	keys, values := c.keys(i, head), c.values(i, head)
	scales := c.scales(i, head)
	p %= page
	keys, values = keys[p/32*c.keyPanel():], values[p/32*c.kind.panelBytes(32):]
	if c.kind == q4s32 {
		put4Key(keys, p%32, key)
		scales[p] = put4Value(values, c.valuePanel(), p%32, value)
		return
	}
	c.put8Key(lv, keys, p%32, key)
	scales[p] = c.put8Value(values, p%32, value)
}

// put8Key quantizes key and writes it as row r of a panel of keys.
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

// put8Value quantizes value and writes it as column x of the blocks of a position; the panels are valuePanel bytes apart.
// It returns the scale of the position, NaN if a value is not finite.
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
