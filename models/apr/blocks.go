package apr

import (
	"fmt"
	"math"

	"soberano/kernels/quant"
	"soberano/models"
)

// dtype is a type number of the index. Numbers to which APR gives no meaning are GGML's.
type dtype uint8

const (
	f64   dtype = 3
	i32   dtype = 4
	i64   dtype = 5
	i8    dtype = 6
	u8    dtype = 7
	oldQ4 dtype = 8 // Q4 in older files
	oldQ8 dtype = 9 // Q8 in older files
	q4    dtype = 128
	q8    dtype = 129
)

// shifted are GGML's types whose numbers mean something else in APR. They are stored under their number plus 128, which no other known
// program reads.
var shifted = map[dtype]quant.Type{
	128 + dtype(quant.Q4_1): quant.Q4_1, 128 + dtype(quant.Q5_0): quant.Q5_0, 128 + dtype(quant.Q5_1): quant.Q5_1, 128 + dtype(quant.Q8_0): quant.Q8_0,
}

// number returns the type number of a type of kernels/quant, and false where there is none.
func number(t quant.Type) (dtype, bool) {
	for d, to := range shifted {
		if to == t {
			return d, true
		}
	}
	d := dtype(t)
	return d, quant.Type(d) == t && (d.quant() == t || d == q4 || d == q8)
}

// blocks reports whether values are stored in blocks with a scale.
func (d dtype) blocks() bool { return d == q4 || d == q8 || d.quant().BlockValues() > 1 }

// current maps the type number of an older file to its present number.
func current(d dtype) dtype {
	switch d {
	case oldQ4:
		return q4
	case oldQ8:
		return q8
	}
	return d
}

// plain lists the types of single values that can't run, with their sizes in bytes.
var plain = map[dtype]struct {
	name  string
	bytes uint64
}{f64: {"F64", 8}, i32: {"I32", 4}, i64: {"I64", 8}, i8: {"I8", 1}, u8: {"U8", 1}}

// String returns the type's name.
func (d dtype) String() string {
	switch {
	case plain[d].name != "":
		return plain[d].name
	case d == q4:
		return "APR_Q4"
	case d == q8:
		return "APR_Q8"
	case d.quant().Known():
		return d.quant().String()
	}
	return fmt.Sprintf("type %d", uint8(d))
}

// quant returns the type of kernels/quant, or an unknown type where it has none.
func (d dtype) quant() quant.Type {
	if t, ok := shifted[d]; ok {
		return t
	}
	if plain[d].name != "" || d == oldQ4 || d == oldQ8 || d == q4 || d == q8 {
		return unknown
	}
	return quant.Type(d)
}

const unknown quant.Type = 1 << 16

// sized reports whether the byte size of a tensor of this type is known.
func (d dtype) sized() bool {
	return plain[d].name != "" || d == q4 || d == q8 || d.quant().Known()
}

// bytes returns the size of a tensor in bytes, and false where its shape is impossible. The
// size means nothing for a type that is not sized.
func (d dtype) bytes(shape []int) (uint64, bool) {
	n, ok := models.Values(shape)
	switch {
	case !ok || !d.sized():
		return 0, ok
	case plain[d].name != "":
		return uint64(n) * plain[d].bytes, true
	case d == q4:
		return (uint64(n) + 31) / 32 * q4Bytes, true
	case d == q8:
		return 4 + uint64(n), true
	}
	return models.Bytes(d.quant(), shape)
}

// q4Bytes is the size of a block of APR_Q4 and of Q4_0.
const q4Bytes = 2 + 16

// convert returns the tensor's values unchanged in a type that kernels/quant has. APR_Q4
// becomes Q4_0, which orders its 4-bit values differently, if rows are whole blocks;
// everything else becomes float32.
//
// APR's own blocks contain the values of the whole tensor in order; rows have no blocks of their own:
//
//	APR_Q4  32 values: float16 scale · 16 bytes, value 2i in the low half of byte i and
//	        2i+1 in the high half; a value is scale · (half - 8)
//	APR_Q8  the whole tensor: float32 scale · an int8 a value; a value is scale · int8
func (x *entry) convert() (quant.Type, []byte) {
	n, _ := models.Values(x.shape)
	if x.dtype == q4 && (models.Tensor{Shape: x.shape}).Cols()%32 == 0 {
		return quant.Q4_0, x.reordered()
	}
	out := make([]byte, 4*n)
	for i := range n {
		le.PutUint32(out[4*i:], math.Float32bits(x.value(i)))
	}
	return quant.F32, out
}

// value returns value i of a tensor in one of APR's own block formats.
func (x *entry) value(i int) float32 {
	if x.dtype == q8 {
		return math.Float32frombits(le.Uint32(x.data)) * float32(int8(x.data[4+i]))
	}
	block := x.data[i/32*q4Bytes:][:q4Bytes]
	half := block[2+i%32/2] >> (i % 2 * 4) & 15
	return quant.F16ToF32(le.Uint16(block)) * (float32(half) - 8)
}

// reordered returns the blocks in the order of Q4_0: values 0 … 15 in the low halves of the
// bytes and 16 … 31 in the high halves.
func (x *entry) reordered() []byte {
	out := make([]byte, len(x.data))
	for at := 0; at < len(out); at += q4Bytes {
		from, to := x.data[at:][:q4Bytes], out[at:][:q4Bytes]
		copy(to[:2], from)
		for i := range 16 {
			low := from[2+i/2] >> (i % 2 * 4) & 15
			high := from[2+8+i/2] >> (i % 2 * 4) & 15
			to[2+i] = low | high<<4
		}
	}
	return out
}
