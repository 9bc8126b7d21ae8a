package arch

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"soberano/engine/nn"
	"soberano/engine/vision"
	"soberano/kernels"
	"soberano/kernels/quant"
)

func gemma3Parts(l *Look, m *vision.Image) []vision.Part {
	return vision.Letterbox(m, l.Side, l.Side, vision.Bilinear, "<start_of_image>", "<end_of_image>")
}

// openGemma3Projector reads the projector of Gemma 3: the mean of each square of patches ─ RMSNorm ─ product.
func openGemma3Projector(v *Vision, r *reader) {
	const name = "mm.input_projection.weight"
	dim := v.c.dim
	norm := nn.Norm{Weight: r.vector("mm.soft_emb_norm.weight", dim), Eps: v.c.eps}
	w := r.values(name, dim, v.look.Dim) // transposed
	if r.err != nil {
		return
	}
	rows := make([]float32, len(w))
	for i := range rows {
		rows[i] = w[i%dim*v.look.Dim+i/dim]
	}
	out := r.loadMatrix(name, []kernels.Weights{{Type: quant.F32, Rows: v.look.Dim, Cols: dim, Data: littleEndian(rows)}})
	v.pooled, v.mergers = true, []merger{{norm: norm, out: linear{w: out}}}
}

// littleEndian returns values as files have them.
func littleEndian(values []float32) []byte {
	data := make([]byte, 0, 4*len(values))
	for _, x := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return data
}

func idefics3Parts(l *Look, m *vision.Image) []vision.Part { return vision.Tiles(m, l.Side, l.Longest) }

// openIdefics3Projector reads the projector of Idefics 3 and SmolVLM: the patches of each square side by side ─ product.
func openIdefics3Projector(v *Vision, r *reader) {
	v.mergers = []merger{{out: linear{w: r.matrix(v.square(), part{"mm.model.fc", v.look.Dim})}}}
}

// square returns how many values the patches of a square have.
func (v *Vision) square() int { return v.c.dim * v.look.Merge * v.look.Merge }

// internVLParts returns m as InternVL sees it (arXiv:2404.16821): divided into tiles if it is larger than one, and the whole picture as one more tile.
func internVLParts(l *Look, m *vision.Image) []vision.Part {
	list, tiles := []vision.Part{{Text: "<img>"}}, l.Tiles
	if rows, _ := l.Rows(vision.New(l.Side, l.Side)); l.Room > 0 {
		tiles = min(tiles, l.Room/rows-1)
	}
	if (m.Width > l.Side || m.Height > l.Side) && tiles >= 1 {
		across, down := vision.MostDetail(m, l.Side, tiles)
		list = append(list, vision.Grid(m, l.Side, across, down, vision.Bicubic, "")...)
	}
	return append(list, vision.Part{Tile: m.Resize(l.Side, l.Side, vision.Bicubic)}, vision.Part{Text: "</img>"})
}

// openInternVLProjector reads the projector of InternVL: the patches of each square side by side ─ LayerNorm ─ up ─ GELU ─ out.
func openInternVLProjector(v *Vision, r *reader) {
	r.choice("preproc_min_tiles", 1)
	v.look.Tiles = r.int("preproc_max_tiles", 12, 1, 64)
	if v.c.dim == 3200 && v.c.layers == 45 {
		r.unsupported("the encoder of InternVL with six billion parameters")
	}
	m := r.merger(v, v.square(), "mm.model.mlp.1", "mm.model.mlp.3")
	c := v.c
	c.eps = 1e-5
	m.norm = r.norm("mm.model.mlp.0", v.square(), c)
	v.mergers = []merger{m}
}

// lfm2Tile and lfm2Tiles are the side of a tile of LFM2-VL in pixels, and the largest number of tiles.
const (
	lfm2Tile  = 512
	lfm2Tiles = 10
)

// lfm2Parts returns m as LFM2-VL sees it (arXiv:2511.23404): in a size near its own or, if it is much larger than that can be, divided into tiles, behind which it stands as a whole.
func lfm2Parts(l *Look, m *vision.Image) []vision.Part {
	unit, tiles := l.Patch*l.Merge, lfm2Tiles
	if l.Room > 0 {
		tiles = min(tiles, l.Room*unit*unit/(lfm2Tile*lfm2Tile)-1)
	}
	width, height := vision.Fit(m.Width, m.Height, unit, l.Least, l.Most)
	whole := m.Resize(width, height, vision.Bilinear)
	list := []vision.Part{{Text: "<|image_start|>"}}
	even := func(n int) int { return max(l.Patch, unit*int(math.RoundToEven(float64(n)/float64(unit)))) }
	if even(m.Width)*even(m.Height) > 2*l.Most && tiles >= 2 {
		across, down := vision.Nearest(m, lfm2Tile, tiles)
		list = append(list, vision.Grid(m, lfm2Tile, across, down, vision.Bilinear, "<|img_row_%d_col_%d|>")...)
		list = append(list, vision.Part{Text: "<|img_thumbnail|>"})
	}
	return append(list, vision.Part{Tile: whole}, vision.Part{Text: "<|image_end|>"})
}

