package arch

import (
	"encoding/binary"
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

// Vision is a vision encoder with the projector to a language model, from a file of its own (mmproj). The encoder is that of SigLIP
// (arXiv:2303.15343), a vision transformer (arXiv:2010.11929):
//
//	patches ─ embed + position ─▶ x ─┬──────────────────────────────┬─▶ ⊕ ─┬──────────────────────────┬─▶ ⊕ ─▶ … ─ norm ─ projector ─▶ rows
//	                                 └ norm ─ q,k,v ─ attention ─ o ┘      └ norm ─ f(up) ─ down ─────┘
//	                                 └──────────────────────── × layers ──────────────────────────────┘
//
// Every patch attends to all patches of its image. The norms are LayerNorm. The projector makes the rows that the language model
// takes in the place of embedded tokens; see projectors. The layers run one after the other over whole images, so all of them use the same layer
// of the state.
//
// Only one goroutine may use a Vision at a time.
type Vision struct {
	dev       kernels.Device
	c         config
	look      Look
	patch     kernels.Matrix // [dim × 3·patch·patch], with a bias or without
	positions kernels.Vector // [patches × dim]
	layers    []visionLayer
	norm      nn.Norm // [dim]; none: the file has none
	attn      kernels.Attention
	state     kernels.State
	project   func(v *Vision, x []float32) ([]float32, error)
	softNorm  nn.Norm        // [dim], of the projector of Gemma 3
	out       kernels.Matrix // [Dim × dim], or [Dim × dim·Merge²]
}

// Look describes which images a Vision takes, and what it makes of them.
type Look struct {
	Projector string // the name of the projector in files
	Side      int    // of an image, in pixels: images are squares
	Patch     int    // side of a patch, in pixels
	Merge     int    // side of the square of patches that become one row
	Longest   int    // longest side to which an image is scaled before it is divided into tiles; 0: not divided
	Mean, Std [3]float32
	Dim       int  // width of the rows
	Rows      int  // of an image
	Whole     bool // the language model sees all rows of an image at once, also later ones
}

// Parts returns what the language model sees of m.
func (l *Look) Parts(m *vision.Image) []vision.Part { return projectors[l.Projector].parts(l, m) }

func gemma3Parts(l *Look, m *vision.Image) []vision.Part {
	return vision.Letterbox(m, l.Side, vision.Bilinear, "<start_of_image>", "<end_of_image>")
}

func idefics3Parts(l *Look, m *vision.Image) []vision.Part { return vision.Tiles(m, l.Side, l.Longest) }

type visionLayer struct {
	norm, ffnNorm nn.Norm
	qkv           kernels.Matrix // [3·dim × dim]
	o             kernels.Matrix // [dim × dim]
	up, down      kernels.Matrix // [ff × dim], [dim × ff]
}

// projector is a line of the table of projectors.
type projector struct {
	merge   int  // if the file does not say it
	whole   bool // see Look
	parts   func(l *Look, m *vision.Image) []vision.Part
	open    func(v *Vision, r *reader)
	project func(v *Vision, x []float32) ([]float32, error)
}

// projectors is the table of the projectors, by their names in files.
var projectors = map[string]projector{
	"gemma3":   {4, true, gemma3Parts, openGemma3Projector, (*Vision).poolGemma3},
	"idefics3": {1, false, idefics3Parts, openIdefics3Projector, (*Vision).shuffleIdefics3},
}

// visionKeys are keys that change the arithmetic of other encoders.
var visionKeys = map[string]neutral{
	"feature_layer": func(_ *reader, v any) bool { return reflect.ValueOf(v).Len() == 0 }, "n_wa_pattern": value(0.0), "window_size": value(0.0),
	"attention.head_count_kv": like("attention.head_count"),
}

// Sees reports whether m takes rows of images in the place of tokens (nn.Step.Given), of which it has width columns.
func Sees(m Model) (width int, ok bool) {
	d, ok := m.(*decoder)
	if !ok {
		return 0, false
	}
	return d.c.dim, true
}

// IsVision reports whether f holds a vision encoder for a language model.
func IsVision(f *models.File) bool {
	kind, err := f.Meta.String("general.architecture", "")
	return err == nil && kind == "clip"
}

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
	r.visionConfig(v, p)
	if r.err != nil {
		return nil, r.err
	}
	c := v.c
	v.patch = r.patches(v)
	name, n := "v.position_embd.weight", v.look.Side/v.look.Patch
	v.positions = r.load(name, r.values(name, n*n, c.dim))
	for i := range c.layers {
		v.layers = append(v.layers, r.visionLayer(fmt.Sprintf("v.blk.%d.", i), c))
		if r.err != nil {
			return nil, r.err
		}
	}
	if _, ok := r.f.Tensor("v.post_ln.weight"); ok {
		v.norm = r.norm("v.post_ln", c.dim, c)
	}
	v.attn = kernels.Attention{Heads: c.heads, KVHeads: c.heads, HeadDim: c.headDim, Scale: float32(1 / math.Sqrt(float64(c.headDim)))}
	p.open(v, r)
	v.project = p.project
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
		r.unsupported("holds a projector of the kind %s, which does not run here; %s do", models.Printable(name), strings.Join(slices.Sorted(maps.Keys(projectors)), " and "))
	}
	if gelu, err := meta.Bool("clip.use_gelu", false); r.err == nil && (err != nil || !gelu) {
		r.unsupported("has another activation than GELU")
	}
	v.look.Projector, v.look.Whole = name, p.whole
	return p
}

