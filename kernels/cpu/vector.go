package cpu

import (
	"errors"

	"soberano/kernels"
)

// vector implements kernels.Vector.
type vector struct {
	d      *device
	x      []float32
	turns  []turns // tables of its rotations, if it holds the frequencies of a RoPE; see rope.go
	closed bool
}

// NewVector copies values.
func (d *device) NewVector(values []float32) (kernels.Vector, error) {
	if d.closed {
		return nil, errClosed
	}
	v := &vector{d: d, x: alignedF32(len(values))}
	copy(v.x, values)
	return v, nil
}

// errClosed is the error of Load, NewVector and NewState on a closed device.
var errClosed = errors.New("cpu: the device is closed")

func (v *vector) Len() int     { return len(v.x) }
func (v *vector) Bytes() int64 { return 4 * int64(len(v.x)) }

func (v *vector) Close() error {
	*v = vector{d: v.d, closed: true}
	return nil
}

// vector returns v as a vector of this device. It panics if v belongs to another device or is closed.
func (d *device) vector(op string, v kernels.Vector) *vector {
	x, ok := v.(*vector)
	switch {
	case !ok || x.d != d:
		panic("cpu: " + op + ": a vector of another device")
	case x.closed:
		panic("cpu: " + op + ": the vector is closed")
	}
	return x
}

func (d *device) values(op string, v kernels.Vector) []float32 { return d.vector(op, v).x }
