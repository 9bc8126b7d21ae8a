package arch

import (
	"errors"
	"fmt"
	"slices"

	"soberano/engine/nn"
	"soberano/engine/vision"
	"soberano/kernels"
)

// merger is a part of a projector, which makes one row for the language model of the patches of a square:
//
//	patches ─ norm ─ join ─ up ─ GELU ─ out ─▶ row
type merger struct {
	norm nn.Norm        // [cols]; none: not normalised
	join kernels.Matrix // [dim × cols], where dim is the cols of up; nil: none
	up   kernels.Matrix // [hidden × cols]; nil: neither up nor GELU
	out  linear         // [Dim × hidden], or [Dim × cols]
}

// linear is a product with limits of what goes in and what comes out; nil: no limits.
type linear struct {
	w       kernels.Matrix
	in, out *[2]float32
}

// of writes the product of x to dst, with scratch, which may be x, as scratch memory of its shape.
func (l *linear) of(d kernels.Step, dst, x, scratch kernels.Tensor) {
	if l.in != nil {
		d.Clamp(scratch, x, l.in[0], l.in[1])
		x = scratch
	}
	d.MatMul(dst, x, l.w)
	if l.out != nil {
		d.Clamp(dst, dst, l.out[0], l.out[1])
	}
}

// of returns the rows for in, [n × cols].
func (m *merger) of(d kernels.Step, in kernels.Tensor) kernels.Tensor {
	m.norm.Of(d, in, in)
	if m.join != nil {
		joined := d.New(in.Rows, m.join.Rows())
		d.MatMul(joined, in, m.join)
		in = joined
	}
	if m.up != nil {
		hidden := d.New(in.Rows, m.up.Rows())
		d.MatMul(hidden, in, m.up)
		d.Activate(hidden, hidden, kernels.Tensor{}, kernels.GELUTanh)
		in = hidden
	}
	out := d.New(in.Rows, m.out.w.Rows())
	m.out.of(d, out, in, in)
	return out
}

// grid is the order of the patches of an image in the encoder: the squares of Merge × Merge patches that become one row are behind each other, and so
// are the squares of a window.
type grid struct {
	across, down int
	patches      []int // of each row the number of its patch, row by row of the image
	more         int   // rows behind them
	squares      []int // of each square, row by row of the image, its number in the encoder
	windows      []kernels.Span
}

// grid returns the order of across × down patches. Without windows, the whole image is one.
func (v *Vision) grid(across, down int) *grid {
	m, window := v.look.Merge, v.window
	if window == 0 {
		window = max(across, down) / m
	}
	wide, high := across/m, down/m
	g := &grid{across: across, down: down, patches: make([]int, 0, across*down), squares: make([]int, wide*high)}
	for top := 0; top < high; top += window {
		for left := 0; left < wide; left += window {
			first := len(g.patches)
			for y := top; y < min(top+window, high); y++ {
				for x := left; x < min(left+window, wide); x++ {
					g.squares[y*wide+x] = len(g.patches) / (m * m)
					for i := range m * m {
						g.patches = append(g.patches, (y*m+i/m)*across+x*m+i%m)
					}
				}
			}
			n := len(g.patches)
			g.windows = append(g.windows, kernels.Span{Row: first, N: n - first, Pos: first, From: first, Len: n})
		}
	}
	return g
}

// batch returns the input of a step: the patches are one sequence, and the windows the second list of spans.
func (g *grid) batch(state kernels.State) *kernels.Batch {
	n := len(g.patches) + g.more
	b := &kernels.Batch{Spans: []kernels.Span{{State: state, N: n, Len: n}}, Cross: g.windows, Priority: kernels.Answer}
	for i := range b.Cross {
		b.Cross[i].State = state
	}
	y, x := make([]int32, n), make([]int32, n)
	for i, p := range g.patches {
		y[i], x[i] = int32(p/g.across), int32(p%g.across)
	}
	b.Positions, b.Axes = y, [][]int32{y, x}
	return b
}

// Encode returns the rows of a tile, one line after the other, [Rows × Dim]. The error is the device's.
func (v *Vision) Encode(tile *vision.Image) ([]float32, error) {
	if !v.look.takes(tile) {
		return nil, fmt.Errorf("vision: a tile of %d × %d pixels", tile.Width, tile.Height)
	}
	g := v.grid(tile.Width/v.look.Patch, tile.Height/v.look.Patch)
	if v.class != nil {
		g.more = 1
	}
	if v.tables && max(g.across, g.down) > v.side {
		return nil, fmt.Errorf("vision: an image of %d × %d patches; there are positions for %d", g.across, g.down, v.side)
	}
	keeps := kernels.Layer{KVHeads: v.c.heads, KeyDim: v.c.headDim, ValueDim: v.c.headDim, Fine: true}
	state, err := v.dev.NewState(kernels.StateShape{Layers: []kernels.Layer{keeps}, Cap: len(g.patches) + g.more})
	if err != nil {
		return nil, err
	}
	outputs, err := v.encode(tile, g, state)
	if err = errors.Join(err, state.Close()); err != nil {
		return nil, err
	}
	return v.project(outputs, g)
}

