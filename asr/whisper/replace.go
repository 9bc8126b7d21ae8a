package whisper

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"soberano/kernels"
)

// SetReplace has replace called when the device fails for the first time: a step fails, it computes values that are no numbers, or it has no
// memory for a slot. replace calls MoveTo with another device, or returns why there is none. The windows of all slots are then
// encoded again when they are needed, and decoding that is under way begins again, so every result is that of one device.
func (m *Model) SetReplace(replace func(cause error) error) { m.replace = replace }

// MoveTo loads the weights onto another device, which is used from then on. If it fails, the model stays where it is. The caller closes
// the device that is not used.
func (m *Model) MoveTo(dev kernels.Device) error {
	w, err := readWeights(m.file)
	if err != nil {
		return err
	}
	moved := *m
	moved.dev = dev
	if err = moved.load(w); err == nil {
		err = moved.reserve()
	}
	if err == nil {
		err = dev.Loaded()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", m.file.Path, err)
	}
	*m = moved
	m.moves++
	return nil
}

// recovered replaces the device after it has failed with cause. If it can't, it returns cause, and why.
func (m *Model) recovered(cause error) error {
	if m.replace == nil {
		return cause
	}
	replace := m.replace
	m.replace = nil
	if err := replace(cause); err != nil {
		m.failed = errors.Join(cause, err)
	}
	return m.failed
}

// onDevice brings the slot's window onto the device in use, unless it is there.
func (s *Slot) onDevice(ctx context.Context) error {
	if s.failed != nil {
		return s.failed
	}
	if s.cross == nil || s.moved != s.moves { // the states of a device that was replaced are closed with it
		if err := s.newStates(); err != nil {
			return err
		}
	}
	if s.present || s.mel == nil {
		return nil
	}
	t := time.Now()
	err := s.encode(ctx, s.mel, s.priority, nil)
	s.encoding, s.present = time.Since(t), err == nil
	return err
}

// withWindow runs f with the slot's window on the device, and again if the device fails and is replaced. The error is ctx's, or that of
// the device.
func (s *Slot) withWindow(ctx context.Context, f func() error) error {
	for {
		err := s.onDevice(ctx)
		if err == nil {
			err = f()
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		if err := s.recovered(err); err != nil {
			return err
		}
	}
}

// numbers returns kernels.ErrNotANumber if there is a NaN among values of a device that can be replaced.
func (m *Model) numbers(rows *kernels.Rows) error {
	for i := 0; m.replace != nil && i < rows.Len; i++ {
		for _, x := range rows.Row(i) {
			if math.IsNaN(float64(x)) {
				return kernels.ErrNotANumber
			}
		}
	}
	return nil
}
