// Package quant holds the block formats in which model weights are stored: one file
// each, with the drawing of the block, its dequantization and, where the project
// needs it, its quantization. The numbers of the types are GGML's, as GGUF files
// carry them.
package quant

import (
	"fmt"
	"maps"
	"slices"
)

// Type is a storage format of weights, numbered as in GGUF files.
type Type uint32

// The formats known here. Source: ggml.h, enum ggml_type.
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
)

// Format says how a Type lays out its values.
type Format struct {
	Name   string // as llama.cpp prints it: "Q4_K"
	Values int    // values in a block
	Bytes  int    // bytes of a block

	// dequantize writes len(dst) values (a multiple of Values) from src.
	dequantize func(dst []float32, src []byte)
	// quantize is the inverse, nil where this project does not write the format.
	quantize func(dst []byte, src []float32)
}

// Known reports whether t has a format here.
func (t Type) Known() bool { _, ok := formats[t]; return ok }

// Types returns all types that have a format here, in the order of their numbers.
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

// RowBytes returns the bytes of a row of n values. n must be a multiple of
// BlockValues; callers that read files check that first.
func (t Type) RowBytes(n int) int {
	f := formats[t]
	return n / f.Values * f.Bytes
}

// Dequantize writes the float32 values of src, len(dst) of them, a multiple of
// t.BlockValues(). It panics if src is shorter than t.RowBytes(len(dst)).
func Dequantize(t Type, dst []float32, src []byte) { formats[t].dequantize(dst, src) }

// CanQuantize reports whether Quantize writes t.
func CanQuantize(t Type) bool { return formats[t].quantize != nil }

// Quantize writes len(src) values, a multiple of t.BlockValues(), to dst in format t.
func Quantize(t Type, dst []byte, src []float32) { formats[t].quantize(dst, src) }
