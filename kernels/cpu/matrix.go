package cpu

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// matrix is a stack of segments, one for each part given to Load. A matrix of experts has such a stack for each
// expert.
type matrix struct {
	rows, cols int
	segments   []*segment
	experts    []*matrix // all with the same kinds of segments; nil if this is not a matrix of experts
	panels     int       // of all segments
	ints       bool
	wide       bool // the layout of a segment is wide
	pairs      bool
	lookup     bool // only Embed and EmbedPositions use it; the segments have no memory
	looked     int  // rows that were read in the model's file since its pages were given back
	bytes      int64
	d          *device
	closed     bool
}

func (m *matrix) Rows() int    { return m.rows }
func (m *matrix) Cols() int    { return m.cols }
func (m *matrix) Bytes() int64 { return m.bytes }

// Close releases the matrix. Small matrices share blocks of memory (reserve), each of which is freed with the last
// matrix in it.
func (m *matrix) Close() error {
	if !m.closed {
		for _, x := range m.experts {
			x.segments = nil // they belong to m, too
		}
		m.d.segments = slices.DeleteFunc(m.d.segments, func(s *segment) bool { return slices.Contains(m.segments, s) })
		*m = matrix{rows: m.rows, cols: m.cols, d: m.d, closed: true}
	}
	return nil
}

// matrix returns w as a matrix of this device. It panics if w belongs to another device, is closed, or is a matrix
// of experts.
func (d *device) matrix(op string, w kernels.Matrix) *matrix {
	m := d.open(op, w)
	if m.experts != nil {
		panic("cpu: " + op + ": a matrix of experts")
	}
	return m
}

// open returns w as a matrix of this device. It panics if w belongs to another device or is closed.
func (d *device) open(op string, w kernels.Matrix) *matrix {
	m, ok := w.(*matrix)
	switch {
	case !ok || m.d != d:
		panic("cpu: " + op + ": a matrix of another device")
	case m.closed:
		panic("cpu: " + op + ": the matrix is closed")
	}
	return m
}

// Load repacks the parts, with as many goroutines as the device has workers.
func (d *device) Load(parts ...kernels.Weights) (kernels.Matrix, error) {
	if d.closed {
		return nil, errClosed
	}
	if err := kernels.CheckParts(parts); err != nil {
		return nil, fmt.Errorf("cpu: Load: %w", err)
	}
	var m *matrix
	d.protect(func() {
		switch {
		case parts[0].Experts != 0:
			m = d.loadExperts(parts)
		case parts[0].Lookup:
			m = d.loadLookup(parts)
		default:
			m = d.loadOne(parts)
		}
	})
	if d.fault != nil {
		return nil, d.fault
	}
	return m, nil
}

// WeightBytes returns the memory that a device with the default options needs for a part of a matrix.
func WeightBytes(w kernels.Weights) int64 {
	if w.Lookup {
		return 0
	}
	lv, err := chosen()
	if err != nil {
		lv = best() // New reports the error
	}
	k := (&device{lv: lv}).kindOf(w)
	return int64(max(1, w.Experts)) * int64((w.Rows+31)/32) * int64(k.panelBytes(w.Cols))
}

// loadLookup loads a matrix that only Embed and EmbedPositions use: they read the rows in the model's file.
func (d *device) loadLookup(parts []kernels.Weights) *matrix {
	m := &matrix{d: d, cols: parts[0].Cols, lookup: true}
	for _, w := range parts {
		m.segments = append(m.segments, newSegment(w, m.rows, kindF32))
		m.rows += w.Rows
	}
	return m
}

// loadOne loads a matrix without experts: from the file of repacked weights, or by repacking.
func (d *device) loadOne(parts []kernels.Weights) *matrix {
	m := &matrix{d: d, cols: parts[0].Cols}
	for _, w := range parts {
		s := newSegment(w, m.rows, d.kindOf(w))
		m.segments = append(m.segments, s)
		m.rows += w.Rows
		m.panels += s.panels
		m.ints = m.ints || !s.kind.float()
		m.wide = m.wide || !s.kind.float() && layouts[s.kind].wide()
		m.pairs = m.pairs || s.kind == kindPairs
		m.bytes += int64(s.bytes())
	}
	for _, s := range m.segments {
		if !d.packed.take(s, &d.file) {
			s.fill(d, d.store.take(s.bytes()))
			d.repacked++
		}
	}
	d.segments = append(d.segments, m.segments...)
	for _, w := range parts {
		d.forgetAll(w.Data)
	}
	return m
}

