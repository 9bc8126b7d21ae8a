// Cached keys and values, laid out as the weights of dtile.go so that attention is
// two products with the same tile. They are kept in pages of P = 256 positions, which
// are made when the first of their positions comes: a short conversation takes little
// memory, whatever the context that it could grow to. In a page, for each layer and
// key/value head, D dimensions (values: rounded up to 32):
//
//	keys    [P/32][D][32]   a panel is 32 positions:  scores = q · kᵀ
//	values  [D/32][P][32]   a panel is 32 dimensions: out = p · v
//
// or, in pairs of bfloat16, [P/32][D/2][32][2] and [D/32][P/2][32][2]; in 8 bits see
// cache8.go.
package cpu

import (
	"encoding/binary"
	"fmt"
	"math"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// page is how many positions a page holds, a multiple of 32.
const page = 256

// cache holds the keys and values of one sequence.
type cache struct {
	d     *device
	shape kernels.CacheShape
	kind  kind
	width int // bytes of a value
	dims  int // HeadDim, rounded up to 32
	pages [][]byte
}

// NewCache makes an empty cache.
func (d *device) NewCache(s kernels.CacheShape) (kernels.Cache, error) {
	if s.Layers <= 0 || s.KVHeads <= 0 || s.HeadDim <= 0 || s.Cap <= 0 {
		return nil, fmt.Errorf("cpu: NewCache: shape %+v has nothing in it", s)
	}
	if s.HeadDim%8 != 0 {
		return nil, fmt.Errorf("cpu: NewCache: heads of %d dimensions; multiples of 8 work", s.HeadDim)
	}
	c := &cache{d: d, shape: s}
	c.form(d)
	size := float64(s.Layers) * float64(s.KVHeads) * float64(s.Cap+page) * float64(2*c.dims*c.width)
	if size > 1<<43 {
		return nil, fmt.Errorf("cpu: NewCache: a context of %d positions needs %.0f GiB; choose a shorter one", s.Cap, size/(1<<30))
	}
	return c, nil
}

// form chooses how keys and values are kept.
func (c *cache) form(d *device) {
	c.kind, c.width, c.dims = kindF16, 2, (c.shape.HeadDim+31)&^31
	switch {
	case d.exact:
		c.kind, c.width = kindF32, 4
	case d.cached == Cached8 && !c.shape.Fine && c.shape.HeadDim%32 == 0:
		c.kind, c.width = q8s32, 1
	case (d.cached == CachedBF16 || d.cached == Cached8 && c.shape.Fine && d.floats != Keep) && d.lv.bf16():
		c.kind = kindPairs
	}
}

func (c *cache) Cap() int { return c.shape.Cap }

// CacheBytes is the memory of n positions of a head of one layer, in the form that caches
// have unless Options say otherwise.
func CacheBytes(headDim, n int) int64 {
	c := cache{shape: kernels.CacheShape{Layers: 1, KVHeads: 1, HeadDim: headDim, Cap: n}}
	c.form(&device{})
	return c.Bytes()
}

// Bytes is the memory of a full cache.
func (c *cache) Bytes() int64 { return int64((c.shape.Cap+page-1)/page) * int64(c.pageBytes()) }

// keyPanel and valuePanel are the bytes of a panel; keyBytes and valueBytes those of a
// head in a page.
func (c *cache) keyPanel() int   { return c.kind.panelBytes(c.shape.HeadDim) }
func (c *cache) valuePanel() int { return c.kind.panelBytes(page) }
func (c *cache) keyBytes() int   { return page / 32 * c.keyPanel() }
func (c *cache) valueBytes() int { return c.dims / 32 * c.valuePanel() }
func (c *cache) headBytes() int  { return c.keyBytes() + c.valueBytes() + c.scaleBytes() }
func (c *cache) pageBytes() int  { return c.shape.Layers * c.shape.KVHeads * c.headBytes() }

// grow makes pages for n positions.
func (c *cache) grow(n int) {
	for len(c.pages)*page < n {
		c.pages = append(c.pages, alignedBytes(c.pageBytes()))
		if c.kind == q8s32 {
			c.unitScales(len(c.pages) - 1)
		}
	}
}

// head is the memory of one head of one layer in page i: its keys, its values, and, in 8
// bits, the values' scales.
func (c *cache) head(i, layer, head int) []byte {
	n := c.headBytes()
	return c.pages[i][(layer*c.shape.KVHeads+head)*n:][:n]
}

func (c *cache) keys(i, layer, head int) []byte { return c.head(i, layer, head)[:c.keyBytes()] }

func (c *cache) values(i, layer, head int) []byte {
	return c.head(i, layer, head)[c.keyBytes():][:c.valueBytes()]
}

// Copy makes the first n positions of every layer equal to src's.
func (c *cache) Copy(src kernels.Cache, n int) {
	from := src.(*cache)
	a, b := c.shape, from.shape
	if a.Layers != b.Layers || a.KVHeads != b.KVHeads || a.HeadDim != b.HeadDim || c.kind != from.kind {
		panic("cpu: Copy between caches of different shape")
	}
	if n < 0 || n > min(a.Cap, b.Cap) {
		panic("cpu: Copy: too many positions")
	}
	c.grow(n)
	from.grow(n)
	for i := range (n + page - 1) / page {
		if m := n - i*page; m >= page {
			copy(c.pages[i], from.pages[i])
		} else {
			c.copyPart(from, i, m)
		}
	}
}

// copyPart copies the first n positions of page i.
func (c *cache) copyPart(from *cache, i, n int) {
	panels := (n + 31) / 32
	for l := range c.shape.Layers {
		for h := range c.shape.KVHeads {
			copy(c.keys(i, l, h)[:panels*c.keyPanel()], from.keys(i, l, h))
			to, have := c.values(i, l, h), from.values(i, l, h)
			for g := range c.dims / 32 {
				at := g * c.valuePanel()
				copy(to[at:][:panels*c.kind.panelBytes(32)], have[at:])
			}
			if c.kind == q8s32 {
				copy(c.scales(i, l, h)[:n], from.scales(i, l, h))
			}
		}
	}
}

// put stores one head's key and value, HeadDim each, at position p.
func (c *cache) put(lv level, layer, head, p int, key, value []float32) {
	if c.kind == q8s32 {
		c.put8(lv, layer, head, p, key, value)
		return
	}
	k, v := c.keys(p/page, layer, head), c.values(p/page, layer, head)
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
	var half [16]uint16
	for d := 0; d < len(key); d += 16 {
		n := min(16, len(key)-d)
		toHalf(lv, half[:n], key[d:d+n])
		for i, x := range half[:n] {
			binary.LittleEndian.PutUint16(k[64*(d+i):], x)
		}
		toHalf(lv, half[:n], value[d:d+n])
		to := v[d/32*g+d%32*2:][:2*n]
		for i, x := range half[:n] {
			binary.LittleEndian.PutUint16(to[2*i:], x)
		}
	}
}

// putPairs stores a position in bfloat16: k is where the position's first pair goes, v the
// positions' pair of the first dimensions.
func (c *cache) putPairs(lv level, k, v []byte, odd int, key, value []float32) {
	var words [16]uint32
	for d := 0; d < len(key); d += 32 {
		n := min(32, len(key)-d)
		toPairs(lv, words[:n/2], key[d:d+n])
		for i, w := range words[:n/2] {
			binary.LittleEndian.PutUint32(k[128*(d/2+i):], w)
		}
	}
	putValues(lv, v, c.valuePanel(), value, odd)
}

// putValuesGo is the plain twin of putValues: x as bfloat16, 32 values to every stride
// bytes of dst, in the low halves of words or, for an odd position, in the high ones.
func putValuesGo(dst []byte, stride int, x []float32, odd int) {
	for d, v := range x {
		binary.LittleEndian.PutUint16(dst[d/32*stride+d%32*4+2*odd:], quant.F32ToBF16(v))
	}
}

// toHalfGo is the plain twin of toHalf.
func toHalfGo(dst []uint16, x []float32) {
	for i, v := range x {
		dst[i] = quant.F32ToF16(v)
	}
}