// openLFM2Projector reads the projector of LFM2-VL: the patches of each square side by side ─ LayerNorm, in some models ─ up ─ GELU ─ out. Its encoder is SigLIP 2 for
// images of any size (arXiv:2502.14786); it may leave out the last layers.
func openLFM2Projector(v *Vision, r *reader) {
	v.smooth = true
	for i := v.c.layers; i < v.c.layers+2; i++ {
		r.skip(fmt.Sprintf("v.blk.%d.", i))
	}
	if unit := v.look.Patch * v.look.Merge; lfm2Tile%unit != 0 && r.err == nil {
		r.corrupt("patches of %d pixels, squares of %d: they do not divide tiles of %d evenly", v.look.Patch, v.look.Merge, lfm2Tile)
	}
	m := r.merger(v, v.square(), "mm.1", "mm.2")
	if w := r.optional("mm.input_norm.weight", v.square()); w != nil {
		bias := r.optional("mm.input_norm.bias", v.square())
		if bias == nil {
			bias = make([]float32, v.square())
		}
		m.norm = nn.Norm{Weight: r.load("mm.input_norm", w), Bias: r.load("mm.input_norm", bias), Eps: 1e-5}
	}
	v.mergers = []merger{m}
}

// pixtralParts returns m as Pixtral sees it (arXiv:2410.07073): as qwenParts does, with another mark behind it and none before it.
func pixtralParts(l *Look, m *vision.Image) []vision.Part {
	width, height := vision.Fit(m.Width, m.Height, l.Patch*l.Merge, l.Least, l.Most)
	return vision.Letterbox(m, width, height, vision.Bicubic, "", "[IMG_END]")
}

// openPixtralProjector reads the projector of Pixtral and Mistral 3: the patches of each square, normalised and joined if there are several ─ up ─ GELU ─ out. Behind
// each line of an image but the last there is the embedding of a token.
func openPixtralProjector(v *Vision, r *reader) {
	var join kernels.Matrix
	cols := v.square()
	if _, ok := r.f.Tensor("mm.patch_merger.weight"); ok {
		v.channels = true
		v.norm = r.norm("mm.input_norm", v.c.dim, v.c)
		join, cols = r.matrix(cols, part{"mm.patch_merger", v.c.dim}), v.c.dim
	} else if v.look.Merge > 1 && r.err == nil {
		r.corrupt("tensor %q is missing", "mm.patch_merger.weight")
	}
	if _, ok := r.f.Tensor("v.token_embd.img_break"); ok {
		v.look.LineEnds, v.lineEnd = true, r.values("v.token_embd.img_break", v.look.Dim)
	}
	m := r.merger(v, cols, "mm.1", "mm.2")
	m.join = join
	v.mergers = []merger{m}
}

// qwenParts returns m as Qwen VL sees it: in a size near its own, on black if its proportions differ a little.
func qwenParts(l *Look, m *vision.Image) []vision.Part {
	width, height := vision.Fit(m.Width, m.Height, l.Patch*l.Merge, l.Least, l.Most)
	return vision.Letterbox(m, width, height, vision.Bicubic, "<|vision_start|>", "<|vision_end|>")
}

// openQwen2Projector reads the projector of Qwen 2 VL: the patches of each square side by side ─ up ─ GELU ─ out. Files of older programs have
// a tensor of zeros in the place of learned positions.
func openQwen2Projector(v *Vision, r *reader) {
	const name = "v.position_embd.weight"
	if t, ok := r.f.Tensor(name); ok && !slices.ContainsFunc(t.Data, func(b byte) bool { return b != 0 }) {
		r.unused(name)
	}
	v.mergers = []merger{r.merger(v, v.square(), "mm.0", "mm.2")}
}

// openQwen25Projector reads the projector of Qwen 2.5 VL. All layers but every pattern-th attend to windows of 112 pixels.
func openQwen25Projector(v *Vision, r *reader) {
	const side = 112 // whatever the file says, as in llama.cpp
	r.choice("window_size", side, 0, side)
	if pattern := r.int("n_wa_pattern", required, 0, maxLayers); pattern > 0 && r.err == nil {
		v.window = max(1, side/v.look.Patch/v.look.Merge)
		for i := range v.layers {
			v.layers[i].windowed = (i+1)%pattern != 0
		}
	}
	openQwen2Projector(v, r)
}

// openQwen3Projector reads the projector of Qwen 3 VL, and its further parts for the output of some layers (deepstack, arXiv:2406.04334), which normalise the patches of a
// square as one. Qwen 3.5 has the first only.
func openQwen3Projector(v *Vision, r *reader) {
	openQwen2Projector(v, r)
	for i := range v.layers {
		name := fmt.Sprintf("v.deepstack.%d.", i)
		if _, ok := r.f.Tensor(name + "fc1.weight"); !ok {
			continue
		}
		v.layers[i].deep = true
		m := r.merger(v, v.square(), name+"fc1", name+"fc2")
		m.norm = r.norm(name+"norm", v.square(), v.c)
		v.mergers = append(v.mergers, m)
	}
	r.deepLayers(v)
	v.look.Dim *= len(v.mergers)
}

// deepLayers checks that the list of deep layers, if the file has one, agrees with its tensors.
func (r *reader) deepLayers(v *Vision) {
	key := r.key("is_deepstack_layers")
	list, err := r.f.Meta.Bools(key)
	r.fail(err)
	if r.err != nil || list == nil {
		return
	}
	for i := range v.layers {
		if len(list) != len(v.layers) || list[i] != v.layers[i].deep {
			r.corrupt("key %q and the tensors of the projector say different things", key)
			return
		}
	}
}

// merger reads a part of a projector with two matrices of these names, the first of which has cols columns.
func (r *reader) merger(v *Vision, cols int, up, out string) merger {
	hidden := r.rowsOf(up + ".weight")
	return merger{up: r.biased(cols, part{up, hidden}), out: linear{w: r.biased(hidden, part{out, v.look.Dim})}}
}

// choice reads a number that must be one of a few.
func (r *reader) choice(key string, def int, others ...int) {
	n := r.int(key, def, 0, maxWidth)
	for _, other := range append(others, def) {
		if n == other {
			return
		}
	}
	if r.err == nil {
		r.unsupported("key %q is %d", r.family+"."+key, n)
	}
}
