package arch

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

// wave returns n different values of about this size.
func wave(n, seed int, size float32) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = size * (float32((i*37+seed*11)%23)/11 - 1)
	}
	return v
}

// fuseQKV stores the projections to q, k and v, and their biases if there are any, as one in all layers but the second.
func fuseQKV(s *tiny.Source) {
	fuse(s, "blk.0.", "blk.2.")
}

// fuse is fuseQKV for some layers.
func fuse(s *tiny.Source, blocks ...string) {
	s.Float32()
	for _, blk := range blocks {
		for _, what := range []string{".weight", ".bias"} {
			fused := models.Tensor{Name: blk + "attn_qkv" + what}
			for _, part := range []string{"attn_q", "attn_k", "attn_v"} {
				i := slices.IndexFunc(s.Tensors, func(t models.Tensor) bool { return t.Name == blk+part+what })
				if i < 0 {
					continue
				}
				if fused.Shape == nil {
					fused.Shape = append([]int{0}, s.Tensors[i].Shape[1:]...)
				}
				fused.Shape[0] += s.Tensors[i].Shape[0]
				fused.Data = append(fused.Data, s.Tensors[i].Data...)
				s.Tensors = slices.Delete(s.Tensors, i, i+1)
			}
			if fused.Shape != nil {
				s.Tensors = append(s.Tensors, fused)
			}
		}
	}
}

// setHeads gives a model heads of another width.
func setHeads(s *tiny.Source, width int) {
	for _, key := range []string{"attention.key_length", "attention.value_length", "rope.dimension_count"} {
		s.Meta[s.Architecture+"."+key] = uint64(width)
	}
	for _, blk := range []string{"blk.0.", "blk.1.", "blk.2."} {
		s.Tensors = slices.DeleteFunc(s.Tensors, func(t models.Tensor) bool {
			return strings.HasPrefix(t.Name, blk+"attn_") && !strings.Contains(t.Name, "norm")
		})
		s.Matrix(blk+"attn_q.weight", tiny.Heads*width, tiny.Dim)
		s.Matrix(blk+"attn_k.weight", tiny.KVHeads*width, tiny.Dim)
		s.Matrix(blk+"attn_v.weight", tiny.KVHeads*width, tiny.Dim)
		s.Matrix(blk+"attn_output.weight", tiny.Dim, tiny.Heads*width)
	}
}

// longRope gives a model LongRoPE frequencies, as many as it has rotated pairs, for an original context.
func longRope(s *tiny.Source, original, pairs int) {
	prefix := s.Architecture + ".rope.scaling."
	s.Meta[prefix+"type"], s.Meta[prefix+"original_context_length"] = "longrope", uint64(original)
	s.Meta[prefix+"attn_factor"] = 1.1875
	long, short := wave(pairs, 1, 1.5), wave(pairs, 2, 0.5)
	for i := range long {
		long[i] += 3
		short[i] += 1.5
	}
	s.Vector("rope_factors_long.weight", long...)
	s.Vector("rope_factors_short.weight", short...)
}

// qkvBiases gives the projections to q, k and v of the second layer biases.
func qkvBiases(s *tiny.Source) {
	for name, n := range map[string]int{"attn_q": tiny.Heads * tiny.HeadDim, "attn_k": tiny.KVHeads * tiny.HeadDim, "attn_v": tiny.KVHeads * tiny.HeadDim} {
		s.Vector("blk.1."+name+".bias", wave(n, len(name), 0.5)...)
	}
}

// repeat appends copies of a layer until there are n; it has had of them.
func repeat(s *tiny.Source, layer, of, n int) {
	for _, t := range slices.Clone(s.Tensors) {
		rest, ok := strings.CutPrefix(t.Name, fmt.Sprintf("blk.%d.", layer))
		for i := of; ok && i < n; i++ {
			t.Name = fmt.Sprintf("blk.%d.%s", i, rest)
			s.Tensors = append(s.Tensors, t)
		}
	}
	s.Meta[s.Architecture+".block_count"] = uint64(n)
}

// without removes the tensors whose names contain part.
func without(s *tiny.Source, part string) {
	s.Tensors = slices.DeleteFunc(s.Tensors, func(t models.Tensor) bool { return strings.Contains(t.Name, part) })
}

// aroundOne returns the weights of a norm.
func aroundOne(n, seed int) []float32 {
	v := wave(n, seed, 0.5)
	for i := range v {
		v[i]++
	}
	return v
}

// TestLongRopeByContext checks that the limit of the context decides between the two lists of LongRoPE.
func TestLongRopeByContext(t *testing.T) {
	logits := func(name string, limit int) []float32 {
		t.Helper()
		m, dev, err := openLimited(t, small(name), true, limit)
		if err != nil {
			t.Fatal(err)
		}
		c, err := dev.NewState(m.Shape().State(16))
		if err != nil {
			t.Fatal(err)
		}
		return rows(t, m, c, []int32{1, 50, 60, 70, 80}, 0)[4]
	}
	long, short := logits("llama-long", 0), logits("llama-short", 0)
	if slices.Equal(long, short) {
		t.Fatal("the lists make no difference")
	}
	for limit, want := range map[int][]float32{32: short, 64: short, 65: long, 256: long, 4096: long} {
		if !slices.Equal(logits("llama-long", limit), want) {
			t.Errorf("a context of at most %d tokens has the other list", limit)
		}
	}
}
