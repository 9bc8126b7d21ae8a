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
		layers int
		whole  bool
	}{
		{GPUUse{}, 0, 10, true},
		{GPUUse{}, 16 * gib, 10, true},
		{GPUUse{}, 13 * gib, 9, false}, // the logits' matrix does not fit
		{GPUUse{}, 8 * gib, 6, false},
		{GPUUse{}, gib, 0, false},
		{GPUUse{CPUExperts: true}, 8 * gib, 10, false},
		{GPUUse{Choice: "3"}, gib, 3, false},
		{GPUUse{Choice: "99"}, gib, 10, true},
	} {
		memory := left(c.memory, 0, 0, 0)
		got := place(blocks, gib, info, Settings{GPU: c.use}, memory)
		if got.layers != c.layers || got.of != 10 || got.experts != c.use.CPUExperts || got.whole() != c.whole {
			t.Errorf("%+v, %d bytes: %+v, expected %d layers", c.use, c.memory, got, c.layers)
		}
		weights := int64(c.layers) * gib
		if got.experts {
			weights /= 4
		}
		if c.whole {
			weights += gib
		}
		if got.bytes < weights || got.bytes > weights+gib || c.use.Choice == GPUAuto && memory > 0 && c.layers > 0 && got.bytes > memory {
			t.Errorf("%+v, %d bytes: %d bytes are planned for %d of weights", c.use, c.memory, got.bytes, weights)
		}
	}
	p := placement{layers: 10, of: 10, bytes: 10 * gib}
	for want := 6; !p.none(); want -= 1 {
		if p = p.fewer(min(7, p.layers)); p.layers != want || p.bytes != int64(want)*gib {
			t.Fatalf("%+v is tried, expected %d layers", p, want)
		}
	}
}

// TestLeft checks how much of a GPU's memory a further model may take: what other models of the program may come to take, and what others hold, is not left.
func TestLeft(t *testing.T) {
	const unit = 1 << 30
	for _, c := range []struct{ memory, free, planned, growth, want int64 }{
		{0, 0, 5 * unit, 5 * unit, 0},
		{20 * unit, 0, 0, 0, 17 * unit},
		{20 * unit, 0, 10 * unit, 10 * unit, 7 * unit},
		{20 * unit, 0, 18 * unit, 0, 1},
		{16 * unit, 16*unit - 1, 0, 0, 16 * unit * 85 / 100}, // the share is less than what is free
		{16 * unit, 10 * unit, 0, 0, 9 * unit},
		{16 * unit, 10*unit + unit/2, 0, 0, 9 * unit}, // small changes change nothing
		{16 * unit, 10 * unit, 4 * unit, 2 * unit, 7 * unit},
		{16 * unit, unit, 0, 0, 1},
	} {
		if got := left(c.memory, c.free, c.planned, c.growth); got < c.want-1 || got > c.want+1 {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
