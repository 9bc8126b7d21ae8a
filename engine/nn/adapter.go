package nn

import (
	"fmt"
	"maps"
	"slices"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// Adapter is a low-rank adapter of some matrices of a model (LoRA, arXiv:2106.09685). With it and a scale s, the product with such a matrix W is
//
//	y = W·x + s·B·(A·x)    A [rank × columns of W], B [rows of W × rank]
//
// A matrix on the device may consist of several tensors, such as those of q, k and v; then A has the rows of all of them.
type Adapter struct {
	of map[kernels.Matrix]*lowRank
}

// lowRank is what an adapter adds to the product with a matrix.
type lowRank struct {
	a     kernels.Matrix // [ranks of all parts × columns]
	parts []lowPart
}

// lowPart is what it adds to the rows of one tensor.
type lowPart struct {
	b             kernels.Matrix // [rows × rank]
	at, low, rank int            // from row at of the matrix on; by rows low … low+rank-1 of a
}

// Pair is the two matrices by which an adapter changes a tensor.
type Pair struct {
	Rank, Rows, Cols int
	A, B             []float32 // [Rank × Cols] and, with the adapter's own factor, [Rows × Rank]
}

// Use is a use of an adapter.
type Use struct {
	*Adapter
	Scale float32
}

// Adapted are rows of a step that use adapters.
type Adapted struct {
	Row, N int
	Uses   []Use
}

// Named is a device that knows in which matrices the tensors of a model are.
type Named struct {
	kernels.Device
	tensors map[string][]placed
}

// placed are rows of a tensor in a matrix: rows row … row+rows-1 of the tensor, from row at of the matrix on.
type placed struct {
	matrix        kernels.Matrix
	at, row, rows int
}

// NewNamed returns a device that passes all calls to dev.
func NewNamed(dev kernels.Device) *Named { return &Named{Device: dev, tensors: map[string][]placed{}} }

// Load loads a matrix.
func (d *Named) Load(parts ...kernels.Weights) (kernels.Matrix, error) {
	m, err := d.Device.Load(parts...)
	at := 0
	for _, p := range parts {
		if err == nil && p.Name != "" && p.Experts == 0 && !p.Lookup {
			d.tensors[p.Name] = append(d.tensors[p.Name], placed{m, at, p.Row, p.Rows})
		}
		at += p.Rows
	}
	return m, err
}

// Adapt loads an adapter of the tensors with these names. The error is an *AdaptError if one is not a matrix of the model with its rows and columns.
func (d *Named) Adapt(pairs map[string]Pair) (*Adapter, error) {
	names := slices.Sorted(maps.Keys(pairs))
	of := map[kernels.Matrix][]string{} // the tensors of each matrix, each once
	var order []kernels.Matrix
	for _, name := range names {
		if err := d.check(name, pairs[name]); err != nil {
			return nil, err
		}
		for _, p := range d.tensors[name] {
			if !slices.Contains(order, p.matrix) {
				order = append(order, p.matrix)
			}
			if !slices.Contains(of[p.matrix], name) {
				of[p.matrix] = append(of[p.matrix], name)
			}
		}
	}
	a := &Adapter{of: map[kernels.Matrix]*lowRank{}}
	for _, m := range order {
		low, err := d.adapt(m, of[m], pairs)
		if err != nil {
			return nil, fmt.Errorf("nn: adapter: %w", err)
		}
		a.of[m] = low
	}
	return a, nil
}

// AdaptError is the error of an adapter that does not fit the model: it changes a tensor that is no matrix, or one of another size.
type AdaptError struct {
	Tensor string
	Pair   Pair
	Rows   int // of the tensor; 0: there is no such matrix
	Cols   int
}

func (e *AdaptError) Error() string {
	if e.Rows == 0 {
		return fmt.Sprintf("changes the tensor %q, which is no matrix of the model that can be adapted", e.Tensor)
	}
	return fmt.Sprintf("changes the tensor %q as a matrix of %d × %d values; in the model it has %d × %d", e.Tensor, e.Pair.Rows, e.Pair.Cols, e.Rows, e.Cols)
}

// check returns an *AdaptError unless the rows of a tensor are in matrices as they are in the file.
func (d *Named) check(name string, p Pair) error {
	rows, end, cols := 0, 0, 0
	for _, at := range d.tensors[name] {
		rows, end, cols = rows+at.rows, max(end, at.row+at.rows), at.matrix.Cols()
	}
	if rows != end { // the model has not kept all rows
		rows = 0
	}
	if rows != p.Rows || cols != p.Cols {
		return &AdaptError{name, p, rows, cols}
	}
	return nil
}

// adapt loads what the adapter adds to the product with a matrix, which has rows of the tensors with these names.
func (d *Named) adapt(m kernels.Matrix, names []string, pairs map[string]Pair) (*lowRank, error) {
	low, stacked, rank := &lowRank{}, []float32(nil), 0
	for _, name := range names {
		p := pairs[name]
		for _, at := range d.tensors[name] {
			if at.matrix != m {
				continue
			}
			b, err := d.values(at.rows, p.Rank, p.B[at.row*p.Rank:][:at.rows*p.Rank])
			if err != nil {
				return nil, err
			}
			low.parts = append(low.parts, lowPart{b: b, at: at.at, rank: p.Rank, low: rank})
		}
		stacked, rank = append(stacked, p.A...), rank+p.Rank
	}
	var err error
	low.a, err = d.values(rank, m.Cols(), stacked)
	return low, err
}

// values loads a matrix of float32 values.
func (d *Named) values(rows, cols int, values []float32) (kernels.Matrix, error) {
	data := make([]byte, 4*len(values))
	quant.Quantize(quant.F32, data, values)
	return d.Device.Load(kernels.Weights{Type: quant.F32, Rows: rows, Cols: cols, Data: data})
}

// adapted is a step of which some rows use adapters. Operations that work on whole matrices of a model add what these add.
type adapted struct {
	kernels.Step
	s       *Step
	scratch map[[2]int]kernels.Tensor // by rows and columns
}

// Begin begins the step on dev.
func (s *Step) Begin(dev kernels.Device) kernels.Step {
	d := dev.Begin(&s.Batch)
	if len(s.Adapted) == 0 {
		return d
	}
	return &adapted{d, s, map[[2]int]kernels.Tensor{}}
}

// MatMul implements kernels.Step.
func (d *adapted) MatMul(dst, x kernels.Tensor, w kernels.Matrix) {
	d.Step.MatMul(dst, x, w)
	d.add(dst, x, w)
}

// MatMulAdd implements kernels.Step.
func (d *adapted) MatMulAdd(dst, x kernels.Tensor, w kernels.Matrix) {
	d.Step.MatMulAdd(dst, x, w)
	d.add(dst, x, w)
}

// MatMulGated implements kernels.Step.
func (d *adapted) MatMulGated(dst, x kernels.Tensor, w kernels.Matrix, f kernels.Activation) {
	if !d.adapts(w) {
		d.Step.MatMulGated(dst, x, w, f)
		return
	}
	both := d.tensor(x.Rows, w.Rows())
	d.MatMul(both, x, w)
	d.Activate(dst, both.Slice(0, dst.Cols), both.Slice(dst.Cols, dst.Cols), f)
}

// adapts reports whether an adapter of the step changes w.
func (d *adapted) adapts(w kernels.Matrix) bool {
	return slices.ContainsFunc(d.s.Adapted, func(a Adapted) bool {
		return slices.ContainsFunc(a.Uses, func(u Use) bool { return u.of[w] != nil })
	})
}

// add adds what the adapters add to the product of x with w.
func (d *adapted) add(dst, x kernels.Tensor, w kernels.Matrix) {
	for _, a := range d.s.Adapted {
		for _, u := range a.Uses {
			if low := u.of[w]; low != nil {
				if row, n := d.s.rowsOf(a, x.Rows); n > 0 {
					d.addLow(dst.Sub(row, n), x.Sub(row, n), low, u.Scale)
				}
			}
		}
	}
}

// rowsOf returns the rows of a in a tensor with so many rows: it has those of the step, or those with logits.
func (s *Step) rowsOf(a Adapted, rows int) (row, n int) {
	switch rows {
	case len(s.Tokens):
		return a.Row, a.N
	case len(s.Out):
		row, _ = slices.BinarySearch(s.Out, a.Row)
		end, _ := slices.BinarySearch(s.Out, a.Row+a.N)
		return row, end - row
	}
	panic(fmt.Sprintf("nn: an adapted product of %d rows in a step of %d", rows, len(s.Tokens)))
}

func (d *adapted) addLow(dst, x kernels.Tensor, low *lowRank, scale float32) {
	t := d.tensor(x.Rows, low.a.Rows())
	d.Step.MatMul(t, x, low.a)
	if scale != 1 {
		d.Scale(t, t, scale)
	}
	for _, p := range low.parts {
		d.Step.MatMulAdd(dst.Slice(p.at, p.b.Rows()), t.Slice(p.low, p.rank), p.b)
	}
}

// tensor returns a tensor for values that are used at once.
func (d *adapted) tensor(rows, cols int) kernels.Tensor {
	key := [2]int{rows, cols}
	t, ok := d.scratch[key]
	if !ok {
		t = d.New(rows, cols)
		d.scratch[key] = t
	}
	return t
}
