//go:build (linux || windows) && cgo

package gl

import (
	"fmt"
	"time"

	"soberano/kernels"
)

// Limits is what a card reaches with kernels that do nothing but read memory, or multiply and add in float32.
type Limits struct {
	BytesPerSecond      float64 `json:"bytes_per_second"`
	OperationsPerSecond float64 `json:"operations_per_second"` // a multiplication and an addition are two
	StepSeconds         float64 `json:"step_seconds"`          // of a step with one small dispatch
}

// Measure measures the limits of a device of this package, with a buffer of so many bytes: more than its caches hold.
func Measure(d kernels.Device, bytes int) (Limits, error) {
	dev, ok := d.(*device)
	if !ok {
		return Limits{}, fmt.Errorf("%w: a device of another package", ErrUnsupported)
	}
	bytes = min(bytes, 4*dev.gpu.most) &^ 15
	b, err := dev.allocate(bytes)
	if err != nil {
		return Limits{}, err
	}
	var l Limits
	const all = 4096 // work groups
	reading, err := dev.fastest(b, 0, bytes/16, all)
	if err == nil {
		l.BytesPerSecond = float64(bytes) / reading
		l.StepSeconds, err = dev.fastest(b, 1, 1, 1)
	}
	if err == nil {
		const steps = 512
		var seconds float64
		seconds, err = dev.fastest(b, 1, steps, all)
		l.OperationsPerSecond = 2 * 16 * steps * all * local / seconds
	}
	if freed := dev.release(b); err == nil {
		err = freed
	}
	return l, err
}

// fastest returns the seconds of the fastest of some steps with a dispatch of measure.glsl.
func (d *device) fastest(b *buffer, option, n, all int) (seconds float64, err error) {
	for round := range 6 { // the first compiles the shader
		start := time.Now()
		st := d.Begin(nil).(*step)
		t := st.New(1, 1)
		st.run(program{kernel: "measure", option: option}, groups{all, 1, 1}, []*buffer{b, bufferOf(&t)}, n)
		if err := st.End(); err != nil {
			return 0, err
		}
		if took := time.Since(start).Seconds(); round == 1 || round > 1 && took < seconds {
			seconds = took
		}
	}
	return seconds, nil
}
