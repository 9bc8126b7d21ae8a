package arch

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/models"
)

// variants are changes of the tiny models that their names begin with. testdata has logits of them as well.
var variants = map[string]func(*tiny.Source){
	"llama-biases": func(s *tiny.Source) {
		for name, n := range map[string]int{"attn_q": tiny.Heads * tiny.HeadDim, "attn_k": tiny.KVHeads * tiny.HeadDim, "attn_v": tiny.KVHeads * tiny.HeadDim,
			"attn_output": tiny.Dim, "ffn_gate": tiny.FF, "ffn_up": tiny.FF, "ffn_down": tiny.Dim} {
			s.Vector("blk.1."+name+".bias", wave(n, len(name), 0.5)...)
		}
	},
	"llama-heads100": func(s *tiny.Source) { setHeads(s, 100) },
	"llama-heads6":   func(s *tiny.Source) { setHeads(s, 6) },
	"llama-yarn": func(s *tiny.Source) {
		maps.Copy(s.Meta, models.Metadata{
			"llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": 4.0, "llama.rope.scaling.original_context_length": uint64(64),
			"llama.rope.scaling.attn_factor": 1.125, "llama.rope.scaling.yarn_log_multiplier": 0.5,
			"llama.rope.scaling.yarn_beta_fast": 16.0, "llama.rope.scaling.yarn_beta_slow": 2.0,
		})
	},
	"qwen2-yarn": func(s *tiny.Source) {
		maps.Copy(s.Meta, models.Metadata{
			"qwen2.rope.scaling.type": "yarn", "qwen2.rope.scaling.factor": 4.0, "qwen2.rope.scaling.original_context_length": uint64(64), "qwen2.rope.freq_base": 1e6,
		})
	},
	"qwen2-fused": fuseQKV,
	"qwen3-heads32": func(s *tiny.Source) { // heads whose joint width is not that of a row
		setHeads(s, 32)
		s.Tensors = slices.DeleteFunc(s.Tensors, func(t models.Tensor) bool {
			return strings.HasSuffix(t.Name, "attn_q_norm.weight") || strings.HasSuffix(t.Name, "attn_k_norm.weight")
		})
		for i, blk := range []string{"blk.0.", "blk.1.", "blk.2."} {
			for j, name := range []string{"attn_q_norm", "attn_k_norm"} {
				v := wave(32, 2*i+j, 0.5)
				for n := range v {
					v[n]++
				}
				s.Vector(blk+name+".weight", v...)
			}
		}
		s.Matrix("output.weight", tiny.Vocabulary, tiny.Dim)
	},
	"llama-long":  func(s *tiny.Source) { longRope(s, 64) },
	"llama-short": func(s *tiny.Source) { longRope(s, tiny.Context) },
	"gemma3-yarn": func(s *tiny.Source) {
		maps.Copy(s.Meta, models.Metadata{
			"gemma3.rope.scaling.type": "yarn", "gemma3.rope.scaling.factor": 4.0, "gemma3.rope.scaling.original_context_length": uint64(64),
			"gemma3.rope.scaling.attn_factor": 1.125, "gemma3.rope.freq_base_swa": 500.0,
		})
	},
	"gemma3-global": func(s *tiny.Source) { delete(s.Meta, "gemma3.attention.sliding_window") },
	"llama-fused":   fuseQKV,
}

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
	s.Float32()
	for _, blk := range []string{"blk.0.", "blk.2."} {
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

// longRope gives a model LongRoPE frequencies for an original context.
func longRope(s *tiny.Source, original int) {
	s.Meta["llama.rope.scaling.type"], s.Meta["llama.rope.scaling.original_context_length"] = "longrope", uint64(original)
	s.Meta["llama.rope.scaling.attn_factor"] = 1.1875
	long, short := wave(tiny.HeadDim/2, 1, 1.5), wave(tiny.HeadDim/2, 2, 0.5)
	for i := range long {
		long[i] += 3
		short[i] += 1.5
	}
	s.Vector("rope_factors_long.weight", long...)
	s.Vector("rope_factors_short.weight", short...)
}

// small returns the model of testdata/small_NAME.json.
func small(name string) *tiny.Source {
	edit, ok := variants[name]
	if !ok {
		return tiny.New(name)
	}
	kind, _, _ := strings.Cut(name, "-")
	s := tiny.New(kind)
	edit(s)
	return s
}

// smallNames returns the names of all models of testdata/small_*.json.
func smallNames() []string {
	return slices.Sorted(slices.Values(append(tiny.Kinds(), slices.Collect(maps.Keys(variants))...)))
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
