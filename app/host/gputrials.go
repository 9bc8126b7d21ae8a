package host

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"soberano/engine"
	"soberano/models/registry"
)

// restBefore is for how long no model was used before a model is tried on a GPU.
const restBefore = 10 * time.Second

// trials are the trials of models on a GPU that wait until the person is idle. One that is under way when a model is asked for ends, and begins again
// later. The Host's mutex guards the fields.
type trials struct {
	waiting []trial
	running bool
	disturb context.CancelFunc // ends the trial that is under way; nil: there is none
	ended   chan struct{}      // closed when no further one is run; nil: none was
	lent    chan struct{}      // closed when the model that a trial uses is free again; nil: a trial uses none
}

// trial tries the model of a key.
type trial struct {
	key string
	run func(ctx context.Context)
}

// seat is where a model is used that is on the CPU.
type seat[M io.Closer] interface {
	// borrow lends the model until release is called or the context ends. ok is false if it is closed or in use.
	borrow(ctx context.Context) (m M, lent context.Context, release func(), ok bool)
	// put puts m, which is on a GPU, in its place and closes the model that was there. done is false if that is closed or in use; then m is closed.
	put(ctx context.Context, m M) (done bool, err error)
}

// tryLater has the model m, which was opened on the CPU, tried on a GPU as soon as the person is idle, and replaced by it if it is better there.
func (o opening[M]) tryLater(m M) {
	o.place, o.untried, o.report = o.seat(m), nil, func(float64) {}
	o.h.tryIdle(trial{string(o.e.Kind) + " " + o.e.Name + " " + string(o.trial), func(ctx context.Context) {
		_, _, release, ok := o.place.borrow(ctx)
		if !ok {
			return
		}
		release()
		m, ok, err := o.onChosen(ctx)
		if f, isGPU := errors.AsType[*GPUError](err); isGPU {
			o.h.gpus.fail(f)
		}
		if err != nil || !ok {
			return
		}
		device := o.device(m)
		done, err := o.place.put(ctx, m)
		if o.h.keep(err); done {
			o.h.tell(o.e, device)
		}
	}})
}

// tryIdle has t run as soon as the person is idle, in the place of one of its key that waits: that is of other settings, or was closed.
func (h *Host) tryIdle(t trial) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := 0
	if h.trials.disturb != nil {
		first = 1 // the other one is under way
	}
	same := func(other trial) bool { return other.key == t.key }
	if i := slices.IndexFunc(h.trials.waiting[first:], same); i >= 0 {
		h.trials.waiting[first+i] = t
	} else {
		h.trials.waiting = append(h.trials.waiting, t)
	}
	if !h.trials.running && !h.closed {
		h.trials.running, h.trials.ended = true, make(chan struct{})
		go h.runTrials(h.trials.ended)
	}
}

// runTrials runs the trials that wait, and closes ended.
func (h *Host) runTrials(ended chan<- struct{}) {
	defer close(ended)
	for {
		ctx, t, wait := h.nextTrial()
		switch {
		case wait > 0:
			select {
			case <-time.After(wait):
			case <-h.ending.Done():
			}
			continue
		case ctx == nil:
			return
		}
		t.run(ctx)
		h.mu.Lock()
		if ctx.Err() == nil {
			h.trials.waiting = h.trials.waiting[1:]
		}
		h.trials.disturb()
		h.trials.disturb = nil
		h.mu.Unlock()
	}
}

// nextTrial returns the trial to run now, or for how long to wait before the next call, or neither if there is none.
func (h *Host) nextTrial() (ctx context.Context, t trial, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.trials.waiting) == 0 {
		h.trials.running = false
		return nil, t, 0
	}
	for _, m := range h.models {
		if m.state == loading || m.users > 0 {
			return nil, t, h.quiet
		}
	}
	if wait = h.quiet - time.Since(h.lastUse); wait > 0 {
		return nil, t, wait
	}
	ctx, h.trials.disturb = context.WithCancel(h.ending)
	return ctx, h.trials.waiting[0], 0
}

// disturbTrial ends the trial that is under way, since a model is asked for. The caller holds mu.
func (h *Host) disturbTrial() {
	h.lastUse = time.Now()
	if h.trials.disturb != nil {
		h.trials.disturb()
	}
}

// keep keeps the error of closing a model, which Close returns.
func (h *Host) keep(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errs = errors.Join(h.errs, err)
}

// tell calls Options.Moved.
func (h *Host) tell(e registry.Entry, device string) {
	h.mu.Lock()
	moved := h.moved
	h.mu.Unlock()
	if moved != nil {
		moved(e, device)
	}
}

// TellMoved sets Options.Moved.
func (h *Host) TellMoved(moved func(e registry.Entry, device string)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.moved = moved
}

// hostSeat is the seat of a model that a Host has opened with some settings.
type hostSeat[M io.Closer] struct {
	h        *Host
	key      key
	settings Settings
}

// at returns the model, and nil if it is closed or in use. The caller holds the Host's mutex.
func (s *hostSeat[M]) at() *model {
	if m := s.h.models[s.key]; m != nil && m.idle() && m.settings == s.settings {
		return m
	}
	return nil
}

func (s *hostSeat[M]) borrow(ctx context.Context) (m M, lent context.Context, release func(), ok bool) {
	h := s.h
	h.mu.Lock()
	defer h.mu.Unlock()
	at := s.at()
	if at == nil {
		return m, nil, nil, false
	}
	if m, ok = at.value.(M); !ok {
		return m, nil, nil, false
	}
	at.users++
	back := make(chan struct{})
	h.trials.lent = back
	lent, stop := context.WithCancel(ctx)
	unwatch := context.AfterFunc(at.ctx, stop)
	return m, lent, func() {
		unwatch()
		stop()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.trials.lent = nil
		close(back)
		h.returned(at)
	}, true
}

func (s *hostSeat[M]) put(ctx context.Context, m M) (bool, error) {
	s.h.mu.Lock()
	at := s.at()
	if at == nil || ctx.Err() != nil {
		s.h.mu.Unlock()
		return false, m.Close()
	}
	old := at.value
	at.value = m
	s.h.mu.Unlock()
	return true, old.Close()
}

// visionSeat is the seat of a vision encoder, which its language model holds.
type visionSeat struct{ v *engine.Vision }

func (s visionSeat) borrow(ctx context.Context) (*engine.Vision, context.Context, func(), bool) {
	return s.v, ctx, func() {}, !s.v.Closed()
}

func (s visionSeat) put(ctx context.Context, v *engine.Vision) (bool, error) { return s.v.Adopt(v) }