// encode returns the output of the encoder, and then that of each deep layer, [patches × dim].
func (v *Vision) encode(tile *vision.Image, g *grid, state kernels.State) ([][]float32, error) {
	c, n := v.c, len(g.patches)
	pixels := tile.Normalised(v.look.Patch, g.patches, v.look.Mean, v.look.Std)
	d := v.dev.Begin(g.batch(state))
	x := d.New(n+g.more, c.dim) // the residual stream
	in := d.New(n, len(pixels)/n)
	d.Write(in, pixels)
	d.MatMul(x.Sub(0, n), in, v.patch)
	if v.class != nil {
		d.Write(x.Sub(n, 1), v.class)
	}
	if v.positions != nil {
		places := d.New(x.Rows, c.dim)
		d.Write(places, v.placesOf(g))
		d.Add(x, places)
	}
	v.preNorm.Of(d, x, x)
	run := v.run
	if run == nil {
		run = v.runLayers
	}
	deep := run(d, x)
	v.norm.Of(d, x, x)
	rows := append([]*kernels.Rows{d.Read(x.Sub(0, n))}, deep...)
	if err := d.End(); err != nil {
		return nil, err
	}
	var out [][]float32
	for _, r := range rows {
		out = append(out, compact(r))
	}
	return out, nil
}

// runLayers runs the layers on x, [patches × dim], and returns copies of the output of the deep ones.
func (v *Vision) runLayers(d kernels.Step, x kernels.Tensor) (deep []*kernels.Rows) {
	c, n := v.c, x.Rows
	h := d.New(n, c.dim)             // normalised x
	y := d.New(n, c.dim)             // output of a block, if it is scaled
	qkv := d.New(n, 3*c.dim)         // q, k and v side by side
	q := qkv.Slice(0, c.dim)         // [n × heads·headDim]
	k := qkv.Slice(c.dim, c.dim)     // [n × heads·headDim]
	val := qkv.Slice(2*c.dim, c.dim) // [n × heads·headDim]
	ffn := c.feedForwardTensors(d, n)
	for i := range v.layers {
		l := &v.layers[i]
		l.norm.Of(d, h, x)
		d.MatMul(qkv, h, l.qkv)
		if v.rope.Freq != nil {
			d.Rotate(qkv.Slice(0, 2*c.dim), &v.rope) // q and k together
		}
		d.Store(k, val, 0, &v.attn)
		if l.windowed {
			d.Attend(q, q, 0, &v.windowed)
		} else {
			d.Attend(q, q, 0, &v.attn)
		}
		if l.scale == nil {
			d.MatMulAdd(x, q, l.o)
		} else {
			d.MatMul(y, q, l.o)
			addScaled(d, x, y, l.scale)
		}

		l.ffnNorm.Of(d, h, x)
		if l.ffnScale == nil {
			l.ffn.add(d, x, h, &ffn)
		} else {
			l.ffn.write(d, y, h, &ffn)
			addScaled(d, x, y, l.ffnScale)
		}
		if l.deep {
			kept := d.New(n, c.dim)
			d.Scale(kept, x, 1)
			deep = append(deep, d.Read(kept))
		}
	}
	return deep
}

// addScaled adds y, multiplied by a factor for each column, to x.
func addScaled(d kernels.Step, x, y kernels.Tensor, scale kernels.Vector) {
	d.Mul(y, d.Const(scale, 1, y.Cols))
	d.Add(x, y)
}

// compact returns rows without the gaps between them.
func compact(rows *kernels.Rows) []float32 {
	out := make([]float32, 0, rows.Len*rows.Cols)
	for i := range rows.Len {
		out = append(out, rows.Row(i)...)
	}
	return out
}

