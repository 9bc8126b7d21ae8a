package cpu

import "soberano/kernels/quant"

// kind is a layout of weights in memory.
type kind uint8

const (
	kindF32 kind = iota
	kindF16
	kindBF16
	kindPairs
	q2a16 // affine (scale and minimum), a scale for 16 columns: Q2_K
	q3s16 // symmetric (scale and zero point), a scale for 16 columns: Q3_K
	q4s32 // symmetric, a scale for 32 columns: Q4_0
	q4a32 // affine, a scale for 32 columns: Q4_1, Q4_K
	q5s32 // Q5_0
	q5a32 // Q5_1, Q5_K
	q6s16 // Q6_K
	q8s32 // Q8_0
	q2s32 // TQ1_0, TQ2_0

	// Codes of levels; the names end with those of the levels.
	t3s32iq2 // IQ2_XXS
	t3s32iq1 // IQ1_S
	t3s16iq2 // IQ2_XS, IQ2_S
	t3s16iq1 // IQ1_M
	t4s32iq4 // IQ4_NL, IQ4_XS
	t4s32xxs // IQ3_XXS
	t4s32iq3 // IQ3_S
	t4s16fp4 // NVFP4
	t4e32fp4 // MXFP4
	kinds
)

// layout describes a kind: the memory layout of a weight matrix, as the microkernels read it.
//
// Rows are padded with zeros to a multiple of 32 and stored in panels of 32 rows. A vector register holds
// one column (in integer layouts four neighbouring columns, as bytes) of 16 rows, and the activation of that column is
// broadcast to all lanes.
//
// Float layouts store the columns of a panel one after the other, so that memory is read as one stream.
// (Two streams of 16 rows each, 2 KiB long in attention, were read at a third of the speed.)
//
//	[cols][32]      float32, float16 or bfloat16
//	[cols/2][32][2] pairs: bfloat16, two columns of a row side by side
//
// In integer layouts a panel consists of two groups of 16 rows. It is stored as [cols/32][2] blocks, each of
// 32 columns of one group. A block has bit planes, then scales, then minima. A plane of b bits has b vectors of
// 64 bytes; the bits of column 4j+x of row r are in byte 4r+x of vector j mod b, from bit b·⌊j/b⌋ on:
//
//	8 bits  [8][16][4]  vector j holds columns 4j … 4j+3 of all rows           512 B
//	4 bits  [4][16][4]  low nibbles columns 0 … 15, high ones 16 … 31          256 B
//	2 bits  [2][16][4]                                                         128 B
//	1 bit      [16][4]  bit j is of columns 4j … 4j+3                           64 B
//	then    d: [16] float16 scales for all 32 columns, or two times [16], one for each half of the columns;
//	        in the layouts of powers [16] exponents of one byte: d = 2^(e-127), and 0 for e = 0
//	then    m: as many float16 minima, in the affine layouts
//
// Six-bit integers have a plane of the low four bits and one of the upper two; five bits are split into four and
// one, three bits into two and one. A matrix therefore takes hardly more memory than in its file.
//
// The value of a weight is scale·d·(q-zero) in symmetric layouts and scale·(d·q + m) in affine ones. q is the stored
// integer and zero is the middle of the range of the integers. In the layouts with levels, q is a code, and the value is
// scale·d·levels[q]: the kernels look up bytes in a table (VPSHUFB, TBL), so that weights whose levels need eight bits
// are read from memory as three or four. scale is a power of two for the whole matrix, which
// keeps d and m in float16's normal range: in K-quants they are products of two scales, and rounding these to 11
// bits changes a weight by 0.02 %, a twentieth of the error of 8-bit activations.
type layout struct {
	name   string
	bits   int    // bits of a value
	planes []bits // bit planes of the integer layouts
	zero   int    // zero point of the symmetric layouts; 0 in affine ones
	halves int    // scales for 32 columns; 0 for floats
	mins   bool
	levels *levels // what codes stand for; nil if the integers are no codes
	powers bool    // scales are exponents
}

// bits is a plane: width bits of each integer, the lowest of weight 2^shift.
type bits struct{ width, shift int }

