package split

import (
	"errors"
	"fmt"

	"soberano/kernels"
)

// Side says on which of the two devices something is.
type Side int8

const (
	First  Side = iota // Options.Devices[0]
	Second             // Options.Devices[1]
	Both               // on both: whichever reads it
)

// sides is the number of devices.
const sides = 2

// Options are the options of a device.
type Options struct {
	// Devices are the devices, which the new one takes over.
	Devices [sides]kernels.Device
	// Place says where a matrix is to be. Matrices for lookup are on both devices in any case.
	Place func(w kernels.Weights) Side
	// Name is the name of the device.
	Name string
}

// device implements kernels.Device.
type device struct {
	o      Options
	closed bool
	step   *step
	places places
	images [][]float32 // of the tensors that travel, by their number in a step
}

// New returns a device that divides a network between two others.
func New(o Options) kernels.Device {
	return &device{o: o, step: &step{}}
}

// Name returns Options.Name.
func (d *device) Name() string { return d.o.Name }

// Close closes both devices.
func (d *device) Close() error {
	d.closed = true
	d.step.end()
	return errors.Join(d.o.Devices[First].Close(), d.o.Devices[Second].Close())
}

// Loaded tells both devices that the model is complete.
func (d *device) Loaded() error {
	return errors.Join(d.o.Devices[First].Loaded(), d.o.Devices[Second].Loaded())
}

// matrix implements kernels.Matrix.
type matrix struct {
	d     *device
	side  Side
	parts [sides]kernels.Matrix // nil where it is not
}

// Load loads a matrix onto the device where it is to be.
func (d *device) Load(parts ...kernels.Weights) (kernels.Matrix, error) {
	if d.closed {
		return nil, errClosed
	}
	if err := kernels.CheckParts(parts); err != nil {
		return nil, fmt.Errorf("split: Load: %w", err)
	}
	m := &matrix{d: d, side: Both}
	if !parts[0].Lookup {
		m.side = d.o.Place(parts[0])
	}
	for i, dev := range d.o.Devices {
		if m.side != Both && m.side != Side(i) {
			continue
		}
		x, err := dev.Load(parts...)
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		m.parts[i] = x
	}
	return m, nil
}

// any returns the part on one of the devices.
func (m *matrix) any() kernels.Matrix {
	if m.parts[First] != nil {
		return m.parts[First]
	}
	return m.parts[Second]
}

func (m *matrix) Rows() int { return m.any().Rows() }
func (m *matrix) Cols() int { return m.any().Cols() }

// Bytes returns the memory on both devices.
func (m *matrix) Bytes() (sum int64) {
	for _, p := range m.parts {
		if p != nil {
			sum += p.Bytes()
		}
	}
	return sum
}

// Close frees the matrix.
func (m *matrix) Close() (err error) {
	for _, p := range m.parts {
		if p != nil {
			err = errors.Join(err, p.Close())
		}
	}
	return err
}

// vector implements kernels.Vector.
type vector struct {
	d     *device
	parts [sides]kernels.Vector
}

// NewVector copies values to both devices.
func (d *device) NewVector(values []float32) (kernels.Vector, error) {
	if d.closed {
		return nil, errClosed
	}
	v := &vector{d: d}
	for i, dev := range d.o.Devices {
		x, err := dev.NewVector(values)
		if err != nil {
			return nil, errors.Join(err, v.Close())
		}
		v.parts[i] = x
	}
	return v, nil
}

func (v *vector) Len() int { return v.parts[First].Len() }

// Bytes returns the memory on both devices.
func (v *vector) Bytes() int64 { return v.parts[First].Bytes() + v.parts[Second].Bytes() }

// Close frees the vector.
func (v *vector) Close() (err error) {
	for _, p := range v.parts {
		if p != nil {
			err = errors.Join(err, p.Close())
		}
	}
	return err
}

// errClosed is the error of everything after Close.
var errClosed = errors.New("split: the device is closed")