// visionConfig reads the keys.
func (r *reader) visionConfig(v *Vision, p projector) {
	if r.err != nil {
		return
	}
	c := config{
		dim:    r.int("embedding_length", required, 1, maxWidth),
		ff:     r.int("feed_forward_length", required, 1, maxWidth),
		layers: r.int("block_count", required, 1, maxLayers),
		heads:  r.int("attention.head_count", required, 1, maxWidth),
		eps:    float32(r.float("attention.layer_norm_epsilon", required, 1e-12, 1)),
		norm:   layerNorm,
	}
	v.look.Side, v.look.Patch = r.int("image_size", required, 1, 1<<13), r.int("patch_size", required, 1, 1<<10)
	v.look.Merge = r.int("projector.scale_factor", p.merge, 1, 64)
	v.look.Longest = r.int("preproc_image_size", 0, 0, 1<<13)
	v.look.Dim = r.int("projection_dim", required, 1, maxWidth)
	v.look.Mean, v.look.Std = r.channels("image_mean", -10), r.channels("image_std", 1e-6)
	if r.err != nil {
		return
	}
	c.headDim = r.int("attention.head_dim", c.dim/c.heads, 2, 4096)
	side := v.look.Side / v.look.Patch
	switch {
	case c.headDim*c.heads != c.dim:
		r.fail(fmt.Errorf("%d heads do not share %d values evenly: %w", c.heads, c.dim, models.ErrCorrupt))
	case v.look.Side%v.look.Patch != 0 || side%v.look.Merge != 0:
		r.fail(fmt.Errorf("images of %d pixels a side, patches of %d, squares of %d patches: they do not divide evenly: %w", v.look.Side, v.look.Patch, v.look.Merge, models.ErrCorrupt))
	case side*side > 1<<14:
		r.unsupported("images of %d patches", side*side)
	}
	v.look.Rows = side / v.look.Merge * (side / v.look.Merge)
	v.c = c
}

// channels reads three numbers, one a channel.
func (r *reader) channels(key string, lo float64) (x [3]float32) {
	key = r.key(key)
	list, err := r.f.Meta.Floats(key)
	switch {
	case err != nil:
		r.fail(err)
	case len(list) != 3:
		r.fail(fmt.Errorf("key %q has %d values, expected 3: %w", key, len(list), models.ErrCorrupt))
	default:
		for i, v := range list {
			if !(v >= lo && v <= 10) {
				r.fail(fmt.Errorf("key %q has the value %v: %w", key, v, models.ErrCorrupt))
			}
			x[i] = float32(v)
		}
	}
	return x
}

