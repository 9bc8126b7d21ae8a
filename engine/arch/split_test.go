package arch

import (
	"fmt"
	"slices"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/kernels/devicetest"
	"soberano/kernels/split"
	"soberano/models"
	"soberano/models/gguf"
)

// layerKinds are small models that have, together, every kind of layer: attention with windows, soft caps, sinks and slopes, latent
// rows, mixtures of experts, short convolutions, state spaces, delta rules and RWKV.
var layerKinds = []string{"llama", "gemma2", "gemma3n", "bloom", "gpt-oss", "deepseek2", "llama4", "lfm2", "jamba", "mamba2", "qwen3next", "kimi-linear", "rwkv7"}

// placement says which blocks of a split model are on the first device.
type placement struct {
	blocks  int
	experts bool // those of the blocks too
}

func (p placement) place(w kernels.Weights) split.Side {
	switch {
	case w.Block == 0 && w.Experts > 0: // a matrix of all blocks
		return split.Both
	case w.Block > 0 && w.Block <= p.blocks && (p.experts || w.Experts == 0):
		return split.First
	}
	return split.Second
}

// openSplit opens a model on two devices, of which it takes over the first.
func openSplit(t *testing.T, s *tiny.Source, first kernels.Device, p placement) (Model, kernels.Device) {
	t.Helper()
	f, err := gguf.Open(s.Write(t))
	if err != nil {
		t.Fatal(err)
	}
	second, err := cpu.New(cpu.Options{Exact: true, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	dev := split.New(split.Options{Devices: [2]kernels.Device{first, second}, Place: p.place, Name: fmt.Sprintf("%+v", p)})
	t.Cleanup(func() {
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
		f.Close()
	})
	m, err := Open(f, dev, 0)
	if err != nil {
		t.Fatal(err)
	}
	return m, dev
}

// history returns the logits of a sequence that is read in steps, forked and, if it can be, truncated.
func history(t *testing.T, m Model, dev kernels.Device) (all [][]float32) {
	t.Helper()
	state, err := dev.NewState(m.Shape().State(60))
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	read := func(s kernels.State, tokens ...int32) {
		t.Helper()
		all = append(all, rows(t, m, s, tokens, s.Len())...)
	}
	read(state, 5, 9, 2, 44, 17, 3, 8, 8, 1, 30)
	fork, err := state.Fork()
	if err != nil {
		t.Fatal(err)
	}
	defer fork.Close()
	read(state, 7)
	read(state, 12)
	read(fork, 40, 41, 42)
	if state.Len() != 12 || fork.Len() != 13 {
		t.Errorf("%d and %d positions, expected 12 and 13", state.Len(), fork.Len())
	}
	if state.Truncate(6) {
		read(state, 21, 22)
	} else if state.Len() != 12 {
		t.Errorf("%d positions after it could not be truncated", state.Len())
	}
	if state.Truncate(state.Len()+1) || !state.Truncate(0) || state.Len() != 0 {
		t.Errorf("truncated beyond the end, or not to the beginning")
	}
	read(state, 5, 9)
	return all
}

// sameHistory compares the logits of two histories.
func sameHistory(t *testing.T, got, want [][]float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, expected %d", len(got), len(want))
	}
	for i := range want {
		if d := relativeDifference(want[i], got[i]); !(d <= tolerance) {
			t.Fatalf("row %d is %.2g of the range away", i, d)
		}
	}
}

// blocks returns the number of blocks of a small model.
func blocks(s *tiny.Source) int {
	for n := 0; ; n++ {
		prefix := fmt.Sprintf("blk.%d.", n)
		if !slices.ContainsFunc(s.Tensors, func(t models.Tensor) bool { return len(t.Name) > len(prefix) && t.Name[:len(prefix)] == prefix }) {
			return n
		}
	}
}

// TestSplit checks that a network divided between two devices computes what it does on one, wherever it is divided, with the experts on either
// device, and that its states can be forked and truncated alike.
func TestSplit(t *testing.T) {
	for _, kind := range tiny.Kinds() {
		t.Run(kind, func(t *testing.T) {
			s := tiny.New(kind)
			m, dev, err := openTiny(t, s, true)
			if err != nil {
				t.Fatal(err)
			}
			want := history(t, m, dev)
			all := []placement{{blocks: 1, experts: true}}
			if slices.Contains(layerKinds, kind) {
				for n := range blocks(s) + 1 {
					all = append(all, placement{n, true}, placement{n, false})
				}
			}
			for _, p := range all {
				first, err := cpu.New(cpu.Options{Exact: true, Threads: 1})
				if err != nil {
					t.Fatal(err)
				}
				m, dev := openSplit(t, s, first, p)
				sameHistory(t, history(t, m, dev), want, 1e-4)
			}
		})
	}
}

// TestSplitOnce checks that a step on two devices takes one step on the first, the GPU: its layers are neighbours.
func TestSplitOnce(t *testing.T) {
	const never = 1 << 30
	for _, name := range []string{"llama", "gemma2", "qwen3moe"} {
		on, err := cpu.New(cpu.Options{Exact: true, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		first := &devicetest.Failing{Device: on, Steps: never}
		m, dev := openSplit(t, tiny.New(name), first, placement{1, true})
		state, err := dev.NewState(m.Shape().State(60))
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= 3; n++ {
			rows(t, m, state, []int32{4, 2}, state.Len())
			if steps := never - first.Steps; steps != n {
				t.Fatalf("%s: %d steps on the first device, expected %d", name, steps, n)
			}
		}
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	}
}
