package cpu

// kind is a layout.
type kind uint8

const (
	kindF32 kind = iota
	kindF16
	kindBF16
	kindPairs
	q2a16 // affine, a scale per 16 columns: Q2_K
	q3s16 // symmetric, per 16: Q3_K
	q4s32 // symmetric, one scale per 32 columns: Q4_0
	q4a32 // affine: Q4_1, Q4_K
	q5s32 // Q5_0
	q5a32 // Q5_1, Q5_K
	q6s16 // Q6_K
	q8s32 // Q8_0
	kinds
)

// layout says what a kind is made of.
//
// The layouts in which weights are multiplied.
//
// A vector register holds one column (or four neighbouring ones, as bytes) of sixteen
// rows, and an activation is broadcast to all of them. Rows are padded with zeros to a
// multiple of 32, a panel.
//
// Float layouts, all columns of a panel one after the other, so that memory is read as
// one stream (two streams of 16 rows each, 2 KiB long in attention, were read at a third
// of the speed):
//
//	[cols][32]      float32, float16 or bfloat16
//	[cols/2][32][2] pairs: bfloat16, two columns of a row side by side
//
// Integer layouts, where a panel is two groups of sixteen rows, [cols/32][2] blocks, each
// of 32 columns of a group: planes of bits, then scales. A
// plane of b bits is b vectors of 64 bytes; column 4j+x of row r has its bits in byte
// 4r+x of vector j mod b, from bit b·⌊j/b⌋ on:
//
//	8 bits  [8][16][4]  vector j holds columns 4j … 4j+3 of all rows           512 B
//	4 bits  [4][16][4]  low nibbles columns 0 … 15, high ones 16 … 31          256 B
//	2 bits  [2][16][4]                                                         128 B
//	1 bit      [16][4]  bit j is of columns 4j … 4j+3                           64 B
//	then    d: [16] float16 scales for all 32 columns, or twice [16] for each half
//	then    m: as many float16 minima, in the affine layouts
//
// Six bits are a plane of four and one of two above it; five are four and one, three
// are two and one. So a matrix takes hardly more memory than its file does.
//
// A weight is scale·(d·(q-zero) ) or scale·(d·q + m), where zero is half the
// range of the integers, and scale a power of two for the whole matrix that keeps the
// products of K-quants' nested scales inside float16's normal range: rounding those
// to 11 bits moves a weight by 0.02 %, a twentieth of what 8-bit activations do.
type layout struct {
	name   string
	bits   int    // of a value
	planes []bits // of the integer layouts
	zero   int    // zero point of the symmetric layouts
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
