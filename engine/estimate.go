package engine

import (
	"math"
	"slices"
	"strings"

	"soberano/engine/arch"
	"soberano/engine/batch"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/registry"
)

// expansion returns the ratio of the memory of weights on the CPU to their size in the file. Integers
// keep their number of bits, but each nested scale of the K formats becomes a float16. The IQ formats of less than four bits, which
// store groups of values as entries of a grid, get three or four bits a value. The ratios are
// too high rather than too low, because files also contain tensors of other formats.
func expansion(quantization string) float64 {
	for prefix, r := range map[string]float64{"Q2_K": 1.55, "Q3_K": 1.2, "IQ1": 2.3, "IQ2": 1.75, "IQ3": 1.5, "TQ1": 1.5, "TQ2": 1.25} {
		if strings.HasPrefix(quantization, prefix) {
			return r
		}
	}
	return 1.125
}

// layersOf returns what the layers of a model keep, as far as info tells.
func layersOf(info registry.Info) []kernels.Layer {
	keeps := kernels.Layer{KVHeads: info.KVHeads, KeyDim: info.HeadDim, ValueDim: info.HeadDim}
	layers := slices.Repeat([]kernels.Layer{keeps}, max(0, info.Layers))
	for i := range layers[:min(len(layers), info.Local)] {
		layers[i].Window = info.Window
	}
	return layers
}

// Estimate estimates the number of bytes that a model needs when it is opened with a context (0:
// the default): its weights, the cache of one conversation that fills the context, and the scratch
// memory of a step. kv is how keys and values are stored. It reads only info, so it can be shown before the model is loaded. Once the
// model is open, Info has the exact numbers. scratch is a rough estimate: the width of the network
// is derived from the number of parameters, and a vocabulary of 128,000 is assumed.
func Estimate(info registry.Info, context int, kv KV) (weights, cache, scratch int64) {
	if context <= 0 {
		context = min(info.Context, DefaultContext)
	}
	cache = cpu.StateBytes(kernels.StateShape{Layers: layersOf(info), Cap: context}, batch.Chunk, kv.Cached())
	// A layer has about 12·width² parameters. A row of a step has about 12·width values.
	width := math.Sqrt(float64(info.Parameters) / 12 / float64(max(1, info.Layers)))
	const rows, logits = 512, 64 * 128_000
	return int64(float64(info.Bytes-info.LookedUp) * expansion(info.Quantization)), cache, 4 * (rows*12*int64(width) + logits)
}

// Block is what the weights of a block of a network take.
type Block struct {
	Bytes   int64 // of all
	Experts int64 // of the experts of a mixture
}

// Blocks returns what the blocks of a chat model's network take, in their order, and what the other weights take that are not looked up by row.
func Blocks(f *models.File) (blocks []Block, rest int64, err error) {
	g, err := readable(f, kernels.Checker{})
	if err != nil {
		return nil, 0, err
	}
	_, output := g.Tensor("output.weight")
	for _, t := range g.Tensors {
		n, of := arch.BlockOf(t.Name)
		switch bytes := int64(len(t.Data)); {
		case of:
			for len(blocks) <= n {
				blocks = append(blocks, Block{})
			}
			if blocks[n].Bytes += bytes; strings.Contains(t.Name, "_exps.") {
				blocks[n].Experts += bytes
			}
		case t.Name != "token_embd.weight" || !output:
			rest += bytes
		}
	}
	return blocks, rest, nil
}
