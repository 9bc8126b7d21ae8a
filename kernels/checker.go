package kernels

import "errors"

// Checker is a device that checks whether a model can be opened: it checks the dimensions of weights as
// every device does, and keeps only their sizes. It has no states, and Begin panics. The zero value
// is ready to use.
type Checker struct {
	// Size returns the memory that another device would need for a part of a matrix, so that Matrix.Bytes has that of the
	// matrix; nil: 0 bytes.
	Size func(Weights) int64
}

// Name returns "check".
func (Checker) Name() string { return "check" }

// Close does nothing.
func (Checker) Close() error { return nil }

// Loaded does nothing.
func (Checker) Loaded() error { return nil }

// Load checks parts as every device does and returns a matrix without values.
func (c Checker) Load(parts ...Weights) (Matrix, error) {
	if err := CheckParts(parts); err != nil {
		return nil, err
	}
	m := checkedMatrix{cols: parts[0].Cols}
	for _, p := range parts {
		if m.rows += p.Rows; c.Size != nil {
			m.bytes += c.Size(p)
		}
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
type checkedMatrix struct {
	rows, cols int
	bytes      int64
}

func (m checkedMatrix) Rows() int    { return m.rows }
func (m checkedMatrix) Cols() int    { return m.cols }
func (m checkedMatrix) Bytes() int64 { return m.bytes }
func (checkedMatrix) Close() error   { return nil }

// checkedVector is the length of a vector.
type checkedVector int

func (v checkedVector) Len() int     { return int(v) }
func (v checkedVector) Bytes() int64 { return 4 * int64(v) }
func (checkedVector) Close() error   { return nil }
