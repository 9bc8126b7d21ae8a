// Package record measures the inputs of matrix products: for each matrix of a model the sum of the squares of each column of its input, and
// the number of rows. These are the data of an importance matrix.
package record

import (
	"fmt"
	"math"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// Device passes all calls to another device, and records the inputs of the products of matrices whose weights have names. That device
// runs operations when they are called, on tensors in the memory of the process, as that of package cpu does.
type Device struct {
	kernels.Device
	inputs map[kernels.Matrix]*input
	probes map[[2]int]kernels.Matrix // by number of experts and columns, see expertsOf
	fault  error
}

// New returns a device that records the products of dev. It takes over dev.
func New(dev kernels.Device) *Device {
	return &Device{Device: dev, inputs: map[kernels.Matrix]*input{}, probes: map[[2]int]kernels.Matrix{}}
}

// Sums is what was recorded of the inputs of a matrix.
type Sums struct {
	Squares []float64 // [experts × columns]: the sum of the squares; without experts [columns]
	// Rows has the number of rows for each expert; without experts it has one number. Of a matrix by heads, each head is an expert.
	Rows []int64
}

// input is what was recorded for the tensors of a matrix.
type input struct {
	names []string
	Sums
}

// Load loads a matrix, whose products will be recorded if a part has a name.
func (d *Device) Load(parts ...kernels.Weights) (kernels.Matrix, error) {
	m, err := d.Device.Load(parts...)
	if err != nil {
		return nil, err
	}
	in := &input{}
	for i, w := range parts {
		if w.Name != "" && (i == 0 || w.Name != parts[i-1].Name) {
			in.names = append(in.names, w.Name)
		}
	}
	n := parts[0].Experts
	if len(in.names) == 0 || parts[0].Lookup {
		return m, nil
	}
	in.Squares, in.Rows = make([]float64, max(1, n)*m.Cols()), make([]int64, max(1, n))
	d.inputs[m] = in
	return m, d.loadProbe(n, m.Cols())
}

// probeCols is the largest number of columns of a probe.
const probeCols = 16

// loadProbe loads the matrix by which expertsOf finds the experts of rows of so many columns.
func (d *Device) loadProbe(experts, cols int) error {
	key := [2]int{experts, min(cols, probeCols)}
	if experts == 0 || d.probes[key] != nil {
		return nil
	}
	w := kernels.Weights{Type: quant.F32, Rows: 1, Cols: key[1], Experts: experts, Data: make([]byte, 4*experts*key[1])}
	for e := range experts {
		w.Bias = append(w.Bias, float32(e))
	}
	m, err := d.Device.Load(w)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	d.probes[key] = m
	return nil
}

// Recorded returns what was recorded since the device was opened, by the names of tensors. Rows of a tensor that are in several matrices are recorded with each.
// The error is that of a value that was infinite or not a number.
func (d *Device) Recorded() (map[string]Sums, error) {
	out := map[string]Sums{}
	for _, in := range d.inputs {
		for _, name := range in.names {
			if err := merge(out, name, in.Sums); err != nil {
				return nil, err
			}
		}
	}
	return out, d.fault
}

// merge adds s to the sums of a name.
func merge(all map[string]Sums, name string, s Sums) error {
	have, ok := all[name]
	if !ok {
		have = Sums{make([]float64, len(s.Squares)), make([]int64, len(s.Rows))}
	}
	if len(have.Squares) != len(s.Squares) || len(have.Rows) != len(s.Rows) {
		return fmt.Errorf("record: tensor %q belongs to matrices of %d and %d columns", name, len(have.Squares)/len(have.Rows), len(s.Squares)/len(s.Rows))
	}
	for i, x := range s.Squares {
		have.Squares[i] += x
	}
	for i, n := range s.Rows {
		have.Rows[i] += n
	}
	all[name] = have
	return nil
}

// add adds rows of x to the sums of an expert.
func (d *Device) add(in *input, x kernels.Tensor, expert int) {
	sums := in.Squares[expert*x.Cols:][:x.Cols]
	for r := range x.Rows {
		for i, v := range x.Row(r) {
			sums[i] += float64(v) * float64(v)
		}
	}
	in.Rows[expert] += int64(x.Rows)
	for _, v := range sums {
		if d.fault == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
			d.fault = fmt.Errorf("record: an input of tensor %q has values that are infinite or not numbers", in.names[0])
		}
	}
}
