package host

import (
	"context"
	"io"
	"runtime"
	"runtime/debug"

	"soberano/kernels"
	"soberano/models"
	"soberano/models/registry"
)

// loadingDevice is the device of a model that is being loaded: it counts the loaded weights, and refuses to load more after the load
// was cancelled.
type loadingDevice struct {
	kernels.Device
	ctx         context.Context
	report      func(share float64)
	done, total int64 // bytes of weights
	block       *int  // is set to the last block of the network of which weights were to be loaded, from 1 on; it may be nil
}

func newLoadingDevice(ctx context.Context, d kernels.Device, f *models.File, report func(share float64)) *loadingDevice {
	l := &loadingDevice{Device: d, ctx: ctx, report: report}
	for _, t := range f.Tensors {
		l.total += int64(len(t.Data))
	}
	return l
}

// Load loads a matrix, unless the load is cancelled.
func (d *loadingDevice) Load(parts ...kernels.Weights) (kernels.Matrix, error) {
	if err := d.ctx.Err(); err != nil {
		return nil, err
	}
	if d.block != nil && len(parts) > 0 {
		*d.block = max(*d.block, parts[0].Block)
	}
	m, err := d.Device.Load(parts...)
	for _, p := range parts {
		d.done += int64(len(p.Data))
	}
	if d.total > 0 {
		d.report(min(1, float64(d.done)/float64(d.total))) // weights may be loaded twice
	}
	return m, err
}

// BatchInvariant implements kernels.BatchInvariant.
func (d *loadingDevice) BatchInvariant() bool {
	b, ok := d.Device.(kernels.BatchInvariant)
	return ok && b.BatchInvariant()
}

// Loaded ends the load: what is loaded later, as for a device that replaces another, is not cancelled with it.
func (d *loadingDevice) Loaded() error {
	d.ctx = context.Background()
	return d.Device.Loaded()
}

// lost returns a cpu.Options.Lost for the files of e. When one can't be read any longer, the model is closed as soon as it is not in
// use, and the contexts of its leases end with the error.
func (h *Host) lost(e registry.Entry) func(addr uintptr) error {
	return func(addr uintptr) error {
		if !models.Mapped(addr) {
			return nil
		}
		err := models.Lost(e.Path())
		h.mu.Lock()
		defer h.mu.Unlock()
		if m := h.models[keyOf(e)]; m != nil {
			h.end(m, err)
		}
		return err
	}
}

// opened opens the model. A file that can't be read any longer while it is being opened is an error.
func (r request) opened(m *model) (value io.Closer, bytes int64, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		f, ok := v.(interface {
			runtime.Error
			Addr() uintptr
		})
		switch {
		case ok && models.Mapped(f.Addr()):
			err = models.Lost(r.entry.Path())
		case ok: // the mapping may have ended while the panic went up
			err = r.entry.Unchanged(context.WithoutCancel(m.ctx), nil)
		}
		if err == nil {
			panic(v)
		}
	}()
	return r.open(m)
}
