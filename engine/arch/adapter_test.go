package arch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/lora"
	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models/gguf"
)

// adapters are the adapters of the models whose logits with them are in testdata/adapter_NAME.json.
var adapters = map[string]struct {
	rank  int
	alpha float64
	scale float32
}{
	"llama": {4, 8, 1},
	"qwen2": {3, 0, 0.5}, // without alpha the scale does not depend on the rank
	"phi3":  {8, 12, 1},  // q, k and v are one tensor, gate and up another
	"olmo2": {1, 1, -0.75},
}

// adaptedModel is a model of which all rows use adapters.
type adaptedModel struct {
	Model
	uses []nn.Use
}

func (m adaptedModel) Forward(s *nn.Step) (*kernels.Rows, error) {
	for _, span := range s.Spans {
		s.Adapted = append(s.Adapted, nn.Adapted{Row: span.Row, N: span.N, Uses: m.uses})
	}
	return m.Model.Forward(s)
}

// openNamed opens a model for adapters, with float32 arithmetic.
func openNamed(t *testing.T, s *tiny.Source) (Model, *nn.Named) {
	t.Helper()
	f, err := gguf.Open(s.Write(t))
	if err != nil {
		t.Fatal(err)
	}
	dev, err := cpu.New(cpu.Options{Exact: true, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		dev.Close()
		f.Close()
	})
	named := nn.NewNamed(dev)
	m, err := Open(f, named, 0)
	if err != nil {
		t.Fatal(err)
	}
	return m, named
}

// TestAdapterGolden checks that with an adapter, of a GGUF file or of a folder of PEFT, models have the logits that llama.cpp computes.
func TestAdapterGolden(t *testing.T) {
	for name, c := range adapters {
		s := small(name)
		a := s.Adapter(c.rank, c.alpha, 5)
		if *writeSmall != "" {
			s.Meta["general.name"] = "Tiny"
			s.Float32()
			for file, x := range map[string]*tiny.Source{"adapted_" + name: s, "adapter_" + name: a} {
				data, err := x.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(*writeSmall, file+".gguf"), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			continue
		}
		data, err := os.ReadFile(filepath.Join("testdata", "adapter_"+name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var refs []reference
		if err := json.Unmarshal(data, &refs); err != nil {
			t.Fatal(err)
		}
		paths := []string{a.Write(t)}
		if c.alpha != 0 {
			paths = append(paths, s.AdapterFolder(t, a, nil))
		}
		for _, path := range paths {
			m, dev := openNamed(t, s)
			pairs, err := lora.Read(path, s.Meta)
			if err != nil {
				t.Fatal(err)
			}
			loaded, err := dev.Adapt(pairs)
			if err != nil {
				t.Fatal(err)
			}
			for _, ref := range refs {
				checkReference(t, adaptedModel{m, []nn.Use{{Adapter: loaded, Scale: c.scale}}}, dev, ref, 2e-5)
			}
		}
	}
}
