package kernels

import "errors"

// Checker is a device that checks whether a model can be opened: it checks the dimensions of weights as
// every device does, and keeps only their sizes. It has no states, and Begin panics. The zero value
// is ready to use.
type Checker struct{}

// Name returns "check".
func (Checker) Name() string { return "check" }

// Close does nothing.
func (Checker) Close() error { return nil }

// Loaded does nothing.
func (Checker) Loaded() error { return nil }

// Load checks parts as every device does and returns a matrix without values.
func (Checker) Load(parts ...Weights) (Matrix, error) {
	if err := CheckParts(parts); err != nil {
		return nil, err
	}
	m := checkedMatrix{cols: parts[0].Cols}
	for _, p := range parts {
		m.rows += p.Rows
	}
	return m, nil
}

// NewVector returns a vector without values.
func (Checker) NewVector(values []float32) (Vector, error) {
	return checkedVector(len(values)), nil
}

// NewState fails.
func (Checker) NewState(StateShape) (State, error) {
	return nil, errors.New("the device that checks files has no states")
}

// Begin panics.
func (Checker) Begin(*Batch) Step {
	panic("kernels: the device that checks files runs no steps")
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
