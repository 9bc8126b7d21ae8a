package engine

import (
	"slices"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels/cpu"
	"soberano/models/gguf"
	"soberano/models/registry"
)

// TestNeeds checks that the check of a file knows the memory of the weights and of the state of every kind of model as they are when it is open.
func TestNeeds(t *testing.T) {
	for _, kind := range slices.Concat(tiny.Kinds(), tiny.Encoders()) {
		path := tiny.New(kind).Write(t)
		in, err := registry.Inspect(path, Check)
		if err != nil || in.Needs == nil {
			t.Fatalf("%s: %v %s", kind, err, in.Reason)
		}
		f, err := gguf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		dev, err := cpu.New(cpu.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		var opened Info
		if in.Kind == registry.Chat {
			m, err := Open(f, dev, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			opened = m.Info()
		} else {
			e, err := OpenEncoder(f, dev, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			opened = e.Info()
		}
		_, cache, scratch := Estimate(in, opened.Context, "")
		if in.Needs.Weights != opened.WeightBytes || cache != opened.CacheBytes || scratch <= 0 {
			t.Errorf("%s: weights of %d bytes and a state of %d are estimated, %d and %d are taken", kind, in.Needs.Weights, cache, opened.WeightBytes, opened.CacheBytes)
		}
	}
}
