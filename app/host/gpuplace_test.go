package host

import (
	"testing"

	"soberano/engine"
	"soberano/models/registry"
)

// TestPlace checks how many layers are put on a GPU: as many as fit its memory, or as many as are asked for, with the experts or without.
func TestPlace(t *testing.T) {
	const gib = 1 << 30
	blocks := make([]engine.Block, 10)
	for i := range blocks {
		blocks[i] = engine.Block{Bytes: gib, Experts: gib * 3 / 4}
	}
	info := registry.Info{Context: 4096, Bytes: 11 * gib, Parameters: 1e9, Layers: 10, KVHeads: 8, HeadDim: 64}
	for _, c := range []struct {
		use    GPUUse
		memory int64
		want   placement
		whole  bool
	}{
		{GPUUse{}, 0, placement{10, 10, false}, true},
		{GPUUse{}, 16 * gib, placement{10, 10, false}, true},
		{GPUUse{}, 13 * gib, placement{9, 10, false}, false}, // the logits' matrix does not fit
		{GPUUse{}, 8 * gib, placement{6, 10, false}, false},
		{GPUUse{}, gib, placement{0, 10, false}, false},
		{GPUUse{CPUExperts: true}, 8 * gib, placement{10, 10, true}, false},
		{GPUUse{Choice: "3"}, gib, placement{3, 10, false}, false},
		{GPUUse{Choice: "99"}, gib, placement{10, 10, false}, true},
	} {
		if got := place(blocks, gib, info, Settings{GPU: c.use}, c.memory); got != c.want || got.whole() != c.whole {
			t.Errorf("%+v, %d bytes: %+v, expected %+v", c.use, c.memory, got, c.want)
		}
	}
	p := placement{10, 10, false}
	for want := 6; !p.none(); want -= 1 {
		if p = p.fewer(min(7, p.layers)); p.layers != want {
			t.Fatalf("%d layers are tried, expected %d", p.layers, want)
		}
	}
}
