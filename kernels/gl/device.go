//go:build (linux || windows) && cgo

package gl

import (
	"fmt"
	"sync"

	"soberano/kernels"
	"soberano/kernels/contract"
	"soberano/kernels/quant"
)

// Options are the options of a device.
type Options struct {
	// GPU is the context to use. Several devices may share it, and it must outlive them.
	GPU *GPU
	// Memory limits the bytes of GPU memory that the device takes; 0 stands for no limit.
	Memory int64
	// Exact keeps keys and values in float32 instead of float16, for comparisons with reference values.
	Exact bool
}

// device implements kernels.Device.
type device struct {
	gpu    *GPU
	exact  bool
	closed bool
	steps  [contract.StepsKept]step
	step   int // index of the latest of steps
	arena  arena
	up     *buffer   // what a step uploads
	down   *buffer   // what a step reads
	host   []uint32  // what the latest step has read
	rows   []float32 // the same memory
	row    []float32 // a row of an embedding
	grids  map[quant.Type]*buffer
	pace   float64 // multiplications in dispatchTime; see paced

	mu      sync.Mutex // guards the following
	memory  int64
	held    int64
	buffers map[*buffer]struct{}

	pages pages
}

// New returns a device.
func New(o Options) (kernels.Device, error) {
	o.GPU.chooseVariants()
	return o.open()
}

// open returns a device that uses the variants of kernels that its GPU has chosen so far.
func (o Options) open() (kernels.Device, error) {
	d := &device{gpu: o.GPU, exact: o.Exact, memory: o.Memory, buffers: map[*buffer]struct{}{}, grids: map[quant.Type]*buffer{}, pages: pages{mostIdle: mostIdle}, pace: o.GPU.firstWork}
	for i := range d.steps {
		d.steps[i].d = d
	}
	if err := d.gpu.do(func(context) error { return nil }); err != nil {
		return nil, err
	}
	return d, nil
}

// Name returns a description for people: "NVIDIA GeForce RTX 3060, OpenGL".
func (d *device) Name() string { return d.gpu.info.Renderer + ", OpenGL" }

// Loaded does nothing: the weights are on the GPU as they are in the file.
func (d *device) Loaded() error { return nil }

// Close frees the device's memory.
func (d *device) Close() error {
	if d.closed {
		return nil
	}
	d.closed = true
	all := make([]*buffer, 0, len(d.buffers))
	for b := range d.buffers {
		all = append(all, b)
	}
	if err := d.release(all...); err != nil {
		return fmt.Errorf("gl: Close: %w", err)
	}
	return nil
}
