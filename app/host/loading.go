package host

import (
	"context"

	"soberano/kernels"
	"soberano/models"
)

// loadingDevice is the device of a model that is being loaded: it counts the loaded weights, and refuses to load more after the load
// was cancelled.
type loadingDevice struct {
	kernels.Device
	ctx         context.Context
	report      func(share float64)
	done, total int64 // bytes of weights
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
	m, err := d.Device.Load(parts...)
	for _, p := range parts {
		d.done += int64(len(p.Data))
	}
	if d.total > 0 {
		d.report(min(1, float64(d.done)/float64(d.total))) // weights may be loaded twice
	}
	return m, err
}
