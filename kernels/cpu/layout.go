// The layouts in which weights are multiplied.
//
// Sixteen rows form a group, so that a vector register holds one column (or four
// neighbouring ones, as bytes) of sixteen rows and an activation is broadcast to all
// of them. Rows are padded with zeros to a multiple of 32 (a panel, two groups).
//
// Float layouts, all columns of a group one after the other:
//
//	[cols][16] float32, float16 or bfloat16
//
// Integer layouts, one block for 32 columns of a group:
//
//	bytes   q: [8][16][4]: dword j of row r holds columns 4j … 4j+3    512 B
//	nibbles q: [4][16][4]: the low nibbles are dwords 0 … 3 (columns 0 … 15),
//	           the high ones dwords 4 … 7 (columns 16 … 31)            256 B
//	then      d: [16] float16 scales for all 32 columns, or twice [16] for each half
//	then      m: as many float16 minima, in the affine layouts
//
// A weight is scale·(d·(q-zero) ) or scale·(d·q + m), where zero is 8 for nibbles and
// 128 for bytes, and scale a power of two for the whole matrix that keeps the
// products of K-quants' nested scales inside float16's normal range: rounding those
// to 11 bits moves a weight by 0.02 %, a twentieth of what 8-bit activations do.
package cpu

// kind is a layout.
type kind uint8

const (
	kindF32 kind = iota
	kindF16
	kindBF16
	q4s32 // nibbles, symmetric, one scale per 32 columns: Q4_0
	q4a32 // nibbles, affine: Q4_1, Q4_K
	q4s16 // nibbles, symmetric, a scale per 16: Q3_K
	q4a16 // nibbles, affine, per 16: Q2_K
	q8s32 // bytes, symmetric: Q8_0, Q5_0
	q8a32 // bytes below 32, affine: Q5_1, Q5_K
	q8s16 // bytes, symmetric, per 16: Q6_K
	kinds
)

// layout says what a kind is made of.
type layout struct {
	name   string
	bits   int // of a float value or an integer weight
	zero   int // zero point of the symmetric layouts
	halves int // scales for 32 columns; 0 for floats
	mins   bool
}

var layouts = [kinds]layout{
	kindF32:  {name: "f32", bits: 32},
	kindF16:  {name: "f16", bits: 16},
	kindBF16: {name: "bf16", bits: 16},
	q4s32:    {"q4s32", 4, 8, 1, false},
	q4a32:    {"q4a32", 4, 0, 1, true},
	q4s16:    {"q4s16", 4, 8, 2, false},
	q4a16:    {"q4a16", 4, 0, 2, true},
	q8s32:    {"q8s32", 8, 128, 1, false},
	q8a32:    {"q8a32", 8, 0, 1, true},
	q8s16:    {"q8s16", 8, 128, 2, false},
}

func (k kind) String() string { return layouts[k].name }

// float reports whether k's values are floating-point numbers.
func (k kind) float() bool { return k <= kindBF16 }

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

// groupBytes is the size of 16 rows × cols.
func (k kind) groupBytes(cols int) int {
	l := &layouts[k]
	if k.float() {
		return cols * 16 * l.bits / 8
	}
	return cols / 32 * l.blockBytes()
}
