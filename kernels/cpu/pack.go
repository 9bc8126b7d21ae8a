package cpu

import (
	"encoding/binary"
	"math"
	"slices"
	"unsafe"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// segment is one of the parts of a matrix that were given to Load, repacked into layout kind.
type segment struct {
	kind        kind
	first       int // first row of the matrix that it holds
	rows        int
	cols        int
	panels      int // panels of 32 rows
	size        int // bytes of a panel
	bytesPerRow int // in the model's file
	scale       float32
	bias        []float32
	data        []byte          // panels, repacked here or mapped from a file of repacked weights
	moved       []byte          // a copy of data in memory of huge pages (see settle); nil if there is none
	guard       *guard          // checks data that was mapped from a file; nil if it needs no check
	source      kernels.Weights // the weights in the model's file, for Embed and repacking
}

// memory returns the memory that currently holds the repacked weights.
func (s *segment) memory() []byte {
	if s.moved != nil {
		return s.moved
	}
	return s.data
}

// weights returns the memory of panel p that products read.
func (s *segment) weights(p int) []byte {
	if s.guard != nil {
		return s.guard.panel(s, p)
	}
	return s.memory()[p*s.size:][:s.size]
}

// newSegment returns a segment for w in layout k, without memory.
func newSegment(w kernels.Weights, first int, k kind) *segment {
	return &segment{
		kind: k, first: first, rows: w.Rows, cols: w.Cols, size: k.panelBytes(w.Cols), bytesPerRow: w.Type.RowBytes(w.Cols),
		panels: (w.Rows + 31) / 32, scale: 1, bias: slices.Clone(w.Bias), source: w,
	}
}

// kindOf chooses the layout of w.
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

// bytes returns the size of s in its layout.
func (s *segment) bytes() int { return s.panels * s.size }

// row returns the bytes of row r in the model's file.
func (s *segment) row(r int) []byte {
	return s.source.Data[r*s.bytesPerRow:][:s.bytesPerRow]
}

// panel returns the memory of panel p as it was packed or mapped.
func (s *segment) panel(p int) []byte { return s.data[p*s.size:][:s.size] }

// peak returns an upper bound of the magnitudes of the scales and minima of rows r0 … r1-1. top returns that of one
// block; the bound is close to the largest magnitude.
func (s *segment) peak(top func(b []byte) float32, r0, r1 int) float32 {
	bytes := s.source.Type.BlockBytes()
	var most float32
	for b := s.source.Data[r0*s.bytesPerRow : r1*s.bytesPerRow]; len(b) >= bytes; b = b[bytes:] {
		most = max(most, top(b))
	}
	return most
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// scaleFor returns the power of two by which scales are divided so that the largest, peak,
// is just below 2¹⁵. It returns 1 if all scales are zero or peak is not finite.
func scaleFor(peak float32) float32 {
	if !(peak > 0) || math.IsInf(float64(peak), 0) {
		return 1
	}
	_, e := math.Frexp(float64(peak)) // peak < 2^e
	return float32(math.Ldexp(1, max(e-15, -126)))
}

// floatRun is the number of columns of float weights that are packed at a time, a multiple of 32.
const floatRun = 256

// packer is the scratch memory of a worker that packs.
type packer struct {
	lv     level
	values [floatRun]float32
	words  [floatRun]uint32
	halves [floatRun]uint16
	blocks [floatRun / 32]block
	u      unpacked
}

// pack fills panel p, whose memory must be zero: padding is not written.
//
// It converts rows of the model's file to the layout of s (see layout). It packs a run of columns of all 32
// rows of the panel before the next run, since these rows share cache lines of the panel: packing row by row
// would load each line from memory again for every row.
func (s *segment) pack(w *packer, p int) {
	rows := min(32, s.rows-32*p)
	switch {
	case s.kind.float() && s.source.Type.BlockValues() == 1:
		s.packFloats(w, p, rows, floatRun)
	case s.kind.float():
		s.packFloats(w, p, rows, s.source.Type.BlockValues())
	case s.source.Type.BlockValues() == 1:
		s.packFloats8(w, p, rows)
	case s.source.Type == quant.Q4_0, s.source.Type == quant.IQ4_NL:
		s.packAlike(p, rows, 2, 4, 0)
	case s.source.Type == quant.MXFP4:
		s.packAlike(p, rows, 1, 4, 0)
	case s.source.Type == quant.Q4_1:
		s.packAlike(p, rows, 4, 4, 0)
	case s.source.Type == quant.Q8_0:
		s.packAlike(p, rows, 2, 8, 0x80808080)
	default:
		s.packInts(w, p, rows)
	}
}

// packAlike packs formats whose integers have the order of our layout already. A block of a row in the file is head
// bytes of float16 (d and possibly m), or one of an exponent, then words of four bytes each; flip is XORed to each word. Bounds are
// checked once, since this is little more than a copy.
func (s *segment) packAlike(p, rows, head, words int, flip uint32) {
	l, panel, bytes := &layouts[s.kind], s.panel(p), head+4*words
	n, nb := l.blockBytes(), s.cols/32
	src := s.source.Data[32*p*s.bytesPerRow:][:rows*s.bytesPerRow]
	_ = panel[2*nb*n-1]
	from, to := unsafe.Pointer(unsafe.SliceData(src)), unsafe.Pointer(unsafe.SliceData(panel))
	for b := range nb {
		for i := range rows {
			x := unsafe.Add(from, i*s.bytesPerRow+b*bytes)
			y := unsafe.Add(to, (2*b+i/16)*n)
			q := unsafe.Add(y, i%16*4)
			for j := range words {
				*(*uint32)(unsafe.Add(q, 64*j)) = *(*uint32)(unsafe.Add(x, head+4*j)) ^ flip
			}
			if head == 1 { // 2^(e-128) in the file, 2^(e-127) in the layout
				*(*uint8)(unsafe.Add(y, l.quantBytes()+i%16)) = max(*(*uint8)(x), 1) - 1
				continue
			}
			d := unsafe.Add(y, l.quantBytes()+i%16*2)
			for h := 0; h < head; h += 2 {
				*(*uint16)(unsafe.Add(d, 16*h)) = *(*uint16)(unsafe.Add(x, h))
			}
		}
	}
}

// packFloats packs float weights in a float layout, run columns at a time. Values that have the layout's type in
// the file are copied.
func (s *segment) packFloats(w *packer, p, rows, run int) {
	t, panel, size := s.source.Type, s.panel(p), layouts[s.kind].bits/8
	for c := 0; c < s.cols; c += run {
		n := min(run, s.cols-c)
		at, end := t.RowBytes(c), t.RowBytes(c+n)
		for i := range rows {
			src := s.row(32*p + i)[at:end]
			switch {
			case s.kind == kindF16 && t == quant.F16 || s.kind == kindBF16:
				scatterHalves(panel[(32*c+i)*size:], 64, src, n)
			case s.kind == kindPairs:
				w.load(t, n, src)
				pairs(w.lv, w.words[:], w.values[:n])
				scatter(panel[c/2*128+4*i:], 128, w.words[:(n+1)/2])
			case s.kind == kindF16:
				w.load(t, n, src)
				toHalf(w.lv, w.halves[:n], w.values[:n])
				scatterHalves(panel[(32*c+i)*size:], 64, halfBytes(w.halves[:n]), n)
			default:
				w.load(t, n, src)
				scatter(panel[(32*c+i)*size:], 128, floatWords(w.values[:n]))
			}
		}
	}
}

// load converts n values of the file to float32 in w.values.
func (w *packer) load(t quant.Type, n int, src []byte) {
	full := n &^ 15
	switch t {
	case quant.F16:
		widen(w.lv, kindF16, w.values[:full], src)
	case quant.BF16:
		widen(w.lv, kindBF16, w.values[:full], src)
	default:
		full = 0
	}
	if full < n {
		quant.Dequantize(t, w.values[full:n], src[t.RowBytes(full):])
	}
}

// floatWords returns the memory of x as words.
func floatWords(x []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// halfBytes returns the memory of x as bytes.
func halfBytes(x []uint16) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 2*len(x))
}

// scatter writes the words of x to dst, stride bytes apart. Bounds are checked once, since most of the packing time
// is spent here.
func scatter(dst []byte, stride int, x []uint32) {
	if len(x) == 0 {
		return
	}
	_ = dst[(len(x)-1)*stride+3]
	to := unsafe.Pointer(unsafe.SliceData(dst))
	for i, v := range x {
		*(*uint32)(unsafe.Add(to, i*stride)) = v
	}
}

// scatterHalves copies n 16-bit values of x to dst, stride bytes apart.
func scatterHalves(dst []byte, stride int, x []byte, n int) {
	_, _ = dst[(n-1)*stride+1], x[2*n-1]
	to, from := unsafe.Pointer(unsafe.SliceData(dst)), unsafe.Pointer(unsafe.SliceData(x))
	for i := range n {
		*(*uint16)(unsafe.Add(to, i*stride)) = *(*uint16)(unsafe.Add(from, 2*i))
	}
}

// packFloats8 quantizes float weights to 8 bits (layout q8s32) in blocks of 32 columns, as Q8_0 does: the largest
// magnitude of a block becomes 127.
func (s *segment) packFloats8(w *packer, p, rows int) {
	t, panel, n := s.source.Type, s.panel(p), layouts[s.kind].blockBytes()
	for c := 0; c < s.cols; c += floatRun {
		cols := min(floatRun, s.cols-c)
		at, end := t.RowBytes(c), t.RowBytes(c+cols)
		for i := range rows {
			w.load(t, cols, s.row(32*p + i)[at:end])
			quantize(w.lv, w.blocks[:cols/32], w.values[:cols])
			for b := range w.blocks[:cols/32] {
				put8(panel[(2*(c/32+b)+i/16)*n:][:n], i%16, &w.blocks[b])
			}
		}
	}
}

// put8 writes b as row i, 0 to 15, of a block of layout q8s32.
func put8(dst []byte, i int, b *block) {
	for j, w := range (*[8]uint32)(unsafe.Pointer(&b.q)) {
		binary.LittleEndian.PutUint32(dst[64*j+4*i:], w^0x80808080)
	}
	binary.LittleEndian.PutUint16(dst[512+2*i:], quant.F32ToF16(b.d))
}

// packInts packs the integers of any format in unpackers.
func (s *segment) packInts(w *packer, p, rows int) {
	t := s.source.Type
	u, l, panel := unpackers[t], &layouts[s.kind], s.panel(p)
	values, bytes, n := t.BlockValues(), t.BlockBytes(), l.blockBytes()
	for b := range s.cols / values {
		dst := panel[b*values/32*2*n:]
		for i := range rows {
			src, dst := s.row(32*p + i)[b*bytes:][:bytes], dst[i/16*n:]
			if u.planes != nil {
				u.planes(dst[4*(i%16):], 2*n, src)
			} else {
				w.putQuants(dst, i%16, l, &u, src, values)
			}
			if u.top != nil {
				if u.scales != nil {
					u.scales(&w.u, src)
				}
				w.putScales(dst, i%16, l, values/32, 1/s.scale)
				continue
			}
			at := l.quantBytes() + 2*(i%16) // d and m are float16 in the file too
			copy(dst[at:][:2], src)
			if l.mins {
				copy(dst[at+32:][:2], src[2:])
			}
		}
	}
}

// putQuants writes the bit planes of row i of a block of the file with so many values, which it unpacks.
func (w *packer) putQuants(dst []byte, i int, l *layout, u *unpacker, src []byte, values int) {
	n := l.blockBytes()
	u.quants(&w.u, src)
	for c := 0; c < values; c += 32 {
		l.putPlanes(dst[c/32*2*n:][:n], i, (*[8]uint32)(unsafe.Pointer(&w.u.q[c])))
	}
}

// putPlanes writes the bit planes of row i of a block. w holds the integers of the 32 columns, one byte each;
// four are processed at a time, as the bytes of a word.
func (l *layout) putPlanes(dst []byte, i int, w *[8]uint32) {
	at := dst[4*i:]
	for _, p := range l.planes {
		switch p.width {
		case 8:
			scatter(at, 64, w[:])
		case 4: // in all layouts, this is the plane of the lowest bits
			const low = 0x0f0f0f0f
			for v := range 4 {
				binary.LittleEndian.PutUint32(at[64*v:], w[v]&low|w[v+4]&low<<4)
			}
		case 2:
			for v := range 2 {
				binary.LittleEndian.PutUint32(at[64*v:], field(w[v], p, 0)|field(w[v+2], p, 2)|field(w[v+4], p, 4)|field(w[v+6], p, 6))
			}
		case 1:
			x := uint32(0)
			for j, v := range w {
				x |= field(v, p, j)
			}
			binary.LittleEndian.PutUint32(at, x)
		}
		at = at[min(64*p.width, len(at)):]
	}
}

// field extracts the bits of plane p from the four integers of w, and shifts them left by to.
func field(w uint32, p bits, to int) uint32 {
	return w >> p.shift & (uint32(1<<p.width-1) * 0x01010101) << to
}

// putScales writes the scales and minima of row i for that many blocks of 32 columns, multiplied by inv, a power of two.
func (w *packer) putScales(dst []byte, i int, l *layout, blocks int, inv float32) {
	n := l.blockBytes()
	put := func(x *[16]float32, at int) {
		for k := range x {
			x[k] *= inv
		}
		toHalf(w.lv, w.halves[:16], x[:])
		for b := range blocks {
			to := dst[2*n*b+at:]
			if l.halves == 1 {
				binary.LittleEndian.PutUint16(to, w.halves[b])
				continue
			}
			binary.LittleEndian.PutUint16(to[32:], w.halves[2*b+1])
			binary.LittleEndian.PutUint16(to, w.halves[2*b])
		}
	}
	put(&w.u.d, l.quantBytes()+2*i)
	if l.mins {
		put(&w.u.m, l.quantBytes()+32*l.halves+2*i)
	}
}
