package cpu

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
//	then    d: [16] float16 scales for all 32 columns, or two times [16], one for each half of the columns
//	then    m: as many float16 minima, in the affine layouts
//
// Six-bit integers have a plane of the low four bits and one of the upper two; five bits are split into four and
// one, three bits into two and one. A matrix therefore takes hardly more memory than in its file.
//
// The value of a weight is scale·d·(q-zero) in symmetric layouts and scale·(d·q + m) in affine ones. q is the stored
// integer and zero is half the range of the integers. scale is a power of two for the whole matrix, which
// keeps d and m in float16's normal range: in K-quants they are products of two scales, and rounding these to 11
// bits changes a weight by 0.02 %, a twentieth of the error of 8-bit activations.
type layout struct {
	name   string
	bits   int    // bits of a value
	planes []bits // bit planes of the integer layouts
	zero   int    // zero point of the symmetric layouts; 0 in affine ones
	halves int    // scales for 32 columns; 0 for floats
	mins   bool
}

// bits is a plane: width bits of each integer, the lowest of weight 2^shift.
type bits struct{ width, shift int }

var layouts = [kinds]layout{
	kindF32:   {name: "f32", bits: 32},
	kindF16:   {name: "f16", bits: 16},
	kindBF16:  {name: "bf16", bits: 16},
	kindPairs: {name: "pairs", bits: 16},
	q2a16:     {"q2a16", 2, []bits{{2, 0}}, 0, 2, true},
	q3s16:     {"q3s16", 3, []bits{{2, 0}, {1, 2}}, 4, 2, false},
	q4s32:     {"q4s32", 4, []bits{{4, 0}}, 8, 1, false},
	q4a32:     {"q4a32", 4, []bits{{4, 0}}, 0, 1, true},
	q5s32:     {"q5s32", 5, []bits{{4, 0}, {1, 4}}, 16, 1, false},
	q5a32:     {"q5a32", 5, []bits{{4, 0}, {1, 4}}, 0, 1, true},
	q6s16:     {"q6s16", 6, []bits{{4, 0}, {2, 4}}, 32, 2, false},
	q8s32:     {"q8s32", 8, []bits{{8, 0}}, 128, 1, false},
}

func (k kind) String() string { return layouts[k].name }

// float reports whether k's values are floating-point numbers.
func (k kind) float() bool { return k <= kindPairs }

// quantBytes is the size of the integers of a block.
func (l *layout) quantBytes() int { return l.bits * 64 }

// blockBytes is the size of a block of 16 rows × 32 columns.
func (l *layout) blockBytes() int {
	n := l.quantBytes() + 32*l.halves
	if l.mins {
		n += 32 * l.halves
	}
	return n
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
