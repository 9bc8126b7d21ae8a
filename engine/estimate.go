package engine

import (
	"math"
	"slices"
	"strings"

	"soberano/engine/batch"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models/registry"
)

// wider is how much more memory weights take on the CPU than in a file: integers keep
// their bits, but the K types' nested scales become a float16 each. Files mix in wider ones.
func wider(quantization string) float64 {
	for prefix, r := range map[string]float64{"Q2_K": 1.55, "Q3_K": 1.2} {
		if strings.HasPrefix(quantization, prefix) {
			return r
		}
	}
	return 1.125
}

// layersOf is what a model's layers keep, as far as info says.
func layersOf(info registry.Info) []kernels.Layer {
	keeps := kernels.Layer{KVHeads: info.KVHeads, KeyDim: info.HeadDim, ValueDim: info.HeadDim}
	layers := slices.Repeat([]kernels.Layer{keeps}, max(0, info.Layers))
	for i := range layers[:min(len(layers), info.Local)] {
		layers[i].Window = info.Window
	}
	return layers
}

// Estimate foretells the bytes that a model will take when it is opened with a context,
// 0 for the default: its weights, the cache of one full conversation, and the memory of a
// step. It reads nothing but info, so that a person can be told before loading; once
// a model is open, Info has the numbers. Scratch is the rough one: the width of the
// network is guessed from its parameters, and a vocabulary of 128,000 assumed.
func Estimate(info registry.Info, context int) (weights, cache, scratch int64) {
	if context <= 0 {
		context = min(info.Context, defaultContext)
	}
	cache = cpu.StateBytes(kernels.StateShape{Layers: layersOf(info), Cap: context}, batch.Chunk)
	// A layer has about 12·width² parameters, a row of a step 12 times the width.
	width := math.Sqrt(float64(info.Parameters) / 12 / float64(max(1, info.Layers)))
	const rows, logits = 512, 64 * 128_000
	return int64(float64(info.Bytes) * wider(info.Quantization)), cache, 4 * (rows*12*int64(width) + logits)
}
