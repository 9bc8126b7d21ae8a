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
	layers, of int  // the first layers of all; a model that can't be divided counts as one
	experts    bool // on the CPU
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

// placed returns which part of f is to be on a GPU: as much as fits its memory, or as many layers as are asked for. Only chat
// models are divided. Room for the vision encoder of a chat model stays free.
func (o opening[M]) placed(f *models.File, gpu *GPU) (placement, error) {
	whole := Settings{GPU: GPUUse{Choice: o.s.GPU.Choice}}
	switch {
	case o.trial == TrialVision:
		return place([]engine.Block{{Bytes: engine.VisionBytes(f)}}, 0, registry.Info{}, whole, gpu.MemoryBytes), nil
	case o.e.Kind != registry.Chat:
		return place([]engine.Block{{Bytes: o.e.Bytes}}, 0, o.e.Info, whole, gpu.MemoryBytes), nil
	}
	return placedChat(o.e, f, o.s, gpu.MemoryBytes)
}

// placedChat is placed for the chat model f of an entry, on a GPU with so much memory.
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

// place returns which part of a model is to be on a GPU with so much memory; 0: not known. Its blocks and the rest take so much.
func place(blocks []engine.Block, rest int64, info registry.Info, s Settings, memory int64) placement {
	p := placement{of: len(blocks), experts: s.GPU.CPUExperts}
	n, chosen := s.GPU.Choice.Layers()
	if chosen {
		p.layers = min(n, p.of)
		return p
	}
	if memory == 0 {
		p.layers = p.of
		return p
	}
	_, cache, scratch := engine.Estimate(info, s.Context, engine.KVF16)
	free := int64(memoryShare*float64(memory)) - scratch
	each := cache / int64(max(1, len(blocks)))
	for _, b := range blocks {
		if free -= b.Bytes + each; p.experts {
			free += b.Experts
		}
		if free < 0 {
			break
		}
		p.layers++
	}
	if p.layers == p.of && free < rest && !p.experts {
		p.layers-- // the matrix of the logits does not fit, so it is not whole
	}
	return p
}

// fewer returns what to try after the memory of the GPU was full when the layers up to one, from 1 on, had been loaded. Some memory stays for
// the conversation.
func (p placement) fewer(loaded int) placement {
	p.layers = max(0, min(loaded, p.layers)-1-p.of/16)
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
	p, err := placedChat(e, f, s, best.MemoryBytes)
	return Placed{best.Renderer, p.layers, p.of, p.experts}, err
}