// patches loads the embedding of patches.
func (r *reader) patches(v *Vision) kernels.Matrix {
	const name = "v.patch_embd"
	t, ok := r.tensor(name+".weight", v.c.dim, 3, v.look.Patch, v.look.Patch)
	if !ok {
		return nil
	}
	w := kernels.Weights{Type: t.Type, Rows: v.c.dim, Cols: 3 * v.look.Patch * v.look.Patch, Data: t.Data}
	w.Bias = r.optional(name+".bias", v.c.dim)
	return r.loadMatrix(name, []kernels.Weights{w})
}

func (r *reader) visionLayer(blk string, c config) visionLayer {
	up, down := "ffn_up", "ffn_down"
	if t, ok := r.f.Tensor(blk + down + ".weight"); ok && len(t.Shape) == 2 && t.Cols() == c.dim && c.ff != c.dim {
		up, down = down, up // files of older programs have the names the wrong way round
	}
	return visionLayer{
		norm: r.norm(blk+"ln1", c.dim, c), ffnNorm: r.norm(blk+"ln2", c.dim, c),
		qkv:  r.biased(c.dim, part{blk + "attn_q", c.dim}, part{blk + "attn_k", c.dim}, part{blk + "attn_v", c.dim}),
		o:    r.biased(c.dim, part{blk + "attn_out", c.dim}),
		up:   r.biased(c.dim, part{blk + up, c.ff}),
		down: r.biased(c.ff, part{blk + down, c.dim}),
	}
}

// Look describes the encoder.
func (v *Vision) Look() Look { return v.look }

// Encode returns the rows of a tile of Side × Side pixels, [Rows × Dim]. The error is the device's.
func (v *Vision) Encode(tile *vision.Image) ([]float32, error) {
	c, n := v.c, v.look.Side/v.look.Patch*(v.look.Side/v.look.Patch)
	if tile.Width != v.look.Side || tile.Height != v.look.Side {
		return nil, fmt.Errorf("vision: a tile of %d × %d pixels, expected %d × %d", tile.Width, tile.Height, v.look.Side, v.look.Side)
	}
	patches := tile.Normalised(v.look.Patch, v.look.Mean, v.look.Std)
	if v.state == nil {
		keeps := kernels.Layer{KVHeads: c.heads, KeyDim: c.headDim, ValueDim: c.headDim, Fine: true}
		state, err := v.dev.NewState(kernels.StateShape{Layers: []kernels.Layer{keeps}, Cap: n})
		if err != nil {
			return nil, err
		}
		v.state = state
	}
	d := v.dev.Begin(&kernels.Batch{Spans: []kernels.Span{{State: v.state, N: n, Len: n}}, Priority: kernels.Answer})
	x := d.New(n, c.dim)             // the residual stream
	h := d.New(n, c.dim)             // normalised x
	qkv := d.New(n, 3*c.dim)         // q, k and v side by side
	q := qkv.Slice(0, c.dim)         // [n × heads·headDim]
	k := qkv.Slice(c.dim, c.dim)     // [n × heads·headDim]
	val := qkv.Slice(2*c.dim, c.dim) // [n × heads·headDim]
	ffn := d.New(n, c.ff)
	in := d.New(n, len(patches)/n)

	d.Write(in, patches)
	d.MatMul(x, in, v.patch)
	d.Add(x, d.Const(v.positions, n, c.dim))
	for i := range v.layers {
		l := &v.layers[i]
		l.norm.Of(d, h, x)
		d.MatMul(qkv, h, l.qkv)
		d.Store(k, val, 0, &v.attn)
		d.Attend(q, q, 0, &v.attn)
		d.MatMulAdd(x, q, l.o)

		l.ffnNorm.Of(d, h, x)
		d.MatMul(ffn, h, l.up)
		d.Activate(ffn, ffn, kernels.Tensor{}, kernels.GELUTanh)
		d.MatMulAdd(x, ffn, l.down)
	}
	v.norm.Of(d, x, x)
	rows := d.Read(x)
	if err := d.End(); err != nil {
		return nil, err
	}
	return v.project(v, compact(rows))
}

