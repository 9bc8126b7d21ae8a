package host

import (
	"context"
	"fmt"

	"soberano/engine"
	"soberano/kernels"
	"soberano/kernels/split"
	"soberano/models"
	"soberano/models/registry"
)

// placement says which part of a chat model is on the GPU.
type placement struct {
	layers, of int   // the first layers of all; a model that can't be divided counts as one
	experts    bool  // on the CPU
	bytes      int64 // of the GPU's memory, with a full conversation
}

// whole reports whether all of the model is on the GPU.
func (p placement) whole() bool { return p.layers >= p.of && !p.experts }

// none reports whether nothing of the model is on the GPU.
func (p placement) none() bool { return p.layers == 0 }

// String describes the part, as part of the key of a trial: "" for all.
func (p placement) String() string {
	if p.whole() {
		return ""
	}
	s := fmt.Sprintf("%d of %d layers", p.layers, p.of)
	if p.experts {
		s += ", experts on the processor"
	}
	return s
}

// place says where a matrix is to be. One that belongs to no layer is used by all, if it has matrices for several heads, or else makes the
// logits.
func (p placement) place(w kernels.Weights) split.Side {
	switch {
	case w.Block == 0 && w.Experts > 0:
		return split.Both
	case w.Block > 0 && w.Block <= p.layers && (w.Experts == 0 || !p.experts):
		return split.First
	}
	return split.Second
}

// placed returns which part of f is to be on a GPU of which so much memory is left; 0: not known. It is as much as fits, or as many layers as are asked
// for. Only chat models are divided. Room for the vision encoder of a chat model stays free.
func (o opening[M]) placed(f *models.File, memory int64) (placement, error) {
	whole := Settings{GPU: GPUUse{Choice: o.s.GPU.Choice}}
	switch {
	case o.trial == TrialVision:
		return place([]engine.Block{{Bytes: engine.VisionBytes(f)}}, 0, registry.Info{}, whole, memory), nil
	case o.e.Kind != registry.Chat:
		return place([]engine.Block{{Bytes: o.e.Bytes}}, 0, o.e.Info, whole, memory), nil
	}
	return placedChat(o.e, f, o.s, memory)
}

// placedChat is placed for the chat model f of an entry.
func placedChat(e registry.Entry, f *models.File, s Settings, memory int64) (placement, error) {
	blocks, rest, err := engine.Blocks(f)
	if err != nil {
		return placement{}, err
	}
	if memory > 0 {
		memory = max(1, memory-visionBytes(e, f))
	}
	return place(blocks, rest, e.Info, s, memory), nil
}

// visionBytes returns the memory of the vision encoder of the chat model f; 0: it has none that can be used.
func visionBytes(e registry.Entry, f *models.File) int64 {
	s := look(e, f)
	if s.Projector == "" {
		return 0
	}
	v, err := openProjector(e, s.Projector)
	if err != nil {
		return 0 // reported when an image comes
	}
	defer v.Close()
	return engine.VisionBytes(v)
}

// place returns which part of a model is to be on a GPU of which so much memory is left; 0: not known. Its blocks and the rest take so much.
func place(blocks []engine.Block, rest int64, info registry.Info, s Settings, memory int64) placement {
	n, chosen := s.GPU.Choice.Layers()
	_, cache, scratch := engine.Estimate(info, s.Context, engine.KVF16)
	p := placement{of: len(blocks), experts: s.GPU.CPUExperts, bytes: scratch}
	fits := func(bytes int64) bool { return chosen || memory == 0 || p.bytes+bytes <= memory }
	last := int64(0)
	for ; p.layers < p.of && (!chosen || p.layers < n); p.layers++ {
		bytes := blocks[p.layers].Bytes + cache/int64(p.of)
		if p.experts {
			bytes -= blocks[p.layers].Experts
		}
		if !fits(bytes) {
			return p
		}
		p.bytes, last = p.bytes+bytes, bytes
	}
	switch {
	case !p.whole(): // the matrix of the logits is on the CPU
	case fits(rest):
		p.bytes += rest
	default: // without that matrix it is not whole
		p.layers, p.bytes = p.layers-1, p.bytes-last
	}
	return p
}

// fewer returns what to try after the memory of the GPU was full when the layers up to one, from 1 on, had been loaded. Some memory stays for
// the conversation.
func (p placement) fewer(loaded int) placement {
	layers := max(0, min(loaded, p.layers)-1-p.of/16)
	p.bytes = p.bytes / int64(max(1, p.layers)) * int64(layers)
	p.layers = layers
	return p
}

// Placed says which part of a chat model runs on a GPU, as it is chosen before the model is opened.
type Placed struct {
	GPU        string // its name; "": none is used
	Layers, Of int
	Experts    bool // of a mixture are on the CPU
}

// PlaceOn returns which part of a chat model would run on a GPU. helper is the command of a helper process, see Helper.
func PlaceOn(ctx context.Context, helper []string, e registry.Entry, s Settings) (Placed, error) {
	if s.GPU.Choice == GPUAuto && !likely() {
		return Placed{}, nil
	}
	list, err := listed(ctx, helper)
	if err != nil {
		return Placed{}, err
	}
	var best *GPU
	for i := range list {
		if c := &list[i]; c.Usable() && (best == nil || c.MemoryBytes > best.MemoryBytes) {
			best = c
		}
	}
	if best == nil {
		return Placed{}, nil
	}
	f, err := read(e.Path())
	if err != nil {
		return Placed{}, err
	}
	defer f.Close()
	p, err := placedChat(e, f, s, left(best.MemoryBytes, best.FreeBytes, 0, 0))
	return Placed{best.Renderer, p.layers, p.of, p.experts}, err
}