// fillPiece is the number of bytes of a file that a goroutine repacks at a time.
const fillPiece = 1 << 20

// fill packs all panels of s into data, which must be zero, and tells Options.Forget which bytes of the file are no longer
// needed. It uses as many goroutines as d has workers, but not the pool: models are loaded
// in the background while another one answers on the pool.
func (s *segment) fill(d *device, data []byte) {
	s.data = data
	n := d.pool.threads
	if u, ok := unpackers[s.source.Type]; ok && u.top != nil && !s.kind.float() {
		tops := make([]float32, s.panels)
		each(n, len(tops), func(p int) { tops[p] = s.peak(u.top, 32*p, min(32*p+32, s.rows)) })
		top := float32(0)
		for _, t := range tops {
			top = max(top, t)
		}
		s.scale = scaleFor(top)
	}
	row := s.source.Type.RowBytes(s.cols)
	step := max(1, fillPiece/(32*row)) // panels
	each(n, (s.panels+step-1)/step, func(i int) {
		w := packer{lv: d.lv}
		for p := i * step; p < min((i+1)*step, s.panels); p++ {
			s.pack(&w, p)
		}
		d.forgetAll(s.source.Data[i*step*32*row : min((i+1)*step*32, s.rows)*row])
	})
}

// each runs f(0) … f(count-1) on n goroutines and waits for them. A panic of f is raised again.
func each(n, count int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	var failed atomic.Pointer[failure]
	for range min(n, count) {
		wg.Go(func() {
			debug.SetPanicOnFault(true)
			defer func() {
				if v := recover(); v != nil {
					failed.CompareAndSwap(nil, &failure{v, debug.Stack()})
				}
			}()
			for i := int(next.Add(1)) - 1; i < count; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
	if f := failed.Load(); f != nil {
		f.again()
	}
}

// find returns the segment that contains row r.
func (m *matrix) find(r int) *segment {
	for _, s := range m.segments {
		if r < s.first+s.rows {
			return s
		}
	}
	panic("cpu: row out of range")
}

// Embed writes scale × row Tokens[i] of w to row i of dst. It dequantizes the row in the model's file.
func (s *step) Embed(dst kernels.Tensor, w kernels.Matrix, scale float32) {
	s.embed("Embed", dst, w, s.Batch.Tokens, scale)
}

// EmbedPositions writes row Positions[i] of w to row i of dst.
func (s *step) EmbedPositions(dst kernels.Tensor, w kernels.Matrix) {
	s.embed("EmbedPositions", dst, w, s.Batch.Positions, 1)
}

func (s *step) embed(op string, dst kernels.Tensor, w kernels.Matrix, ids []int32, scale float32) {
	s.Out(op, &dst)
	m := s.d.matrix(op, w)
	if dst.Cols != m.cols || dst.Rows != len(ids) {
		panic("cpu: " + op + ": shapes differ")
	}
	for _, id := range ids {
		if id < 0 || int(id) >= m.rows {
			panic("cpu: " + op + ": a row that the matrix does not have")
		}
	}
	s.d.protect(func() { m.rowsOf(dst, ids, scale) })
}

// lookedMost is after how many rows the pages of the model's file that lookups have touched are given back. The system maps hundreds of KiB around a page that is touched,
// so the rows of a few hundred different tokens would keep a whole table resident. Touching one again costs a page fault.
const lookedMost = 32

// rowsOf writes scale × row ids[i] to row i of dst.
func (m *matrix) rowsOf(dst kernels.Tensor, ids []int32, scale float32) {
	for i, id := range ids {
		part := m.find(int(id))
		row := dst.Row(i)
		quant.Dequantize(part.source.Type, row, part.row(int(id)-part.first))
		if scale != 1 {
			for c := range row {
				row[c] *= scale
			}
		}
		m.giveBack()
	}
}

// giveBack counts a row that was read in the model's file, and gives its pages back after lookedMost of them.
func (m *matrix) giveBack() {
	if m.looked++; m.looked < lookedMost {
		return
	}
	m.looked = 0
	for _, s := range m.segments {
		m.d.forgetAll(s.source.Data)
	}
}