// project returns what the projector makes of the output of the encoder and of the deep layers, in the order of the image: for each square of
// patches, the rows of all parts of the projector side by side, and the rows that end lines.
func (v *Vision) project(outputs [][]float32, g *grid) ([]float32, error) {
	n := len(g.squares)
	d := v.dev.Begin(nil)
	var rows []*kernels.Rows
	for i := range v.mergers {
		values := outputs[i] // [squares × Merge²·dim]
		switch {
		case v.pooled:
			values = means(values, n, v.c.dim)
			if v.level != nil {
				v.level(values)
			}
		case v.channels:
			values = byColumn(values, n, v.c.dim)
		}
		in := d.New(n, len(values)/n)
		d.Write(in, values)
		rows = append(rows, d.Read(v.mergers[i].of(d, in)))
	}
	if err := d.End(); err != nil {
		return nil, err
	}
	out := make([]float32, 0, (n+g.down)*v.look.Dim)
	for i, at := range g.squares {
		if i > 0 && i%(g.across/v.look.Merge) == 0 {
			out = append(out, v.lineEnd...)
		}
		for _, r := range rows {
			out = append(out, r.Row(at)...)
		}
	}
	return out, nil
}

// means returns the means of the n runs of rows of dim columns in x.
func means(x []float32, n, dim int) []float32 {
	out, each := make([]float32, 0, n*dim), len(x)/(n*dim)
	for run := range slices.Chunk(x, each*dim) {
		mean := make([]float32, dim)
		for i, value := range run {
			mean[i%dim] += value
		}
		for i := range mean {
			mean[i] /= float32(each)
		}
		out = append(out, mean...)
	}
	return out
}

// byColumn returns the values of the n runs of rows of dim columns in x by column: in each run, first those of the first column of all its rows.
func byColumn(x []float32, n, dim int) []float32 {
	out, each := make([]float32, 0, len(x)), len(x)/(n*dim)
	for run := range slices.Chunk(x, each*dim) {
		for col := range dim {
			for row := range each {
				out = append(out, run[row*dim+col])
			}
		}
	}
	return out
}

// placesOf returns the position embeddings of the patches of g, [patches × dim]. The learned ones are those of a square; for images of another
// size they are interpolated. That of the row behind the patches is behind them.
func (v *Vision) placesOf(g *grid) []float32 {
	if v.tables {
		return v.placesByTables(g)
	}
	dim, stretch := v.c.dim, stretched
	if v.smooth {
		stretch = smoothed
	}
	across, down := stretch(v.side, g.across), stretch(v.side, g.down)
	out := make([]float32, len(g.patches)*dim, (len(g.patches)+g.more)*dim)
	for i, p := range g.patches {
		sum := out[i*dim:][:dim]
		for _, y := range down[p/g.across] {
			for _, x := range across[p%g.across] {
				for j, value := range v.positions[(y.at*v.side+x.at)*dim:][:dim] {
					sum[j] += value * x.part * y.part
				}
			}
		}
	}
	return append(out, v.positions[v.side*v.side*dim:]...)
}

// placesByTables returns the sums of the embeddings of the column and of the line of each patch.
func (v *Vision) placesByTables(g *grid) []float32 {
	dim := v.c.dim
	out := make([]float32, len(g.patches)*dim)
	for i, p := range g.patches {
		x, y := v.positions[p%g.across*dim:], v.positions[(v.side+p/g.across)*dim:]
		for j := range out[i*dim:][:dim] {
			out[i*dim+j] = x[j] + y[j]
		}
	}
	return out
}

// share is a part of an entry of a list.
type share struct {
	at   int
	part float32
}

// stretched returns the parts that make want entries of a list of have, interpolated linearly such that the first and the last ones coincide.
func stretched(have, want int) [][]share {
	scale := float32(want) / float32(have)
	if have > 1 && want > 1 {
		scale = float32(want-1) / float32(have-1)
	}
	list := make([][]share, want)
	for i := range list {
		at := float32(i) / scale
		from := min(int(at), have-1)
		part := min(1, at-float32(from))
		list[i] = []share{{from, 1 - part}, {min(from+1, have-1), part}}
	}
	return list
}

// smoothed returns the parts that make want entries of a list of have by a triangle that is as wide as an entry, or as what one entry
// stands for if there are fewer of them.
func smoothed(have, want int) [][]share {
	scale := float32(want) / float32(have)
	wide := max(1, 1/scale)
	list := make([][]share, want)
	for i := range list {
		center, sum := (float32(i)+0.5)/scale, float32(0)
		for at := max(0, int(center-wide+0.5)); at < min(have, int(center+wide+0.5)); at++ {
			distance := (float32(at) - center + 0.5) / wide
			if part := 1 - max(distance, -distance); part > 0 {
				list[i] = append(list[i], share{at, part})
				sum += part
			}
		}
		for k := range list[i] {
			list[i][k].part /= sum
		}
	}
	return list
}
