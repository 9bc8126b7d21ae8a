package apr

import (
	"fmt"
	"math"

	"soberano/kernels/quant"
	"soberano/models"
)

// dtype is a type of the index. Numbers that APR does not give a meaning to are GGML's.
type dtype uint8

const (
	f64   dtype = 3
	i32   dtype = 4
	i64   dtype = 5
	i8    dtype = 6
	u8    dtype = 7
	oldQ4 dtype = 8 // q4 in older files
	oldQ8 dtype = 9 // q8 in older files
	q4    dtype = 128
	q8    dtype = 129
)

// current is the present number of a type.
func current(d dtype) dtype {
	switch d {
	case oldQ4:
		return q4
	case oldQ8:
		return q8
	}
	return d
}

// plain are the types of single values that do not run, by their bytes.
var plain = map[dtype]struct {
	name  string
	bytes uint64
}{f64: {"F64", 8}, i32: {"I32", 4}, i64: {"I64", 8}, i8: {"I8", 1}, u8: {"U8", 1}}

// String is the type's name.
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

// quant is the type as kernels/quant has it; an unknown one where it has not.
func (d dtype) quant() quant.Type {
	if plain[d].name != "" || d == oldQ4 || d == oldQ8 {
		return unknown
	}
	return quant.Type(d)
}

const unknown quant.Type = 1 << 16

// sized reports whether the bytes of a tensor are known.
func (d dtype) sized() bool {
	return plain[d].name != "" || d == q4 || d == q8 || d.quant().Known()
}

// bytes is the size of a tensor; false where its shape is impossible. For types that are
// not sized it means nothing.
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

// APR's own blocks, over all values of a tensor one after the other:
//
//	APR_Q4  32 values: float16 scale · 16 bytes, value 2i in the low half of byte i and
//	        2i+1 in the high half; a value is scale · (half - 8)
//	APR_Q8  the whole tensor: float32 scale · an int8 a value; a value is scale · int8

const q4Bytes = 2 + 16

// convert returns the tensor in a type that kernels/quant has, exactly. APR_Q4 is Q4_0
// with its halves in another order, where rows are whole blocks; the rest becomes float32.
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

// value is value i.
func (x *entry) value(i int) float32 {
	if x.dtype == q8 {
		return math.Float32frombits(le.Uint32(x.data)) * float32(int8(x.data[4+i]))
	}
	block := x.data[i/32*q4Bytes:][:q4Bytes]
	half := block[2+i%32/2] >> (i % 2 * 4) & 15
	return quant.F16ToF32(le.Uint16(block)) * (float32(half) - 8)
}

// reordered returns the blocks with values 0 … 15 in the low halves and 16 … 31 in the
// high ones.
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
