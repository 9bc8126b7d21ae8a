//go:build !(linux || windows) || !cgo

package gl

import (
	"fmt"

	"soberano/kernels"
)

// errNone is the error of everything: only builds with cgo for Linux and Windows have a device.
var errNone = fmt.Errorf("%w: this build can't use it", ErrUnavailable)

// Built reports whether this build can use GPUs.
const Built = false

// GPU is an OpenGL context.
type GPU struct{}

// Options are the options of a device.
type Options struct {
	GPU    *GPU
	Memory int64
	Exact  bool
}

// Info returns nothing.
func (*GPU) Info() Info { return Info{} }

// Variants returns nothing.
func (*GPU) Variants() (string, []error) { return "", nil }

// Close does nothing.
func (*GPU) Close() error { return nil }

// Open fails.
func Open(int) (*GPU, error) { return nil, errNone }

// New fails.
func New(Options) (kernels.Device, error) { return nil, errNone }

// Check fails.
func Check(*GPU) error { return errNone }

// List fails.
func List() ([]Found, error) { return nil, errNone }
