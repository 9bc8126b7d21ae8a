//go:build (linux || windows) && cgo

package gl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// matrix implements kernels.Matrix. Its weights lie in GPU memory as they lie in the file: blocks of the file's format, which the
// shaders unpack. Embed reads rows of the file, which the host dequantizes: they are few, and a matrix that only Embed uses
// takes no GPU memory.
type matrix struct {
	d          *device
	rows, cols int
	experts    int // 0: a matrix without experts
	lookup     bool
	parts      []part
	source     []kernels.Weights // what was loaded
	bytes      int64
	closed     bool
}

// part is the weights of one kernels.Weights, or of several of the same format that lie in one buffer.
type part struct {
	kind     quant.Type
	first    int // row of the matrix that it begins with
	rows     int // of each expert
	rowBytes int
	bias     *buffer // [experts][rows]; nil if there is none
	grid     *buffer // of the format; nil if it has none
	chunks   []chunk
}

// chunk is a part, or some rows or experts of it, in a buffer of its own, since drivers limit the size of a block.
type chunk struct {
	b               *buffer
	row, rows       int // the rows of the part, or of each expert of it
	expert, experts int // 0 experts: a matrix without experts
}

// padding is the number of bytes behind the weights: a shader reads whole words.
const padding = 8

// Load copies the weights to the GPU.
func (d *device) Load(parts ...kernels.Weights) (kernels.Matrix, error) {
	if d.closed {
		return nil, errClosed
	}
	if err := kernels.CheckParts(parts); err != nil {
		return nil, fmt.Errorf("gl: Load: %w", err)
	}
	m := &matrix{d: d, cols: parts[0].Cols, experts: parts[0].Experts, lookup: parts[0].Lookup, source: slices.Clone(parts)}
	for len(parts) > 0 {
		n := d.together(parts)
		p := part{kind: parts[0].Type, first: m.rows, rows: rowsOf(parts[:n]), rowBytes: parts[0].Type.RowBytes(m.cols)}
		m.rows += p.rows
		m.parts = append(m.parts, p)
		if !m.lookup {
			if err := m.parts[len(m.parts)-1].load(d, parts[:n]); err != nil {
				return nil, fmt.Errorf("gl: Load: %w", errors.Join(err, m.Close()))
			}
		}
		parts = parts[n:]
	}
	m.bytes = m.held()
	return m, nil
}

// together returns how many of the weights, from the first on, have the same format and fit into one buffer, so that one dispatch multiplies
// with all of them.
func (d *device) together(all []kernels.Weights) int {
	for n := len(all); n > 1; n-- {
		bytes := rowsOf(all[:n]) * all[0].Type.RowBytes(all[0].Cols) * max(1, all[0].Experts)
		other := slices.ContainsFunc(all[:n], func(w kernels.Weights) bool { return w.Type != all[0].Type })
		if !other && bytes+padding <= 4*d.gpu.most {
			return n
		}
	}
	return 1
}

// rowsOf returns the sum of the rows.
func rowsOf(all []kernels.Weights) int {
	sum := 0
	for _, w := range all {
		sum += w.Rows
	}
	return sum
}

// load copies the weights, which have the format of p, to the GPU. If there are several, they fit into one buffer.
func (p *part) load(d *device, all []kernels.Weights) error {
	w := all[0]
	if w.Experts > mostExperts {
		return fmt.Errorf("%w: %d experts; %d at most", ErrUnsupported, w.Experts, mostExperts)
	}
	var err error
	if p.grid, err = d.grid(w.Type); err != nil {
		return err
	}
	if bias := biases(all); bias != nil {
		if p.bias, err = d.floats(bias); err != nil {
			return err
		}
	}
	if w.Experts > 0 {
		return p.loadExperts(d, all)
	}
	if len(all) > 1 {
		var data [][]byte
		for _, w := range all {
			data = append(data, w.Data[:w.Rows*p.rowBytes])
		}
		return p.chunk(d, chunk{rows: p.rows}, data...)
	}
	most := (4*d.gpu.most - padding) / p.rowBytes
	if most == 0 {
		return fmt.Errorf("%w: a row of %d bytes", ErrUnsupported, p.rowBytes)
	}
	for row := 0; row < w.Rows; row += most {
		c := chunk{row: row, rows: min(most, w.Rows-row)}
		if err := p.chunk(d, c, w.Data[row*p.rowBytes:][:c.rows*p.rowBytes]); err != nil {
			return err
		}
	}
	return nil
}

