package arch

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"soberano/kernels"
	"soberano/kernels/quant"
	"soberano/models"
)

// projector reads which projector the file has, and refuses files without a vision encoder that runs here.
func (r *reader) projector(v *Vision) projector {
	meta := r.f.Meta
	if kind, err := meta.String("general.architecture", ""); err != nil || kind != "clip" {
		r.unsupported("is no vision encoder (mmproj) but a model of the family %s", models.Printable(kind))
	}
	if hears, err := meta.Bool("clip.has_audio_encoder", false); err == nil && hears {
		r.skip("a.") // an encoder of sounds beside that of images
		r.skip("mm.a.")
	}
	has, err := meta.Bool("clip.has_vision_encoder", false)
	r.fail(err)
	if r.err == nil && !has {
		r.unsupported("holds no vision encoder")
	}
	name, err := meta.String("clip.projector_type", "")
	if name == "" && err == nil {
		name, err = meta.String("clip.vision.projector_type", "")
	}
	r.fail(err)
	p, known := projectors[name]
	if !known && r.err == nil {
		r.unsupported("holds a projector of the kind %s, which does not run here; %s do", models.Printable(name), strings.Join(slices.Sorted(maps.Keys(projectors)), ", "))
	}
	v.look.Projector, v.look.Whole = name, p.whole
	return p
}

// visionActivation reads which activation the feed-forward networks have.
func (r *reader) visionActivation() kernels.Activation {
	gelu, err := r.f.Meta.Bool("clip.use_gelu", false)
	r.fail(err)
	silu, err := r.f.Meta.Bool("clip.use_silu", false)
	r.fail(err)
	switch {
	case gelu && silu:
		r.corrupt("keys %q and %q are both true", "clip.use_gelu", "clip.use_silu")
	case gelu:
		return kernels.GELUTanh
	case silu:
		return kernels.SiLU
	}
	return kernels.GELUQuick
}

// visionConfig reads the keys.
func (r *reader) visionConfig(v *Vision, p projector) {
	if r.err != nil {
		return
	}
	eps := r.float("attention.layer_norm_epsilon", required, 1e-12, 1)
	c := config{
		dim:    r.int("embedding_length", required, 1, maxWidth),
		ff:     r.int("feed_forward_length", required, 0, maxWidth),
		layers: r.int("block_count", required, 1, maxLayers),
		heads:  r.int("attention.head_count", required, 1, maxWidth),
		eps:    float32(eps),
		norm:   p.norm,
	}
	v.look.Dim = r.int("projection_dim", required, 1, maxWidth)
	v.look.Mean, v.look.Std = r.channels("image_mean", -10), r.channels("image_std", 1e-6)
	r.imageSizes(v, p)
	if r.err != nil {
		return
	}
	c.dense = c.layers
	c.headDim = r.int("attention.head_dim", c.dim/c.heads, 2, 4096)
	switch {
	case c.headDim*c.heads != c.dim:
		r.corrupt("%d heads do not share %d values evenly", c.heads, c.dim)
	case p.rotary != noRotation && c.headDim%4 != 0:
		r.corrupt("heads of %d values can't be rotated by lines and columns", c.headDim)
	}
	if c.ff == 0 || v.look.Projector == "qwen2vl_merger" {
		c.ff = r.widthOf("v.blk.0.", c) // programs that convert Qwen 2 VL write the width of other matrices, or 0
	}
	v.c = c
}

// imageSizes reads which sizes images have.
func (r *reader) imageSizes(v *Vision, p projector) {
	l := &v.look
	side := r.int("image_size", required, 1, 1<<13)
	l.Longest = r.int("preproc_image_size", 0, 0, 1<<13)
	if !p.fixed {
		// The number of rows of an image is limited as in llama.cpp: the files do not say the limits.
		l.Patch, l.Merge = r.int("patch_size", required, 1, 32), r.int(p.key, p.merge, min(p.merge, 2), max(p.merge, p.merges))
		unit := l.Patch * l.Merge
		l.Least, l.Most = cmp.Or(p.least, 8)*unit*unit, p.most*unit*unit
		return
	}
	l.Side, l.Patch = side, r.int("patch_size", required, 1, 1<<10)
	l.Merge = r.int(p.key, p.merge, 1, p.merges)
	if r.err != nil {
		return
	}
	patches := l.Side / l.Patch
	switch {
	case l.Side%l.Patch != 0 || patches%l.Merge != 0:
		r.corrupt("images of %d pixels a side, patches of %d, squares of %d patches: they do not divide evenly", l.Side, l.Patch, l.Merge)
	case patches*patches > 1<<14:
		r.unsupported("images of %d patches", patches*patches)
	}
}

// channels reads three numbers, one a channel.
func (r *reader) channels(key string, lo float64) (x [3]float32) {
	key = r.key(key)
	list, err := r.f.Meta.Floats(key)
	switch {
	case err != nil:
		r.fail(err)
	case len(list) != 3:
		r.corrupt("key %q has %d values, expected 3", key, len(list))
	default:
		for i, v := range list {
			if !(v >= lo && v <= 10) {
				r.corrupt("key %q has the value %v", key, v)
			}
			x[i] = float32(v)
		}
	}
	return x
}

