package cpu

import (
	"encoding/binary"
	"math"
)

// leastMany is the number of tokens from which on a panel of integers is unpacked once for all of them, at levels for which
// mTile is written in assembly, unless another was measured (ways).
const leastMany = 16

// wordBlock is a block of activations in 16 bits, as the AVX2 kernels multiply them with weights of 8 bits: those of the even
// columns before those of the odd ones. The assembly depends on its layout.
type wordBlock struct {
	q [32]int16
	d float32 // scale
	_ [3]float32
}

// wordBlockSize is the size of a wordBlock in bytes.
const wordBlockSize = 80

// wide reports whether the integers of l have eight bits: stored as such, or as codes.
func (l *layout) wide() bool { return l.bits == 8 || l.levels != nil }

// unpackedBytes returns the size of a block that unpackPanel has unpacked.
func (l *layout) unpackedBytes() int {
	n := l.unpackedQuants() + 64*l.halves
	if l.mins {
		n += 64 * l.halves
	}
	return n
}

// unpackedQuants returns the size of the integers of a block that unpackPanel has unpacked.
func (l *layout) unpackedQuants() int {
	if l.wide() {
		return 1024
	}
	return 512
}

// unpackPanelGo is the reference implementation of unpackPanel. It unpacks a panel of nb blocks of 32 columns for mTile. The blocks have the
// order of layout, and each of them
//
//	[8][16][4]     unsigned bytes, with the zero point; vector j has columns 4j … 4j+3 of 16 rows
//	[2][8][16][2]  integers of 16 bits instead, less the zero point, if those of the layout have eight bits: vector j has the columns
//	               4j and 4j+2, then 4j+1 and 4j+3
//	[halves][16]   scales in float32
//	[halves][16]   minima in float32, in the affine layouts
func unpackPanelGo(k kind, dst, w []byte, nb int) {
	l := &layouts[k]
	var x decoded
	for range 2 * nb {
		l.decode(&x, w)
		for i := range 16 {
			for c, q := range x.q[i] {
				if l.wide() {
					binary.LittleEndian.PutUint16(dst[512*(c%2)+64*(c/4)+4*i+c%4/2*2:], uint16(q))
				} else {
					dst[64*(c/4)+4*i+c%4] = byte(int(q) + l.zero)
				}
			}
			for h := range l.halves {
				at := dst[l.unpackedQuants()+64*h+4*i:]
				binary.LittleEndian.PutUint32(at, math.Float32bits(x.d[h][i]))
				if l.mins {
					binary.LittleEndian.PutUint32(at[64*l.halves:], math.Float32bits(x.m[h][i]))
				}
			}
		}
		w, dst = w[l.blockBytes():], dst[l.unpackedBytes():]
	}
}

// mTileGo is the reference implementation of mTile. It computes what qTileGo does, with a panel that unpackPanel has unpacked. words are the
// activations in 16 bits (toWordBlocks), which the assembly needs if the layout is wide.
//
// With AVX2 the instructions that unpack four columns of 16 rows take as long as those that multiply them with three to six tokens, and there are
// not enough registers for more tokens. From some dozen tokens on it is faster to unpack the panel only once. The microkernel is
// 3 tokens × 16 rows (2 tokens, if it needs a third accumulator):
//
//	up to 4 bits   eight pairs of products are added in 16 bits
//	5 and 6 bits   four and two, which are then added in 32 bits
//	8 bits         VPMADDWD adds pairs of products of 16-bit integers in 32 bits: half as many products in an instruction as VPMADDUBSW,
//	               which would need VPSIGNB and VPMADDWD beside it, all three for the same two of a core's ports
//
// The results are those of qTile of the same level, bit for bit.
func mTileGo(k kind, c []float32, ldc int, a []block, _ []wordBlock, lda int, w []byte, nb, m int, scale float32, add bool) {
	l := &layouts[k]
	var d decoded
	for g := range 2 {
		for t := range m {
			if !add {
				clear(c[t*ldc+16*g:][:16])
			}
		}
		for b := range nb {
			l.decodeUnpacked(&d, w[(2*b+g)*l.unpackedBytes():])
			for t := range m {
				l.block(c[t*ldc+16*g:][:16], &a[t*lda+b], &d, scale)
			}
		}
	}
}

// decodeUnpacked is decode for a block that was unpacked.
func (l *layout) decodeUnpacked(x *decoded, b []byte) {
	for i := range 16 {
		for c := range x.q[i] {
			if l.wide() {
				x.q[i][c] = int16(binary.LittleEndian.Uint16(b[512*(c%2)+64*(c/4)+4*i+c%4/2*2:]))
			} else {
				x.q[i][c] = int16(b[64*(c/4)+4*i+c%4]) - int16(l.zero)
			}
		}
		for h := range l.halves {
			at := b[l.unpackedQuants()+64*h+4*i:]
			x.d[h][i] = math.Float32frombits(binary.LittleEndian.Uint32(at))
			if l.mins {
				x.m[h][i] = math.Float32frombits(binary.LittleEndian.Uint32(at[64*l.halves:]))
			}
		}
	}
}

// toWordBlocksGo is the reference implementation of toWordBlocks: it widens the integers of src to 16 bits.
func toWordBlocksGo(dst []wordBlock, src []block) {
	for i := range src {
		for c, q := range src[i].q {
			dst[i].q[16*(c%2)+c/2] = int16(q)
		}
		dst[i].d = src[i].d
	}
}

// manyTile is tile for many tokens.
func (j *matmulJob) manyTile(worker int, s *segment, p int, c []float32, ldc, t0, t1 int, add bool) {
	l, nb := &layouts[s.kind], s.cols/32
	if n := 2 * nb * l.unpackedBytes(); len(j.many[worker]) < n {
		j.many[worker] = alignedBytes(n)
	}
	w := j.many[worker]
	packed := s.weights(p)
	unpackPanel(j.lv, s.kind, w, packed, nb)
	var words []wordBlock
	if l.wide() {
		words = j.words[t0*nb:]
	}
	m := mTile(j.lv, s.kind, c, ldc, j.x8[t0*nb:t1*nb], words, nb, w, packed, nb, t1-t0, s.scale, add)
	if t0 += m; t0 < t1 {
		j.tile(s, p, c[m*ldc:], ldc, t0, t1, add)
	}
}

// manyTokens reports whether j multiplies n tokens with s by manyTile.
func (j *matmulJob) manyTokens(s *segment, n int) bool {
	return n >= j.ways.many[s.kind] && hasMTile(j.lv) && !s.kind.float()
}

// widenX converts the quantized x to 16 bits, if the products with m need that.
func (d *device) widenX(j *matmulJob, m *matrix) {
	if !m.wide || j.x.Rows < j.ways.words || !hasMTile(j.lv) {
		return
	}
	if n := len(j.x8); len(d.words) < n {
		d.words = make([]wordBlock, n+min(n/4, moreBlocks))
	}
	j.words = d.words
	j.rows(d, &j.widen)
}

// widenChunk converts the rows of chunk c to 16 bits.
func (j *matmulJob) widenChunk(_, c int) {
	nb := j.x.Cols / 32
	from, to := c*quantRows*nb, min((c+1)*quantRows, j.x.Rows)*nb
	toWordBlocks(j.lv, j.words[from:to], j.x8[from:to])
}
