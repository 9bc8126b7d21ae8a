package arch

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"soberano/engine/nn"
	"soberano/engine/vision"
	"soberano/kernels"
	"soberano/kernels/quant"
	"soberano/models"
)

// Vision is a vision encoder with the projector to a language model, from a file of its own (mmproj). The encoder is a vision
// transformer (arXiv:2010.11929), that of SigLIP (arXiv:2303.15343), of Pixtral (arXiv:2410.07073) or of Qwen VL (arXiv:2409.12191, arXiv:2502.13923, arXiv:2511.21631):
//
//	patches ─ embed + position ─▶ x ─┬─────────────────────────────────────┬─▶ ⊕ ─┬──────────────────────────┬─▶ ⊕ ─▶ … ─ norm ─ projector ─▶ rows
//	                                 └ norm ─ q,k,v ─ RoPE ─ attention ─ o ┘      └ norm ─ f(gate)·up ─ down ┘
//	                                 └──────────────────────────── × layers ────────────────────────────────┘
//
// Every patch attends to all patches of its image, in some layers of Qwen 2.5 VL to those of its window of the image. Which norms there are, whether positions are
// learned or rotate q and k, and whether the feed-forward network has a gate depends on the projector; see projectors. The projector makes the
// rows that the language model takes in the place of embedded tokens, one of each square of patches. The layers run one after the other over whole
// images, so all of them use the same layer of the state.
//
// Only one goroutine may use a Vision at a time.
type Vision struct {
	dev       kernels.Device
	c         config
	look      Look
	patch     kernels.Matrix // [dim × 3·patch·patch], with a bias or without
	positions []float32      // [side·side × dim], or with tables [2·side × dim]; nil: none
	side      int            // of the square of learned positions, in patches
	smooth    bool           // interpolation takes the mean of all positions that one of a smaller image stands for
	tables    bool           // positions are those of side columns, and then those of side lines
	rope      kernels.RoPE   // Freq is nil: q and k are not rotated
	window    int            // side of a window of attention, in squares of patches; 0: there are none
	layers    []visionLayer
	run       func(d kernels.Step, x kernels.Tensor) []*kernels.Rows // runs other layers than these
	preNorm   nn.Norm                                                // [dim], before the layers; none: the file has none
	norm      nn.Norm                                                // [dim], after them; none: the file has none
	attn      kernels.Attention
	windowed  kernels.Attention // to the windows
	mergers   []merger          // of the last layer's output, and of that of each deep layer
	level     func(x []float32) // makes of the means of pooled patches what goes into the projector; nil: nothing else
	pooled    bool              // the projector takes the mean of the patches of a square, otherwise all of them side by side
	channels  bool              // the projector takes the values of a square by column of its patches, otherwise by patch
	lineEnd   []float32         // [Dim]: the row behind each line of an image but the last; nil: none
}

// Look describes which images a Vision takes, and what it makes of them.
type Look struct {
	Projector string // the name of the projector in files
	Side      int    // of an image, in pixels, if all images are squares of one size; otherwise 0
	Patch     int    // side of a patch, in pixels
	Merge     int    // side of the square of patches that become one row
	Longest   int    // longest side to which an image is scaled before it is divided into tiles; 0: not divided
	// Least and Most are how many pixels images have, if their sizes differ. Sides are multiples of Patch·Merge.
	Least, Most int
	Room        int // how many rows an image has at most, if it is divided into tiles of which some can be left out; 0: unlimited
	Mean, Std   [3]float32
	Dim         int  // width of the rows, with the values for the first layers of the language model (nn.Given)
	Whole       bool // the language model sees all rows of an image at once, also later ones
	LineEnds    bool // there is a further row behind each line but the last
}

// Parts returns what the language model sees of m. Images of any size are scaled so that they have at most room rows, if that is not below
// the least number of the model; 0: as many as the model takes.
func (l *Look) Parts(m *vision.Image, room int) []vision.Part {
	limited := *l
	if unit := l.Patch * l.Merge; room > 0 {
		limited.Most, limited.Room = max(l.Least, min(l.Most, room*unit*unit)), room
	}
	return projectors[l.Projector].parts(&limited, m)
}

// Rows returns how many rows a tile becomes, and how many of them are in a line.
func (l *Look) Rows(tile *vision.Image) (n, across int) {
	unit := l.Patch * l.Merge
	across, down := tile.Width/unit, tile.Height/unit
	if n = across * down; l.LineEnds {
		n += down - 1
	}
	return n, across
}

// takes reports whether a tile has a size that the encoder takes.
func (l *Look) takes(tile *vision.Image) bool {
	unit := l.Patch * l.Merge
	if l.Side > 0 {
		return tile.Width == l.Side && tile.Height == l.Side
	}
	return tile.Width > 0 && tile.Height > 0 && tile.Width%unit == 0 && tile.Height%unit == 0 && tile.Width*tile.Height/(unit*unit) <= maxUnits
}

// maxUnits is the largest number of squares of patches in an image of any size: twice that of the largest images that Parts returns.
const maxUnits = 1 << 13

type visionLayer struct {
	norm, ffnNorm nn.Norm
	qkv           kernels.Matrix // [3·dim × dim]
	o             kernels.Matrix // [dim × dim]
	ffn           feedForward
	windowed      bool // patches attend to those of their window only
	deep          bool // the projector has a further part for the output of the layer
}

