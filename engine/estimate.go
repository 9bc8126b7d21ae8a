package engine

import (
	"math"
	"slices"
	"strings"

	"soberano/engine/arch"
	"soberano/engine/batch"
	"soberano/engine/state"
	"soberano/kernels"
	"soberano/kernels/contract"
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
func layersOf(info registry.Info) (layers []kernels.Layer) {
	if info.Needs != nil {
		for _, k := range info.Needs.Kept {
			l := kernels.Layer{Kind: kernels.LayerKind(k.Kind), KVHeads: k.KVHeads, KeyDim: k.KeyDim, ValueDim: k.ValueDim, Window: k.Window, Fine: k.Fine, Rows: k.Rows, Cols: k.Cols}
			layers = append(layers, slices.Repeat([]kernels.Layer{l}, min(max(0, k.Layers), 1<<12))...)
		}
		return layers
	}
	keeps := kernels.Layer{KVHeads: info.KVHeads, KeyDim: info.HeadDim, ValueDim: info.HeadDim}
	layers = slices.Repeat([]kernels.Layer{keeps}, max(0, info.Layers))
	for i := range layers[:min(len(layers), info.Local)] {
		layers[i].Window = info.Window
	}
	return layers
}

// Estimate estimates the number of bytes that a model needs when it is opened with a context (0:
// the default): its weights, the cache of one conversation that fills the context, and the scratch
// memory of a step. weights includes the tokenizer. kv is how keys and values are stored. It reads only info, so it can be shown before the model is loaded.
// Where the model was not checked (info.Needs is nil), as in the catalogue, weights and scratch are rough: the former are derived from the size of the file, and for
// the latter the width of the network is derived from the number of parameters, and a vocabulary of 128,000 is assumed.
func Estimate(info registry.Info, context int, kv KV) (weights, cache, scratch int64) {
	if context <= 0 {
		context = min(info.Context, DefaultContext)
	}
	n := info.Needs
	step := batch.Chunk
	if n != nil && n.Whole {
		step = context
	}
	layers := layersOf(info)
	cache = stateBytes(layers, context, step, kv) + snapshotBytes(layers, context, kv)
	if n != nil {
		weights = n.Weights + n.Vocabulary
		return weights, cache, int64(min(context, step))*n.Row + n.Logits + overhead(weights+cache)
	}
	// A layer has about 12·width² parameters. A row of a step has about 12·width values.
	width := math.Sqrt(float64(info.Parameters) / 12 / float64(max(1, info.Layers)))
	const rows, logits = 512, usualLogits * 128_000
	weights = int64(float64(info.Bytes-info.LookedUp) * expansion(info.Quantization))
	return weights, cache, 4*(rows*12*int64(width)+logits) + overhead(weights+cache)
}

// overhead returns what the memory manager adds to so many bytes, as measured (TestResident): memory that is rounded up to pages, or not yet collected.
func overhead(bytes int64) int64 { return bytes/25 + 5<<20 }

func stateBytes(layers []kernels.Layer, context, step int, kv KV) int64 {
	return cpu.StateBytes(kernels.StateShape{Layers: layers, Cap: context}, step, kv.Cached())
}

// snapshotBytes returns what the snapshots of a conversation take that fills the context. Each has the recurrent values. Each but the last one, whose pages the conversation
// has itself, has of each window the pages of the chunk that it ends and those that the chunk's first position attends to. Snapshots that are closer than that share pages.
func snapshotBytes(layers []kernels.Layer, context int, kv KV) int64 {
	const pages = batch.Chunk / contract.Positions
	snapshots := min(state.MostOnPath, context/batch.Chunk)
	if snapshots == 0 {
		return 0
	}
	apart := context / batch.Chunk / snapshots * pages
	var carried, windows []kernels.Layer
	for _, l := range layers {
		switch {
		case l.Kind == kernels.Recurrent:
			carried = append(carried, l)
		case l.Window > 0 && l.Window < context:
			behind := (l.Window - 1 + contract.Positions - 1) / contract.Positions
			l.Window = contract.Positions*(min(apart, pages+behind)-1) + 1 // as many pages
			windows = append(windows, l)
		}
	}
	return int64(snapshots)*stateBytes(carried, context, 1, kv) + int64(snapshots-1)*stateBytes(windows, context, 1, kv)
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