// patches loads the embedding of patches. Of a film, it has two matrices for two frames; the product of an image, of which both frames are made, is that with their sum.
func (r *reader) patches(v *Vision, frames bool) kernels.Matrix {
	const name = "v.patch_embd"
	rows, side := v.c.dim, v.look.Patch
	t, ok := r.tensor(name+".weight", rows, 3, side, side)
	if !ok {
		return nil
	}
	w := kernels.Weights{Type: t.Type, Rows: rows, Cols: 3 * side * side, Data: t.Data}
	if frames {
		sum, second := r.values(name+".weight", rows, 3, side, side), r.values(name+".weight.1", rows, 3, side, side)
		if r.err != nil {
			return nil
		}
		for i, x := range second {
			sum[i] += x
		}
		w.Type, w.Data = quant.F32, littleEndian(sum)
	}
	w.Bias = r.optional(name+".bias", rows)
	return r.loadMatrix(name, []kernels.Weights{w})
}

// learnedPositions reads the embeddings of positions, those of a square. That of images of one size is as large as these.
func (r *reader) learnedPositions(v *Vision, fixed bool) {
	const name = "v.position_embd.weight"
	n := r.rowsOf(name)
	if r.err != nil {
		return
	}
	v.side = int(math.Round(math.Sqrt(float64(n))))
	if fixed {
		v.side = v.look.Side / v.look.Patch
	} else if v.side*v.side != n || n > 1<<16 {
		r.corrupt("tensor %q has %d rows, expected those of a square", name, n)
	}
	rows := v.side * v.side
	if v.class != nil {
		rows++ // that of the last row
	}
	v.positions = r.wrapped(name, rows, v.c.dim)
}

// patchRope returns the rotation by the position of a patch: the first half of the pairs by its line, the second by its column.
func (r *reader) patchRope(headDim int, by rotation) kernels.RoPE {
	half, shift := headDim/4, 0.0
	if by == neighbours {
		shift = 0.5 // of the frequencies of columns
	}
	freq, axis := make([]float32, 2*half), make([]uint8, 2*half)
	for i := range freq {
		axis[i] = uint8(i / half)
		freq[i] = float32(math.Pow(10000, -(float64(i%half)+shift*float64(axis[i]))/float64(half)))
	}
	return kernels.RoPE{HeadDim: headDim, Freq: r.load("the rotary frequencies", freq), Scale: 1, Axis: axis, Interleaved: by == neighbours}
}

// rowsOf returns the number of rows of a tensor of two dimensions, before which there may be dimensions of 1.
func (r *reader) rowsOf(name string) int {
	t, ok := r.f.Tensor(name)
	if !ok || len(t.Shape) < 2 {
		r.corrupt("tensor %q with two dimensions is missing", name)
		return 0
	}
	return r.bounded(name, t.Shape[len(t.Shape)-2], 1, maxWidth)
}

// wrapped is values for a tensor whose shape may have dimensions of 1 before the given ones, as the positions of some encoders have.
func (r *reader) wrapped(name string, shape ...int) []float32 {
	if t, ok := r.f.Tensor(name); ok {
		for len(shape) < len(t.Shape) {
			shape = append([]int{1}, shape...)
		}
	}
	return r.values(name, shape...)
}

// swapped reports whether the matrices of a feed-forward network have each other's names, as in files of older programs.
func (r *reader) swapped(blk string, c config) bool {
	t, ok := r.f.Tensor(blk + "ffn_down.weight")
	return ok && len(t.Shape) == 2 && t.Cols() == c.dim && t.Rows() != c.dim
}

// widthOf returns the width of the feed-forward network of a layer by its matrices.
func (r *reader) widthOf(blk string, c config) int {
	if r.swapped(blk, c) {
		return r.rowsOf(blk + "ffn_down.weight")
	}
	return r.rowsOf(blk + "ffn_up.weight")
}

// visionLayers reads the layers of most encoders.
func (r *reader) visionLayers(v *Vision, f kernels.Activation) {
	for i := 0; i < v.c.layers && r.err == nil; i++ {
		v.layers = append(v.layers, r.visionLayer(fmt.Sprintf("v.blk.%d.", i), v.c, f))
	}
}

func (r *reader) visionLayer(blk string, c config, f kernels.Activation) visionLayer {
	up, down := "ffn_up", "ffn_down"
	if r.swapped(blk, c) {
		up, down = down, up
	}
	l := visionLayer{
		norm: r.norm(blk+"ln1", c.dim, c), ffnNorm: r.norm(blk+"ln2", c.dim, c),
		qkv: r.qkv(blk, c.dim, c.dim, c.dim), o: r.biased(c.dim, part{blk + "attn_out", c.dim}),
		ffn: feedForward{down: r.biased(c.ff, part{blk + down, c.dim}), activation: f},
	}
	if _, ok := r.f.Tensor(blk + "ffn_gate.weight"); ok {
		l.ffn.gateUp = r.biased(c.dim, part{blk + "ffn_gate", c.ff}, part{blk + up, c.ff})
	} else {
		l.ffn.up = r.biased(c.dim, part{blk + up, c.ff})
	}
	for name, v := range map[string]*kernels.Vector{"ls1": &l.scale, "ls2": &l.ffnScale} {
		if s := r.optional(blk+name+".weight", c.dim); s != nil {
			*v = r.load(blk+name, s)
		}
	}
	return l
}
