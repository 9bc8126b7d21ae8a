package arch

import (
	"math"
	"reflect"

	"soberano/engine/nn"
	"soberano/engine/vision"
	"soberano/kernels"
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
	class     []float32      // a row behind those of the patches, [dim]; nil: none
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
	Tiles       int // into how many tiles an image is divided at most, if that is not a property of the projector
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
	scale         kernels.Vector // factors of the output of attention, [dim]; nil: none
	ffnScale      kernels.Vector // the same of the feed-forward network
	windowed      bool           // patches attend to those of their window only
	deep          bool           // the projector has a further part for the output of the layer
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
	class  bool     // there is a row behind those of the patches
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
	"internvl":         {fixed: true, merge: 1, merges: 64, key: squareSide, norm: layerNorm, learns: true, class: true, parts: internVLParts, open: openInternVLProjector},
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
	if p.class {
		v.class = r.wrapped("v.class_embd", c.dim)
	}
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

// Look describes the encoder.
func (v *Vision) Look() Look { return v.look }
