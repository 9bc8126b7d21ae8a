package engine

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/registry"
)

// loadAdapter loads an adapter of a tiny model, drawn with a seed.
func loadAdapter(t *testing.T, m *Model, s *tiny.Source, seed uint64) *Adapter {
	t.Helper()
	a, err := m.LoadAdapter(s.Adapter(4, 8, seed).Write(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestAdaptersSideBySide checks that requests with different adapters, scales or none that are answered at the same time have the answers that they have alone, also in a second turn,
// and that all of these differ.
func TestAdaptersSideBySide(t *testing.T) {
	for _, family := range []string{"llama", "gemma3"} {
		s := tiny.New(family)
		m := openTiny(t, s, settings{Exact: true})
		a, b := loadAdapter(t, m, s, 1), loadAdapter(t, m, s, 2)
		uses := [][]AdapterUse{nil, {{a, 1}}, {{b, 1}}, {{a, 0.5}}, {{a, 1}, {b, 1}}, {{a, 0}}}
		ask := func(m *Model, uses []AdapterUse, tokens []int32) string {
			text, _, err := collect(m, t.Context(), Request{Tokens: tokens, MaxTokens: 30, Adapters: uses})
			if err != nil {
				t.Error(err)
			}
			return text
		}
		prompt := []int32{1, 5, 9, 13, 17, 20, 5, 9}
		want := make([]string, len(uses))
		for i, u := range uses {
			fresh := openTiny(t, s, settings{Exact: true}) // nothing is cached
			for j := range u {
				u = slices.Clone(u)
				u[j].Adapter = loadAdapter(t, fresh, s, uint64(u[j].number))
			}
			want[i] = ask(fresh, u, prompt)
		}
		for range 2 { // the second time, prompts are in the cache
			var all sync.WaitGroup
			for i, u := range uses {
				all.Go(func() {
					if got := ask(m, u, prompt); got != want[i] {
						t.Errorf("%s, adapters %d: %q, alone %q", family, i, got, want[i])
					}
				})
			}
			all.Wait()
		}
		if want[5] != want[0] {
			t.Errorf("%s: an adapter with a scale of 0 changes %q to %q", family, want[0], want[5])
		}
		slices.Sort(want)
		if n := len(slices.Compact(want)); n != len(uses)-1 {
			t.Errorf("%s: %d different answers", family, n)
		}
	}
}

// TestAdapterMoves checks that an adapter is on the device that replaces one that failed.
func TestAdapterMoves(t *testing.T) {
	s := tiny.New("llama")
	f, err := registry.Read(s.Write(t))
	if err != nil {
		t.Fatal(err)
	}
	open := func(error) (kernels.Device, error) { return cpu.New(cpu.Options{Threads: 1, Exact: true}) }
	dev, err := open(nil)
	if err != nil {
		t.Fatal(err)
	}
	broken := &failing{Device: dev}
	m, err := Open(f, broken, Options{Replace: open})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	a := loadAdapter(t, m, s, 1)
	r := Request{Tokens: []int32{1, 5, 9}, MaxTokens: 30, Adapters: []AdapterUse{{a, 1}}}
	want, _, err := collect(m, t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	broken.now = true
	got, _, err := collect(m, t.Context(), r)
	if err != nil || got != want {
		t.Errorf("after the device failed: %q, %v, expected %q", got, err, want)
	}
}

// failing is a device whose steps fail from some time on.
type failing struct {
	kernels.Device
	now bool
}

func (f *failing) Begin(b *kernels.Batch) kernels.Step {
	s := f.Device.Begin(b)
	if f.now {
		return failed{s}
	}
	return s
}

type failed struct{ kernels.Step }

func (f failed) End() error { return errors.Join(f.Step.End(), errors.New("the device is gone")) }

// TestAdapterRefused checks that adapters that are damaged, of another model, or of another kind are refused with what is wrong, and change nothing.
func TestAdapterRefused(t *testing.T) {
	s := tiny.New("llama")
	m := openTiny(t, s, settings{})
	edited := func(edit func(a *tiny.Source)) string {
		a := s.Adapter(4, 8, 1)
		edit(a)
		return a.Write(t)
	}
	peft := func(config map[string]any, edit func(a *tiny.Source)) string {
		a := s.Adapter(4, 8, 1)
		edit(a)
		return s.AdapterFolder(t, a, config)
	}
	same := func(*tiny.Source) {}
	garbage := filepath.Join(t.TempDir(), "garbage.gguf")
	if err := os.WriteFile(garbage, []byte("GGUF\x03\x00\x00\x00 and no more"), 0o600); err != nil {
		t.Fatal(err)
	}
	for words, path := range map[string]string{
		"holds no adapter":    s.Write(t),
		"of the type":         edited(func(a *tiny.Source) { a.Meta["adapter.type"] = "ia3" }),
		"of the family qwen2": tiny.New("qwen2").Adapter(4, 8, 1).Write(t),
		"alpha":               edited(func(a *tiny.Source) { a.Meta["adapter.lora.alpha"] = "8" }),
		"aLoRA":               edited(func(a *tiny.Source) { a.Meta["adapter.alora.invocation_tokens"] = []uint64{1} }),
		"only one of two":     edited(func(a *tiny.Source) { a.Tensors = a.Tensors[1:] }),
		"has only one":        edited(func(a *tiny.Source) { a.Tensors = a.Tensors[:len(a.Tensors)-1] }),
		"changes no matrix":   edited(func(a *tiny.Source) { a.Tensors = nil }),
		"more than products":  edited(func(a *tiny.Source) { a.Tensors[0].Name = "blk.0.attn_norm.weight" }),
		"no matrix of the model": edited(func(a *tiny.Source) {
			a.Tensors[0].Name, a.Tensors[1].Name = "blk.9.attn_q.weight.lora_a", "blk.9.attn_q.weight.lora_b"
		}),
		"embeddings of tokens": edited(func(a *tiny.Source) {
			a.Tensors[0].Name, a.Tensors[1].Name = "token_embd.weight.lora_a", "token_embd.weight.lora_b"
		}),
		"in the model it has": edited(func(a *tiny.Source) {
			a.Tensors[1] = a.Tensors[len(a.Tensors)-3]
			a.Tensors[1].Name = "blk.0.attn_q.weight.lora_b"
		}),
		"do not fit each other":          edited(func(a *tiny.Source) { a.Tensors[0].Shape = []int{1, a.Tensors[0].Len()} }),
		"infinite or not numbers":        edited(func(a *tiny.Source) { copy(a.Tensors[0].Data, "\xff\xff\xff\xff") }),
		"is cut short":                   garbage,
		`of the type "IA3"`:              peft(map[string]any{"peft_type": "IA3"}, same),
		"DoRA":                           peft(map[string]any{"use_dora": true}, same),
		"fan_in_fan_out":                 peft(map[string]any{"fan_in_fan_out": true}, same),
		"alpha_pattern":                  peft(map[string]any{"alpha_pattern": map[string]any{"q_proj": 3}}, same),
		"is damaged: adapter_config":     peft(map[string]any{"lora_alpha": "x"}, same),
		"does not find in models of the": peft(nil, func(a *tiny.Source) { a.Tensors[0].Name = "blk.0.other.weight.lora_a" }),
	} {
		_, err := m.LoadAdapter(path, nil)
		if _, ok := errors.AsType[*models.FileError](err); !ok || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
	other := openTiny(t, s, settings{})
	if _, _, err := collect(m, t.Context(), Request{Tokens: []int32{1}, MaxTokens: 1, Adapters: []AdapterUse{{loadAdapter(t, other, s, 1), 1}}}); err == nil {
		t.Error("the adapter of another model is used")
	}
}
