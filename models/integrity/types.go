package integrity

import (
	"math"
	"slices"
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
)

// biases end the names of biases in all formats.
var biases = []string{"bias", "beta", ".b"}

// bias reports whether a tensor with that name is added to values; it may be zero.
func bias(name string) bool {
	for _, s := range biases {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

// matrix reports whether t has several rows of several values.
func matrix(t models.Tensor) bool { return t.Cols() > 1 && t.Rows() > 1 }

// norm reports whether t holds the weights of a norm, by which all values of a row are multiplied.
func norm(t models.Tensor) bool {
	name := strings.ToLower(t.Name)
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '_' || r == '/' })
	named := slices.ContainsFunc(words, func(w string) bool { return w == "ln" || strings.Contains(w, "norm") })
	return named && (strings.HasSuffix(name, "weight") || strings.HasSuffix(name, "gamma"))
}

// never are types of GGML that hold indices or intermediate results, never weights: Q8_1, Q8_K, I8, I16, I32, I64.
var never = map[quant.Type]bool{9: true, 15: true, 24: true, 25: true, 26: true, 27: true}

// elsewhere is where the numbers begin that readers give to types of their formats for which package quant has none.
const elsewhere quant.Type = 1 << 16

// types finds tensors whose type can't be right.
func (c *checker) types() {
	for i, t := range c.file.Tensors {
		named := gguf.TypeName(t.Type)
		switch weights := strings.HasSuffix(t.Name, ".weight") || strings.HasSuffix(t.Name, ".bias"); {
		case (c.file.Format == "gguf" || c.file.Format == "apr") && strings.HasPrefix(named, "type ") && t.Type < elsewhere:
			c.fault(i, "has %s, which is the number of no type", named)
		case never[t.Type] && weights:
			c.fault(i, "is stored as %s, a type that weights don't have", named)
		case matrix(t) && t.Part == nil && t.Type.Known():
			if other := looksLike(t); other != "" {
				c.fault(i, "is marked as %s, but its values are those of %s", named, other)
			}
		}
	}
}

// sampled is how many values of a tensor looksLike reads, at equal distances.
const sampled = 4096

// looksLike returns the name of the type of t's values if they can't be of the type that the file states, which has the same size. It compares the magnitudes of
// weights, which are between 1e-6 and 100 in trained networks, with many that are much smaller than the largest:
//
//	BF16 read as F16 is 0.25 to 4, hardly any value is smaller, and both signs occur
//	F16 read as BF16 is below 2^-20, but for the largest
//	integers read as F32 are denormal
func looksLike(t models.Tensor) string {
	switch x := sample(t); {
	case len(x) < 256:
	case t.Type == quant.F16:
		negative := share(x, func(v float64) bool { return v < 0 })
		if negative > 0.2 && negative < 0.8 && share(x, func(v float64) bool { return math.Abs(v) >= 0.25 && math.Abs(v) < 4 }) > 0.98 && spread(x) {
			return "BF16"
		}
	case t.Type == quant.BF16:
		if share(x, func(v float64) bool { return v != 0 && math.Abs(v) < 0x1p-20 }) > 0.6 {
			return "F16"
		}
	case t.Type == quant.F32:
		if share(x, func(v float64) bool { return v != 0 && math.Abs(v) < 0x1p-126 }) > 0.9 {
			return "integers"
		}
	}
	return ""
}

// spread reports whether the values have more than a few magnitudes, which matrices of signs have not.
func spread(x []float64) bool {
	seen := map[float64]bool{}
	for _, v := range x {
		seen[math.Abs(v)] = true
	}
	return len(seen) > 16
}

func share(x []float64, is func(float64) bool) float64 {
	n := 0
	for _, v := range x {
		if is(v) {
			n++
		}
	}
	return float64(n) / float64(len(x))
}

// sample returns values of a tensor of F32, F16 or BF16; nil for other types.
func sample(t models.Tensor) []float64 {
	size := t.Type.BlockBytes()
	if t.Type.BlockValues() != 1 || len(t.Data) < size {
		return nil
	}
	n := len(t.Data) / size
	step := max(1, n/sampled)
	step |= 1 // not always the same column
	var x []float64
	var v [1]float32
	for i := 0; i < n; i += step {
		quant.Dequantize(t.Type, v[:], t.Data[i*size:][:size])
		x = append(x, float64(v[0]))
	}
	return x
}
