package engine

import (
	"soberano/engine/arch"
	"soberano/engine/token"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/registry"
)

// Check reports whether f, which stays open, can be opened by Open, or by OpenEncoder if its purpose is to make vectors of texts. It
// runs the same code, on a device that loads nothing: the matrices of f are not read, so that it takes little time and memory. Opening
// can still fail for lack of memory. The error is a *models.FileError of kind models.ErrUnsupported or
// models.ErrCorrupt. If there is none, the verdict has the warning of Info, and what the model needs in memory; see Estimate.
func Check(f *models.File) (v registry.Verdict, err error) {
	if IsVision(f) {
		return v, models.Unsupported(f.Path, "put it into the folder of that model's file, under a name that begins with mmproj", "is no language model but the vision encoder of one")
	}
	dev := kernels.Checker{Size: cpu.WeightBytes}
	if f, err = readable(f, dev); err != nil {
		return v, err
	}
	switch purpose, err := f.Meta.Purpose(); {
	case err != nil:
		return v, models.InFile(f.Path, err)
	case purpose != models.Continues:
		e := &Encoder{file: f, dev: dev}
		if err := e.read(0); err != nil {
			return v, err
		}
		return registry.Verdict{Warning: e.info.Warning, Needs: needs(e.net.Shape(), e.tok, 0, e.net.Whole)}, nil
	}
	m := &Model{file: f, dev: dev}
	if err := m.read(0); err != nil {
		return v, err
	}
	return registry.Verdict{Warning: m.info.Warning, Needs: needs(m.shape, m.tok, usualLogits, false)}, nil
}

// usualLogits is of how many rows a step of chats has logits, with the copies from which tokens are chosen.
const usualLogits = 4

// needs returns what a model needs in memory, of which so many rows of a step have logits.
func needs(s arch.Shape, t *token.Tokenizer, logits int, whole bool) *registry.Needs {
	n := &registry.Needs{Weights: s.Bytes, Vocabulary: t.Bytes(), Row: 4 * int64(s.Scratch), Logits: 4 * int64(logits) * int64(s.Vocabulary), Whole: whole}
	for _, l := range s.Layers {
		k := registry.Kept{Layers: 1, Kind: int(l.Kind), KVHeads: l.KVHeads, KeyDim: l.KeyDim, ValueDim: l.ValueDim, Window: l.Window, Fine: l.Fine, Rows: l.Rows, Cols: l.Cols}
		n.Kept = addKept(n.Kept, k)
	}
	return n
}

// addKept adds a layer to those of list that keep the same.
func addKept(list []registry.Kept, k registry.Kept) []registry.Kept {
	for i := range list {
		if k.Layers = list[i].Layers; list[i] == k {
			list[i].Layers++
			return list
		}
	}
	k.Layers = 1
	return append(list, k)
}
