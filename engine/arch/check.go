package arch

import (
	"errors"

	"soberano/kernels"
)

// CheckDevice returns a device that checks the numbers of weights as every device does and keeps only
// their sizes. The matrices of a file are not read. It has no states and runs no steps.
func CheckDevice() kernels.Device { return checkDevice{} }

type checkDevice struct{}

func (checkDevice) Name() string  { return "check" }
func (checkDevice) Close() error  { return nil }
func (checkDevice) Loaded() error { return nil }

func (checkDevice) Load(parts ...kernels.Weights) (kernels.Matrix, error) {
	if err := kernels.CheckParts(parts); err != nil {
		return nil, err
	}
	m := checkedMatrix{cols: parts[0].Cols}
	for _, p := range parts {
		m.rows += p.Rows
	}
	return m, nil
}

func (checkDevice) NewVector(values []float32) (kernels.Vector, error) {
	return checkedVector(len(values)), nil
}

func (checkDevice) NewState(kernels.StateShape) (kernels.State, error) {
	return nil, errors.New("the device that checks files has no states")
}

func (checkDevice) Begin(*kernels.Batch) kernels.Step {
	panic("engine: the device that checks files runs no steps")
}

// checkedMatrix is the size of a matrix.
type checkedMatrix struct{ rows, cols int }

func (m checkedMatrix) Rows() int  { return m.rows }
func (m checkedMatrix) Cols() int  { return m.cols }
func (checkedMatrix) Bytes() int64 { return 0 }
func (checkedMatrix) Close() error { return nil }

// checkedVector is the length of a vector.
type checkedVector int

func (v checkedVector) Len() int   { return int(v) }
func (checkedVector) Bytes() int64 { return 0 }
func (checkedVector) Close() error { return nil }