// compact returns rows without the gaps between them.
func compact(rows *kernels.Rows) []float32 {
	out := make([]float32, 0, rows.Len*rows.Cols)
	for i := range rows.Len {
		out = append(out, rows.Row(i)...)
	}
	return out
}

// Close frees the memory of images; the weights belong to the device.
func (v *Vision) Close() error {
	if v.state == nil {
		return nil
	}
	err := v.state.Close()
	v.state = nil
	return err
}

// merged calls f for each square of Merge × Merge patches, row by row, with the numbers of its patches, row by row.
func (v *Vision) merged(f func(patches []int)) {
	across, m := v.look.Side/v.look.Patch, v.look.Merge
	list := make([]int, 0, m*m)
	for y := 0; y < across; y += m {
		for x := 0; x < across; x += m {
			list = list[:0]
			for i := range m * m {
				list = append(list, (y+i/m)*across+x+i%m)
			}
			f(list)
		}
	}
}

// openGemma3Projector reads the projector of Gemma 3: the mean of each square of patches ─ RMSNorm ─ product.
func openGemma3Projector(v *Vision, r *reader) {
	const name = "mm.input_projection.weight"
	v.softNorm = nn.Norm{Weight: r.vector("mm.soft_emb_norm.weight", v.c.dim), Eps: v.c.eps}
	w := r.values(name, v.c.dim, v.look.Dim) // transposed
	if r.err != nil {
		return
	}
	data := make([]byte, 0, 4*len(w))
	for row := range v.look.Dim {
		for col := range v.c.dim {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(w[col*v.look.Dim+row]))
		}
	}
	v.out = r.loadMatrix(name, []kernels.Weights{{Type: quant.F32, Rows: v.look.Dim, Cols: v.c.dim, Data: data}})
}

func (v *Vision) poolGemma3(x []float32) ([]float32, error) {
	var means []float32
	v.merged(func(patches []int) {
		mean := make([]float32, v.c.dim)
		for _, p := range patches {
			for i, value := range x[p*v.c.dim:][:v.c.dim] {
				mean[i] += value
			}
		}
		for i := range mean {
			mean[i] /= float32(len(patches))
		}
		means = append(means, mean...)
	})
	return v.product(means, v.c.dim)
}

// openIdefics3Projector reads the projector of Idefics 3 and SmolVLM: the patches of each square side by side ─ product.
func openIdefics3Projector(v *Vision, r *reader) {
	v.out = r.matrix(v.c.dim*v.look.Merge*v.look.Merge, part{"mm.model.fc", v.look.Dim})
}

func (v *Vision) shuffleIdefics3(x []float32) ([]float32, error) {
	var wide []float32
	v.merged(func(patches []int) {
		for _, p := range patches {
			wide = append(wide, x[p*v.c.dim:][:v.c.dim]...)
		}
	})
	return v.product(wide, v.c.dim*v.look.Merge*v.look.Merge)
}

// product returns x, [Rows × cols], normalised and multiplied by the matrix of the projector.
func (v *Vision) product(x []float32, cols int) ([]float32, error) {
	d := v.dev.Begin(nil)
	in, out := d.New(len(x)/cols, cols), d.New(len(x)/cols, v.look.Dim)
	d.Write(in, x)
	v.softNorm.Of(d, in, in)
	d.MatMul(out, in, v.out)
	rows := d.Read(out)
	if err := d.End(); err != nil {
		return nil, err
	}
	return compact(rows), nil
}
