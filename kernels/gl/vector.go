//go:build (linux || windows) && cgo

package gl

import (
	"fmt"
	"slices"

	"soberano/kernels"
)

// vector implements kernels.Vector. The host keeps a copy, from which the angles of rotary embeddings are computed.
type vector struct {
	d      *device
	x      []float32
	b      *buffer
	closed bool

	// If it holds the frequencies of a rotary embedding: which step has its angles at which place of its words.
	step  uint64
	scale float32
	axis  []uint8
	at    int
}

// NewVector copies values to the GPU.
func (d *device) NewVector(values []float32) (kernels.Vector, error) {
	if d.closed {
		return nil, errClosed
	}
	b, err := d.floats(values)
	if err != nil {
		return nil, fmt.Errorf("gl: NewVector: %w", err)
	}
	return &vector{d: d, x: slices.Clone(values), b: b}, nil
}

func (v *vector) Len() int     { return len(v.x) }
func (v *vector) Bytes() int64 { return int64(v.b.bytes) }

// Close frees the vector.
func (v *vector) Close() error {
	if v.closed || v.d.closed {
		v.closed = true
		return nil
	}
	v.closed = true
	return v.d.release(v.b)
}

// vector returns v as a vector of this device. It panics if v belongs to another device or is closed.
func (d *device) vector(op string, v kernels.Vector) *vector {
	x, ok := v.(*vector)
	switch {
	case !ok || x.d != d:
		panic("gl: " + op + ": a vector of another device")
	case x.closed:
		panic("gl: " + op + ": the vector is closed")
	}
	return x
}

// each returns a vector that has n values; v may be nil, and then the result is.
func (d *device) each(op string, v kernels.Vector, n int) *vector {
	if v == nil {
		return nil
	}
	x := d.vector(op, v)
	if len(x.x) != n {
		panic("gl: " + op + ": shapes differ")
	}
	return x
}
