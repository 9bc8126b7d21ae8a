// Package quant implements the block formats in which model weights are stored. Each format
// has a file, alone or with its kin, with its dequantization, a diagram of the block and, where the project needs
// it, its quantization. The type numbers are those of GGML, which GGUF files contain. The K
// formats divide a block into runs (GGML calls them sub-blocks) with a scale each.
//
// Dequantized values, and the blocks that Quantize writes in formats other than the K formats, IQ4_NL and IQ4_XS,
// are bit-exact with the numpy code of the Python package gguf. So the order of the float32
// operations matters, and a product is converted explicitly where a sum follows:
// otherwise Go may fuse the two operations, as it does on arm64, and then rounds only once.
package quant

import (
	"fmt"
	"maps"
	"slices"
)

// Type is a storage format of weights, numbered as in GGUF files.
type Type uint32

// The implemented formats. Source: ggml.h, enum ggml_type.
const (
	F32  Type = 0
	F16  Type = 1
	Q4_0 Type = 2
	Q4_1 Type = 3
	Q5_0 Type = 6
	Q5_1 Type = 7
	Q8_0 Type = 8
	Q2_K Type = 10
	Q3_K Type = 11
	Q4_K Type = 12
	Q5_K Type = 13
	Q6_K Type = 14
	BF16 Type = 30

	IQ2_XXS Type = 16
	IQ2_XS  Type = 17
	IQ3_XXS Type = 18
	IQ1_S   Type = 19
	IQ4_NL  Type = 20
	IQ3_S   Type = 21
	IQ2_S   Type = 22
	IQ4_XS  Type = 23
	IQ1_M   Type = 29
	TQ1_0   Type = 34
	TQ2_0   Type = 35
	MXFP4   Type = 39
	NVFP4   Type = 40
)

// Format describes how a Type stores values.
type Format struct {
	Name   string // the name that llama.cpp uses: "Q4_K"
	Values int    // values in a block
	Bytes  int    // bytes of a block

	// dequantize decodes len(dst) values, a multiple of Values, from src.
	dequantize func(dst []float32, src []byte)
	// quantize is the inverse; nil if this project does not write the format.
	quantize func(dst []byte, src []float32)
	// encode encodes one block with the least error it finds; nil if there is no search. searches: also without weights.
	encode   func(dst []byte, src, weights []float32)
	searches bool
	// coded describes a format with few levels (see Type.Levels), nil for the others.
	coded *coded
}

// Known reports whether this package implements t.
func (t Type) Known() bool { _, ok := formats[t]; return ok }

// Types returns all implemented types in the order of their numbers.
func Types() []Type { return slices.Sorted(maps.Keys(formats)) }

// String returns the format's name, or "type 99" for an unknown number.
func (t Type) String() string {
	if f, ok := formats[t]; ok {
		return f.Name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// BlockValues returns the number of values in one block, 0 for an unknown type.
func (t Type) BlockValues() int { return formats[t].Values }

// BlockBytes returns the number of bytes of one block, 0 for an unknown type.
func (t Type) BlockBytes() int { return formats[t].Bytes }

// RowBytes returns the number of bytes of a row of n values. n must be a multiple of
// BlockValues; callers that read files check that first.
func (t Type) RowBytes(n int) int {
	f := formats[t]
	return n / f.Values * f.Bytes
}

// Dequantize decodes len(dst) values from src, which has format t. len(dst) must be a
// multiple of t.BlockValues(). It panics if src is shorter than t.RowBytes(len(dst)).
func Dequantize(t Type, dst []float32, src []byte) { formats[t].dequantize(dst, src) }

// CanQuantize reports whether Quantize supports t.
func CanQuantize(t Type) bool { return formats[t].quantize != nil }

// Quantize encodes src, whose length must be a multiple of t.BlockValues(), in format t into
// dst. It panics if dst is shorter than t.RowBytes(len(src)).
func Quantize(t Type, dst []byte, src []float32) { formats[t].quantize(dst, src) }

// Encode is Quantize with a search for the scales by which the error is least, where the format has one. weights, of the length of src, has
// for each value a number above zero by which the square of its error is multiplied; nil: all values matter alike.
func Encode(t Type, dst []byte, src, weights []float32) {
	f := formats[t]
	if f.encode == nil || weights == nil && f.quantize != nil && !f.searches {
		f.quantize(dst, src)
		return
	}
	n := f.Values
	for ; len(src) >= n; dst, src = dst[f.Bytes:], src[n:] {
		if weights == nil {
			f.encode(dst[:f.Bytes], src[:n], nil)
			continue
		}
		f.encode(dst[:f.Bytes], src[:n], weights[:n])
		weights = weights[n:]
	}
}

// CanEncode reports whether Encode supports t.
func CanEncode(t Type) bool { return formats[t].encode != nil || formats[t].quantize != nil }
