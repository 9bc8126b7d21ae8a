package arch

import (
	"fmt"
	"slices"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
	"soberano/models"
)

// typed returns a tiny model, the columns of which are as many as the values of the largest blocks, with random matrices of
// type t. A mixture uses all of its experts, so that rounding can't change the choice.
func typed(kind string, t quant.Type) *tiny.Source {
	s := tiny.New(kind)
	s.Layers(1)
	larger := map[int]int{tiny.Dim: 256, tiny.FF: 256, tiny.KVHeads * tiny.HeadDim: 128}
	r := devicetest.Rand()
	for i := range s.Tensors {
		x := &s.Tensors[i]
		x.Shape = slices.Clone(x.Shape)
		for j, n := range x.Shape {
			if to, ok := larger[n]; ok {
				x.Shape[j] = to
			}
		}
		x.Type = t
		if len(x.Shape) == 1 || x.Name == "blk.0.ffn_gate_inp.weight" {
			x.Type = quant.F32
		}
		x.Data = devicetest.RandomWeights(r, x.Type, x.Rows(), x.Cols()).Data
	}
	for key, n := range map[string]int{"embedding_length": 256, "feed_forward_length": 256, "attention.key_length": 64, "attention.value_length": 64, "expert_used_count": tiny.Experts} {
		if s.Meta["llama."+key] != nil {
			s.Meta["llama."+key] = uint64(n)
		}
	}
	return s
}

// first returns the logits of some tokens, each at the beginning of a text, where attention has no choice: the random
// weights of some types are so large that a small error of a score would change it.
func first(t *testing.T, s *tiny.Source, exact bool) (out [][]float32) {
	t.Helper()
	m, dev, err := openTiny(t, s, exact)
	if err != nil {
		t.Fatal(err)
	}
	for id := range int32(4) {
		c, err := dev.NewState(m.Shape().State(8))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rows(t, m, c, []int32{40 * id}, 0)...)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestTypes checks that files with weights of each type run: exactly as their values in float32 do, and in 8 bits about so.
func TestTypes(t *testing.T) {
	for _, typ := range quant.Types() {
		for _, kind := range []string{"llama", "mixtral"} {
			t.Run(fmt.Sprintf("%v/%s", typ, kind), func(t *testing.T) {
				exact, quick := first(t, typed(kind, typ), true), first(t, typed(kind, typ), false)
				s := typed(kind, typ)
				s.Float32()
				for i, want := range first(t, s, true) {
					if d := relativeDifference(want, exact[i]); !(d <= 1e-5) {
						t.Errorf("token %d, exact: %.2g of the range away", i, d)
					}
					if d := relativeDifference(want, quick[i]); !(d <= 0.1) {
						t.Errorf("token %d, 8 bits: %.2g of the range away", i, d)
					}
				}
			})
		}
	}
}

// TestMixedTypes checks a file of several types, as quantizers write it where rows are no whole blocks of 256 values.
func TestMixedTypes(t *testing.T) {
	r := devicetest.Rand()
	s := tiny.New("llama")
	for i, x := range s.Tensors {
		if len(x.Shape) < 2 {
			continue
		}
		w := devicetest.RandomWeights(r, []quant.Type{quant.IQ4_NL, quant.Q5_0, quant.MXFP4}[i%3], x.Rows(), x.Cols())
		s.Tensors[i] = models.Tensor{Name: x.Name, Shape: x.Shape, Type: w.Type, Data: w.Data}
	}
	got := first(t, s, false)
	s.Float32()
	for i, want := range first(t, s, true) {
		if d := relativeDifference(want, got[i]); !(d <= 0.1) {
			t.Errorf("token %d: %.2g of the range away", i, d)
		}
	}
}
