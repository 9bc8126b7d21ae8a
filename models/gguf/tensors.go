package gguf

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"soberano/kernels/quant"
	"soberano/models"
)

// readAlignment reads general.alignment from the keys.
func (h *header) readAlignment(r *reader) {
	a, err := h.meta.Int("general.alignment", 32)
	if err != nil {
		r.fail(inFile(r.path, err))
		return
	}
	// The specification says a multiple of 8; llama.cpp also requires a power of two.
	if a < 8 || a > 1<<16 || bits.OnesCount(uint(a)) != 1 {
		r.field = `key "general.alignment"`
		r.corrupt("is %d, expected a power of two from 8 to 65,536", a)
		return
	}
	h.alignment = uint64(a)
}

// readTensors reads the n entries of the tensors.
func (h *header) readTensors(r *reader, n uint64) {
	if r.err != nil {
		return
	}
	h.tensors = make([]info, 0, n)
	seen := make(map[string]bool, n)
	for i := uint64(0); i < n && r.err == nil; i++ {
		r.field = fmt.Sprintf("the name of tensor %d", i+1)
		t := info{name: r.text(maxName)}
		r.field = "tensor " + models.Quote(t.name)
		if seen[t.name] {
			r.corrupt("occurs twice")
		}
		seen[t.name] = true
		t.read(r)
		if r.err == nil && t.offset%h.alignment != 0 {
			r.corrupt("begins at %s, not a multiple of the alignment %d", models.Grouped(t.offset), h.alignment)
		}
		h.tensors = append(h.tensors, t)
	}
}

// read reads the part of an entry that follows the tensor's name.
func (t *info) read(r *reader) {
	dims := r.u32()
	if dims > maxDims {
		r.corrupt("has %d dimensions, more than the %d allowed", dims, maxDims)
		return
	}
	t.shape, t.values = make([]int, dims), 1
	for i := range t.shape {
		n := r.u64()
		high, low := bits.Mul64(t.values, n)
		if r.err == nil && (n == 0 || high != 0 || low > maxValues) {
			r.corrupt("has an impossible size %s in dimension %d", models.Grouped(n), i)
			return
		}
		t.values, t.shape[len(t.shape)-1-i] = low, int(n)
	}
	t.typ, t.offset = quant.Type(r.u32()), r.u64()
	if block := uint64(t.typ.BlockValues()); r.err == nil && block > 0 && uint64(t.cols())%block != 0 {
		r.corrupt("has rows of %s values, not a multiple of the %d in a block of type %v", models.Grouped(t.cols()), block, t.typ)
	}
}

func (t *info) cols() int {
	if len(t.shape) == 0 {
		return 1
	}
	return t.shape[len(t.shape)-1]
}

// bytes returns the size of a tensor of a known type; it can't overflow since values ≤ maxValues.
func (t *info) bytes() uint64 {
	return t.values / uint64(t.typ.BlockValues()) * uint64(t.typ.BlockBytes())
}

// place finds each tensor's bytes in the file b and checks that b holds them all and that
// no two overlap. Tensors of unknown types keep nil Data.
func (h *header) place(path string, b []byte) ([]models.Tensor, error) {
	size, out := uint64(len(b)), make([]models.Tensor, len(h.tensors))
	var known []int
	for i, t := range h.tensors {
		out[i] = models.Tensor{Name: t.name, Type: t.typ, Shape: t.shape}
		if !t.typ.Known() {
			continue
		}
		start, overflow := bits.Add64(h.data, t.offset, 0)
		end := start + t.bytes()
		if overflow != 0 || end < start {
			return nil, models.Corrupt(path, "is damaged: tensor %s begins at an impossible offset %s", models.Quote(t.name), models.Grouped(t.offset))
		}
		if end > size {
			return nil, models.Corrupt(path, "is cut short: tensor %s should end at byte %s, but the file has %s bytes",
				models.Quote(t.name), models.Grouped(end), models.Grouped(size))
		}
		out[i].Data = b[start:end:end]
		known = append(known, i)
	}
	return out, h.apart(path, known)
}

// apart checks that no two tensors share bytes.
func (h *header) apart(path string, known []int) error {
	slices.SortFunc(known, func(i, j int) int { return cmp.Compare(h.tensors[i].offset, h.tensors[j].offset) })
	for k := 1; k < len(known); k++ {
		a, b := &h.tensors[known[k-1]], &h.tensors[known[k]]
		if a.offset+a.bytes() > b.offset {
			return models.Corrupt(path, "is damaged: tensors %s and %s share bytes", models.Quote(a.name), models.Quote(b.name))
		}
	}
	return nil
}

// CheckTypes returns an error for the first tensor of f whose type kernels/quant lacks. Open
// refuses such a file, Peek does not.
func CheckTypes(f *models.File) error {
	for _, t := range f.Tensors {
		if err := CheckType(f.Path, t); err != nil {
			return err
		}
	}
	return nil
}

// CheckType returns an error if kernels/quant lacks the type of a tensor of the file at path.
func CheckType(path string, t models.Tensor) error {
	if t.Type.Known() {
		return nil
	}
	return models.Unsupported(path, "download this model as Q4_K_M or Q8_0",
		"stores tensor %s as %s, a type that this program does not have", models.Quote(t.Name), TypeName(t.Type))
}

// names are the types of GGML that kernels/quant lacks, for messages. Source: enum ggml_type.
var names = map[quant.Type]string{
	9: "Q8_1", 15: "Q8_K", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 41: "Q1_0", 42: "Q2_0",
}

// TypeName returns the name of a type, known or not: "Q4_K", "Q1_0", "type 99".
func TypeName(t quant.Type) string {
	if name, ok := names[t]; ok && !t.Known() {
		return name
	}
	return t.String()
}
