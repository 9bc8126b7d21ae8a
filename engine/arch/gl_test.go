//go:build linux && cgo

package arch

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels"
	"soberano/kernels/gl"
	"soberano/kernels/gl/gltest"
	"soberano/models"
	"soberano/models/defaults"
	"soberano/models/gguf"
)

var everySmall = flag.Bool("gl.all", false, "run every small model on the software driver of OpenGL, not one of each kind of layer")

// openOnGPU opens a model on a device of g.
func openOnGPU(t *testing.T, g *gl.GPU, f *models.File, exact bool) (Model, kernels.Device) {
	t.Helper()
	dev := gltest.Device(t, g, exact)
	t.Cleanup(func() {
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	})
	m, err := Open(f, dev, 0)
	if err != nil {
		t.Fatal(err)
	}
	return m, dev
}

// readReferences reads testdata/NAME.json.
func readReferences(t *testing.T, name string) []reference {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var refs []reference
	if err := json.Unmarshal(data, &refs); err != nil {
		t.Fatal(err)
	}
	return refs
}

// TestSmallGoldenGPU checks that small models on a GPU, with keys and values in float32, have the logits that llama.cpp computes for
// the same weights.
func TestSmallGoldenGPU(t *testing.T) {
	g := gltest.Software(t)
	names := layerKinds
	if *everySmall {
		names = smallNames()
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			f, err := gguf.Open(small(name).Write(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			m, dev := openOnGPU(t, g, f, true)
			kind, _ := find(name)
			tolerance := max(cases[kind].tolerance, 3e-4)
			for _, ref := range readReferences(t, "small_"+name) {
				if !*everySmall {
					ref.Greedy = ref.Greedy[:min(3, len(ref.Greedy))]
				}
				checkReference(t, m, dev, ref, tolerance)
			}
		})
	}
}

// TestGoldenGPU checks the logits of SmolLM2, which has blocks of Q4_1 and Q6_K, on a GPU: of some tokens in one step, and of some more
// in a step each.
func TestGoldenGPU(t *testing.T) {
	const together, alone = 6, 2
	g := gltest.Software(t)
	f, err := gguf.Open(defaults.Need(t, "smollm2"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	m, dev := openOnGPU(t, g, f, false)
	ref := readReferences(t, "smollm2")[0]
	tokens := append(slices.Clone(ref.IDs), ref.Greedy...)
	cache, err := dev.NewState(m.Shape().State(len(tokens)))
	if err != nil {
		t.Fatal(err)
	}
	all := rows(t, m, cache, tokens[:together], 0)
	for i := together; i < together+alone; i++ {
		all = append(all, rows(t, m, cache, tokens[i:i+1], i)...)
	}
	for _, p := range ref.Prompt {
		check(t, "position", p.Pos, all[p.Pos], p.Top, 1e-3)
	}
	for i, got := range all[len(ref.IDs):] {
		check(t, "step", i+1, got, ref.Gen[i].Top, 1e-3)
	}
}

// TestSplitGPU checks that a network of which a part is on a GPU computes what it does on the CPU.
func TestSplitGPU(t *testing.T) {
	g := gltest.Software(t)
	for name, p := range map[string]placement{"llama": {1, true}, "deepseek2": {2, false}} {
		t.Run(name, func(t *testing.T) {
			s := tiny.New(name)
			m, dev, err := openTiny(t, s, true)
			if err != nil {
				t.Fatal(err)
			}
			want := history(t, m, dev)
			m, dev = openSplit(t, s, gltest.Device(t, g, true), p)
			sameHistory(t, history(t, m, dev), want, 3e-4)
		})
	}
}

// TestVisionGPU checks that vision encoders on a GPU make the rows that llama.cpp makes.
func TestVisionGPU(t *testing.T) {
	g := gltest.Software(t)
	done := map[string]bool{}
	for _, c := range visionCases {
		if done[c.projector] && !*everySmall {
			continue
		}
		done[c.projector] = true
		t.Run(c.name(), func(t *testing.T) {
			v := openTinyVisionOn(t, visionEncoder(c), gltest.Device(t, g, true))
			checkVision(t, v, c)
		})
	}
}