// biases returns the biases of the weights, [experts][rows of all]; nil if there are none.
func biases(all []kernels.Weights) (sum []float32) {
	if !slices.ContainsFunc(all, func(w kernels.Weights) bool { return w.Bias != nil }) {
		return nil
	}
	for e := range max(1, all[0].Experts) {
		for _, w := range all {
			if w.Bias == nil {
				sum = append(sum, make([]float32, w.Rows)...)
			} else {
				sum = append(sum, w.Bias[e*w.Rows:][:w.Rows]...)
			}
		}
	}
	return sum
}

// loadExperts copies the experts of the weights to the GPU: for each expert its rows of all weights.
func (p *part) loadExperts(d *device, all []kernels.Weights) error {
	size := p.rows * p.rowBytes
	most := (4*d.gpu.most - padding) / size
	if most == 0 {
		return fmt.Errorf("%w: an expert of %d bytes", ErrUnsupported, size)
	}
	for e := 0; e < all[0].Experts; e += most {
		n := min(most, all[0].Experts-e)
		var data [][]byte
		for i := range n {
			for _, w := range all {
				data = append(data, w.Expert(e+i).Data)
			}
		}
		if err := p.chunk(d, chunk{rows: p.rows, expert: e, experts: n}, data...); err != nil {
			return err
		}
	}
	return nil
}

// chunk adds a chunk with these data.
func (p *part) chunk(d *device, c chunk, data ...[]byte) error {
	bytes := padding
	for _, b := range data {
		bytes += len(b)
	}
	var err error
	if c.b, err = d.allocate((bytes + 3) &^ 3); err != nil {
		return err
	}
	p.chunks = append(p.chunks, c)
	at := 0
	for _, b := range data {
		if err := d.upload(c.b, at, b); err != nil {
			return err
		}
		at += len(b)
	}
	return nil
}

// floats returns a buffer with these values.
func (d *device) floats(x []float32) (*buffer, error) {
	data := make([]byte, 4*len(x))
	for i, v := range x {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(v))
	}
	return d.filled(data)
}

// filled returns a buffer with these data.
func (d *device) filled(data []byte) (*buffer, error) {
	b, err := d.allocate(len(data))
	if err != nil {
		return nil, err
	}
	if err := d.upload(b, 0, data); err != nil {
		return nil, errors.Join(err, d.release(b))
	}
	return b, nil
}

// grid returns the grid of a format, which stays on the GPU until the device is closed; nil if the format has none.
func (d *device) grid(t quant.Type) (*buffer, error) {
	grid := t.Grid()
	if grid == nil || d.grids[t] != nil {
		return d.grids[t], nil
	}
	data := make([]byte, 2*len(grid))
	for i, v := range grid {
		binary.LittleEndian.PutUint16(data[2*i:], v)
	}
	b, err := d.filled(data)
	if err == nil {
		d.grids[t] = b
	}
	return b, err
}

// buffers returns the matrix's own buffers.
func (m *matrix) buffers() []*buffer {
	var all []*buffer
	for _, p := range m.parts {
		if p.bias != nil {
			all = append(all, p.bias)
		}
		for _, c := range p.chunks {
			all = append(all, c.b)
		}
	}
	return all
}

func (m *matrix) held() int64 {
	sum := int64(0)
	for _, b := range m.buffers() {
		sum += int64(b.bytes)
	}
	return sum
}

func (m *matrix) Rows() int { return m.rows }
func (m *matrix) Cols() int { return m.cols }

// Bytes returns the GPU memory that the matrix takes.
func (m *matrix) Bytes() int64 { return m.bytes }

// Close frees the matrix.
func (m *matrix) Close() error {
	if m.closed || m.d.closed {
		m.closed = true
		return nil
	}
	m.closed = true
	err := m.d.release(m.buffers()...)
	m.parts, m.source, m.bytes = nil, nil, 0
	return err
}

// open returns w as a matrix of this device. It panics if w belongs to another device or is closed.
func (d *device) open(op string, w kernels.Matrix) *matrix {
	m, ok := w.(*matrix)
	switch {
	case !ok || m.d != d:
		panic("gl: " + op + ": a matrix of another device")
	case m.closed:
		panic("gl: " + op + ": the matrix is closed")
	}
	return m
}

// plain is open for a matrix without experts.
func (d *device) plain(op string, w kernels.Matrix) *matrix {
	m := d.open(op, w)
	if m.experts > 0 {
		panic("gl: " + op + ": a matrix of experts")
	}
	return m
}