// projector is a line of the table of projectors, with what distinguishes their encoders.
type projector struct {
	fixed  bool     // images are squares of one size
	most   int      // largest number of rows of an image if they are not
	least  int      // smallest number of rows of such an image; 0: 8
	merge  int      // Look.Merge if the file does not say it
	merges int      // the largest Look.Merge; 0: merge
	key    string   // of Look.Merge
	whole  bool     // Look.Whole
	norm   normKind // of the encoder
	frames bool     // the embedding of patches is that of two equal frames of a film
	learns bool     // positions are learned
	rotary rotation // of q and k, by the line and the column of a patch
	parts  func(l *Look, m *vision.Image) []vision.Part
	layers func(v *Vision, r *reader, f kernels.Activation) // reads other layers than most encoders have; nil: visionLayer does
	open   func(v *Vision, r *reader)                       // reads the projector
}

// rotation is how an encoder rotates pairs of values by the line, and others by the column of a patch.
type rotation int

const (
	noRotation rotation = iota
	halves              // pairs (i, i+headDim/2), lines and columns with the same frequencies
	neighbours          // pairs (2i, 2i+1), lines and columns with alternate frequencies
)

// projectors is the table of the projectors, by their names in files.
var projectors = map[string]projector{
	"gemma3":           {fixed: true, merge: 4, merges: 64, key: squareSide, whole: true, norm: layerNorm, learns: true, parts: gemma3Parts, open: openGemma3Projector},
	"gemma4v":          {least: 70, most: 1120, merge: 3, merges: 8, key: squareSide, norm: rmsNorm, parts: gemma4Parts, layers: gemma4VisionLayers, open: openGemma4Projector},
	"idefics3":         {fixed: true, merge: 1, merges: 64, key: squareSide, norm: layerNorm, learns: true, parts: idefics3Parts, open: openIdefics3Projector},
	"lfm2":             {least: 64, most: 256, merge: 2, merges: 8, key: squareSide, norm: layerNorm, learns: true, parts: lfm2Parts, open: openLFM2Projector},
	"pixtral":          {most: 1024, merge: 1, merges: 8, key: "spatial_merge_size", norm: rmsNorm, rotary: neighbours, parts: pixtralParts, open: openPixtralProjector},
	"qwen2vl_merger":   {most: 4096, merge: 2, key: "spatial_merge_size", norm: layerNorm, frames: true, rotary: halves, parts: qwenParts, open: openQwen2Projector},
	"qwen2.5vl_merger": {most: 4096, merge: 2, key: "spatial_merge_size", norm: rmsNorm, frames: true, rotary: halves, parts: qwenParts, open: openQwen25Projector},
	"qwen3vl_merger":   {most: 4096, merge: 2, key: "spatial_merge_size", norm: layerNorm, frames: true, learns: true, rotary: halves, parts: qwenParts, open: openQwen3Projector},
}

// squareSide is the key of Look.Merge in most files.
const squareSide = "projector.scale_factor"

// visionKeys are keys that change the arithmetic of other encoders.
var visionKeys = map[string]neutral{
	"feature_layer": func(_ *reader, v any) bool { return reflect.ValueOf(v).Len() == 0 }, "n_wa_pattern": value(0.0), "window_size": value(0.0),
	"attention.head_count_kv": like("attention.head_count"), "wa_layer_indexes": value(), "is_deepstack_layers": value(false),
}

// IsVision reports whether f holds a vision encoder for a language model.
func IsVision(f *models.File) bool { return f.Meta.IsVision() }

// OpenVision loads the vision encoder of f onto dev. f must stay open as long as the Vision is used. The errors are those of Open.
func OpenVision(f *models.File, dev kernels.Device) (*Vision, error) {
	if _, err := openVision(f, kernels.Checker{}); err != nil {
		return nil, err
	}
	return openVision(f, dev)
}

func openVision(f *models.File, dev kernels.Device) (*Vision, error) {
	r := &reader{f: f, dev: dev, family: "clip.vision", used: map[string]bool{}, read: map[string]bool{}}
	v := &Vision{dev: dev}
	p := r.projector(v)
	act := r.visionActivation()
	r.visionConfig(v, p)
	if r.err != nil {
		return nil, r.err
	}
	c := v.c
	v.patch = r.patches(v, p.frames)
	if p.learns {
		r.learnedPositions(v, p.fixed)
	}
	if p.rotary != noRotation {
		v.rope = r.patchRope(c.headDim, p.rotary)
	}
	if _, ok := r.f.Tensor("v.pre_ln.weight"); ok {
		v.preNorm = r.norm("v.pre_ln", c.dim, c)
	}
	if p.layers != nil {
		p.layers(v, r, act)
	} else {
		r.visionLayers(v, act)
	}
	if r.err != nil {
		return nil, r.err
	}
	if _, ok := r.f.Tensor("v.post_ln.weight"); ok {
		v.norm = r.norm("v.post_ln", c.dim, c)
	}
	v.attn = kernels.Attention{Heads: c.heads, KVHeads: c.heads, HeadDim: c.headDim, Scale: float32(1 / math.Sqrt(float64(c.headDim)))}
	v.windowed = v.attn
	v.windowed.Cross = true
	p.open(v, r)
	if r.err == nil {
		r.err = r.unread(family{title: "vision encoder", keys: visionKeys})
	}
	return v, r.err
}

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
	v.positions = r.values(name, v.side*v.side, v.c.dim)
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

// rowsOf returns the number of rows of a tensor of two dimensions.
func (r *reader) rowsOf(name string) int {
	t, ok := r.f.Tensor(name)
	if !ok || len(t.Shape) != 2 {
		r.corrupt("tensor %q with two dimensions is missing", name)
		return 0
	}
	return r.bounded(name, t.Shape[0], 1, maxWidth)
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
	return l
}

// Look describes the encoder.
func (v *Vision) Look() Look { return v.look }