var layouts = [kinds]layout{
	kindF32:   {name: "f32", bits: 32},
	kindF16:   {name: "f16", bits: 16},
	kindBF16:  {name: "bf16", bits: 16},
	kindPairs: {name: "pairs", bits: 16},
	q2a16:     {name: "q2a16", bits: 2, planes: []bits{{2, 0}}, halves: 2, mins: true},
	q3s16:     {name: "q3s16", bits: 3, planes: []bits{{2, 0}, {1, 2}}, zero: 4, halves: 2},
	q4s32:     {name: "q4s32", bits: 4, planes: []bits{{4, 0}}, zero: 8, halves: 1},
	q4a32:     {name: "q4a32", bits: 4, planes: []bits{{4, 0}}, halves: 1, mins: true},
	q5s32:     {name: "q5s32", bits: 5, planes: []bits{{4, 0}, {1, 4}}, zero: 16, halves: 1},
	q5a32:     {name: "q5a32", bits: 5, planes: []bits{{4, 0}, {1, 4}}, halves: 1, mins: true},
	q6s16:     {name: "q6s16", bits: 6, planes: []bits{{4, 0}, {2, 4}}, zero: 32, halves: 2},
	q8s32:     {name: "q8s32", bits: 8, planes: []bits{{8, 0}}, zero: 128, halves: 1},
	q2s32:     {name: "q2s32", bits: 2, planes: []bits{{2, 0}}, zero: 1, halves: 1},

	t3s32iq2: {name: "t3s32iq2", bits: 3, planes: []bits{{2, 0}, {1, 2}}, halves: 1, levels: levelsOf(quant.IQ2_XXS)},
	t3s32iq1: {name: "t3s32iq1", bits: 3, planes: []bits{{2, 0}, {1, 2}}, halves: 1, levels: levelsOf(quant.IQ1_S)},
	t3s16iq2: {name: "t3s16iq2", bits: 3, planes: []bits{{2, 0}, {1, 2}}, halves: 2, levels: levelsOf(quant.IQ2_S)},
	t3s16iq1: {name: "t3s16iq1", bits: 3, planes: []bits{{2, 0}, {1, 2}}, halves: 2, levels: levelsOf(quant.IQ1_M)},
	t4s32iq4: {name: "t4s32iq4", bits: 4, planes: []bits{{4, 0}}, halves: 1, levels: levelsOf(quant.IQ4_NL)},
	t4s32xxs: {name: "t4s32xxs", bits: 4, planes: []bits{{4, 0}}, halves: 1, levels: levelsOf(quant.IQ3_XXS)},
	t4s32iq3: {name: "t4s32iq3", bits: 4, planes: []bits{{4, 0}}, halves: 1, levels: levelsOf(quant.IQ3_S)},
	t4s16fp4: {name: "t4s16fp4", bits: 4, planes: []bits{{4, 0}}, halves: 2, levels: levelsOf(quant.NVFP4)},
	t4e32fp4: {name: "t4e32fp4", bits: 4, planes: []bits{{4, 0}}, halves: 1, levels: levelsOf(quant.MXFP4), powers: true},
}

// levels are the integers that the codes of a layout stand for, plus 128, as the kernels multiply with unsigned bytes.
type levels [16]uint8

// levelsOf returns the levels of format t.
func levelsOf(t quant.Type) *levels {
	list, _ := t.Levels()
	out := &levels{}
	for i, l := range list {
		out[i] = uint8(int(l) + 128)
	}
	return out
}

func (k kind) String() string { return layouts[k].name }

// float reports whether k's values are floating-point numbers.
func (k kind) float() bool { return k <= kindPairs }

// quantBytes is the size of the integers of a block.
func (l *layout) quantBytes() int { return l.bits * 64 }

// blockBytes is the size of a block of 16 rows × 32 columns.
func (l *layout) blockBytes() int {
	n := l.quantBytes() + 16*l.scaleSize()*l.halves
	if l.mins {
		n += 32 * l.halves
	}
	return n
}

// scaleSize is the size of a scale.
func (l *layout) scaleSize() int {
	if l.powers {
		return 1
	}
	return 2
}

// integer returns the integer that q stands for, which is multiplied by the scale: a level, or q less the zero point.
func (l *layout) integer(q uint8) int {
	if l.levels != nil {
		return int(l.levels[q]) - 128
	}
	return int(q) - l.zero
}

// panelBytes is the size of 32 rows × cols.
func (k kind) panelBytes(cols int) int {
	l := &layouts[k]
	if k == kindPairs {
		cols = (cols + 1) &^ 1
	}
	if k.float() {
		return cols * 32 * l.bits / 8
	}
	return cols / 32 * 2 * l.blockBytes()
}
