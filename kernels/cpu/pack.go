// Repacking of a matrix at Load: from a file's rows to the layouts of layout.go.
package cpu

import (
	"encoding/binary"
	"math"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// segment is one part of a matrix in its layout.
type segment struct {
	kind   kind
	first  int // row of the matrix that it begins with
	rows   int
	cols   int
	panels int // of 32 rows
	size   int // bytes of one
	scale  float32
	bias   []float32
	data   []byte          // as packed, or as found in a file
	moved  []byte          // a copy of data in better memory, once there is one
	source kernels.Weights // for Embed
}

// memory is where the weights are now.
func (s *segment) memory() []byte {
	if s.moved != nil {
		return s.moved
	}
	return s.data
}

// newSegment prepares an empty segment for w in layout k.
func newSegment(w kernels.Weights, first int, k kind) *segment {
	return &segment{
		kind: k, first: first, rows: w.Rows, cols: w.Cols, size: k.panelBytes(w.Cols),
		panels: (w.Rows + 31) / 32, scale: 1, bias: w.Bias, source: w,
	}
}

// kindOf picks the layout of w.
func (d *device) kindOf(w kernels.Weights) kind {
	if d.exact {
		return kindF32
	}
	if u, ok := unpackers[w.Type]; ok {
		return u.kind
	}
	switch {
	case d.floats == Bits8 && w.Cols%32 == 0:
		return q8s32
	case d.lv.bf16() && (d.floats != Keep || w.Type == quant.BF16):
		return kindPairs
	case w.Type == quant.F32:
		return kindF32
	case w.Type == quant.BF16:
		return kindBF16
	}
	return kindF16
}

// bytes is the size of s in its layout.
func (s *segment) bytes() int { return s.panels * s.size }

// row returns the file's bytes of row r.
func (s *segment) row(r int) []byte {
	n := s.source.Type.RowBytes(s.cols)
	return s.source.Data[r*n:][:n]
}

// panel returns the memory of panel p.
func (s *segment) panel(p int) []byte { return s.data[p*s.size:][:s.size] }

// group returns the memory of group g of integers, from its first block on; the next is
// two blocks further.
func (s *segment) group(g int) []byte {
	return s.panel(g / 2)[g%2*layouts[s.kind].blockBytes():]
}

// peak returns the largest magnitude among the scales and minima of rows r0 … r1.
func (s *segment) peak(r0, r1 int) float32 {
	u := unpackers[s.source.Type]
	values, bytes := s.source.Type.BlockValues(), s.source.Type.BlockBytes()
	var top float32
	var b unpacked
	for r := r0; r < r1; r++ {
		row := s.row(r)
		for i := range s.cols / values {
			u.scales(&b, row[i*bytes:][:bytes])
			for j := range b.d {
				top = max(top, abs(b.d[j]), abs(b.m[j]))
			}
		}
	}
	return top
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// scaleFor returns the power of two by which scales are divided so that the largest
// lands just below 2¹⁵; 1 if they are all zero or not finite.
func scaleFor(peak float32) float32 {
	if !(peak > 0) || math.IsInf(float64(peak), 0) {
		return 1
	}
	_, e := math.Frexp(float64(peak)) // peak < 2^e
	return float32(math.Ldexp(1, max(e-15, -126)))
}

// pack fills group g, sixteen rows. w is scratch for a row's values.
func (s *segment) pack(g int, w []float32) {
	for i := range 16 {
		r := g*16 + i
		switch {
		case r >= s.rows: // padding stays zero
		case s.kind.float():
			s.packFloat(s.panel(g/2), r%32, s.row(r), w)
		case s.source.Type.BlockValues() == 1:
			s.packFloat8(s.group(g), i, s.row(r), w)
		case s.source.Type == quant.Q4_0:
			s.packNibbles(s.group(g), i, s.row(r), 2)
		case s.source.Type == quant.Q4_1:
			s.packNibbles(s.group(g), i, s.row(r), 4)
		default:
			s.packInts(s.group(g), i, s.row(r))
		}
	}
}

// packFloat writes row i of a panel of float values. Those that a file has in the same
// form are copied as they are.
func (s *segment) packFloat(dst []byte, i int, src []byte, w []float32) {
	switch {
	case s.kind == kindF16 && s.source.Type == quant.F16 || s.kind == kindBF16:
		for c := range s.cols {
			copy(dst[(c*32+i)*2:][:2], src[2*c:][:2])
		}
		return
	case s.kind == kindPairs && s.source.Type == quant.BF16:
		for c := range s.cols {
			copy(dst[pairAt(c, i):][:2], src[2*c:][:2])
		}
		return
	}
	w = w[:s.cols]
	quant.Dequantize(s.source.Type, w, src)
	switch s.kind {
	case kindF32:
		for c, v := range w {
			binary.LittleEndian.PutUint32(dst[(c*32+i)*4:], math.Float32bits(v))
		}
	case kindPairs:
		for c, v := range w {
			binary.LittleEndian.PutUint16(dst[pairAt(c, i):], quant.F32ToBF16(v))
		}
	default:
		for c, v := range w {
			binary.LittleEndian.PutUint16(dst[(c*32+i)*2:], quant.F32ToF16(v))
		}
	}
}

// pairAt is where column c of row i of a panel of pairs is.
func pairAt(c, i int) int { return c/2*128 + 4*i + c%2*2 }

// packFloat8 writes row i of a group of float values in 8 bits, as Q8_0 does: a block's
// largest magnitude is 127.
func (s *segment) packFloat8(dst []byte, i int, src []byte, w []float32) {
	l := &layouts[s.kind]
	w = w[:s.cols]
	quant.Dequantize(s.source.Type, w, src)
	var q [32]uint8
	for j := 0; j < len(w); j += 32 {
		var b block
		quantizeBlock(&b, w[j:][:32])
		d := [1]float32{b.d}
		for x, v := range b.q {
			q[x] = uint8(v) ^ 0x80
		}
		putBlock(dst[j/32*2*l.blockBytes():], l, i, q[:], d[:], nil, 1)
	}
}

// packNibbles writes row i from Q4_0 and Q4_1, whose bytes are in our order already:
// a block of 32 is head bytes of scales (float16, kept as they are), then 16 of nibbles.
func (s *segment) packNibbles(dst []byte, i int, src []byte, head int) {
	n := layouts[s.kind].blockBytes()
	for b := range s.cols / 32 {
		from, to := src[b*(head+16):][:head+16], dst[2*b*n:][:n]
		for j := range 4 {
			copy(to[64*j+4*i:][:4], from[head+4*j:][:4])
		}
		for h := 0; h < head; h += 2 {
			copy(to[256+16*h+2*i:][:2], from[h:][:2])
		}
	}
}

// packInts writes row i of a group from any format that unpackers knows.
func (s *segment) packInts(dst []byte, i int, src []byte) {
	t := s.source.Type
	u, l := unpackers[t], &layouts[s.kind]
	values, bytes, n := t.BlockValues(), t.BlockBytes(), l.blockBytes()
	var b unpacked
	for at := 0; len(src) >= bytes; src = src[bytes:] {
		u.scales(&b, src[:bytes])
		u.quants(&b, src[:bytes])
		for c := 0; c < values; c += 32 {
			putBlock(dst[at:][:n], l, i, b.q[c:][:32], b.d[c/32*l.halves:], b.m[c/32*l.halves:], s.scale)
			at += 2 * n
		}
	}
}

// putBlock writes row i of one block of 32 columns. Four integers go at a time, as the
// bytes of a word.
func putBlock(dst []byte, l *layout, i int, q []uint8, d, m []float32, scale float32) {
	var w [8]uint32
	for j := range w {
		w[j] = binary.LittleEndian.Uint32(q[4*j:])
	}
	at := 4 * i
	for _, p := range l.planes {
		mask := uint32(1<<p.width-1) * 0x01010101
		for v := range p.width {
			x := uint32(0)
			for j := v; j < 8; j += p.width {
				x |= w[j] >> p.shift & mask << (j - v)
			}
			binary.LittleEndian.PutUint32(dst[at:], x)
			at += 64
		}
	}
	at = l.quantBytes() + 2*i
	for h := range l.halves {
		binary.LittleEndian.PutUint16(dst[at+32*h:], quant.F32ToF16(d[h]/scale))
		if l.mins {
			binary.LittleEndian.PutUint16(dst[at+32*(l.halves+h):], quant.F32ToF16(m[h]/scale))
		}
	}
}
