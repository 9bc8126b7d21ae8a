package host

import (
	"context"
	"io"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"soberano/models/registry"
)

// reportEvery is the interval between two reports of a load's progress.
const reportEvery = 100 * time.Millisecond

// progress is the finished share of a load, from 0 to 1.
type progress struct{ bits atomic.Uint64 }

func (p *progress) set(share float64) { p.bits.Store(math.Float64bits(share)) }
func (p *progress) get() float64      { return math.Float64frombits(p.bits.Load()) }

// opener opens the model and returns the bytes that it uses.
type opener func(*model) (io.Closer, int64, error)

// request is what a caller asks for.
type request struct {
	entry    registry.Entry
	settings Settings
	open     opener
	idle     time.Duration // see Models.Idle
	anyway   bool          // that of settings, in which it is not set
}

// acquire returns the open model of an entry, with one more user.
func (h *Host) acquire(ctx context.Context, r request, report func(float64)) (*model, error) {
	if report == nil {
		report = func(float64) {}
	}
	r.anyway, r.settings.Anyway = r.settings.Anyway, false
	evicted := int64(0)
	for {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		w := &waiter{ctx: ctx}
		m, wait, err := h.step(w, r, &evicted)
		switch {
		case err != nil:
			return nil, err
		case wait == nil:
			if err := h.await(w, m, report); err != nil {
				return nil, err
			}
			return m, nil
		}
		report(0)
		select {
		case <-wait:
		case <-ctx.Done():
		}
	}
}

// step does what is possible without waiting to get an entry's model. It returns the model, which the caller then uses or waits
// for, or a channel to wait for before the next step.
func (h *Host) step(w *waiter, r request, evicted *int64) (*model, <-chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, nil, ErrClosed
	}
	h.disturbTrial()
	if h.trials.lent != nil {
		return nil, h.trials.lent, nil
	}
	m := h.models[keyOf(r.entry)]
	switch {
	case m == nil:
		return h.begin(w, r, evicted)
	case m.state == closing:
		return nil, m.gone, nil
	case m.state == loading && m.settings != r.settings:
		return nil, m.ready, nil
	case m.state == loading:
		m.waiters = append(m.waiters, w)
		return m, nil, nil
	case m.settings != r.settings && m.users == 0:
		h.close(m)
		return nil, m.gone, nil
	}
	m.users++
	w.user = true
	h.uses++
	m.used = h.uses
	return m, nil, nil
}

// begin starts the load of a model, or the closing of an idle model whose memory it needs. The caller
// holds mu.
func (h *Host) begin(w *waiter, r request, evicted *int64) (*model, <-chan struct{}, error) {
	needs := estimate(r.entry, r.settings)
	wait, err := h.room(r.entry.Title, needs, r.anyway, evicted)
	if wait != nil || err != nil {
		return nil, wait, err
	}
	m := &model{key: keyOf(r.entry), title: r.entry.Title, settings: r.settings, keep: r.idle, bytes: needs, waiters: []*waiter{w}, ready: make(chan struct{}), gone: make(chan struct{})}
	m.ctx, m.cancel = context.WithCancelCause(context.Background())
	h.models[m.key] = m
	h.all.Add(1)
	go h.load(m, r)
	return m, nil, nil
}

// load opens m. The callers that wait for it become its users, or get the error.
func (h *Host) load(m *model, r request) {
	value, bytes, err := r.opened(m)
	h.mu.Lock()
	if err == nil && m.ctx.Err() == nil {
		m.value, m.bytes, m.state = value, bytes, opened
		for _, w := range m.waiters {
			if w.user = w.ctx.Err() == nil; w.user {
				m.users++
			}
		}
		m.waiters = nil
		h.uses++
		m.used = h.uses
		close(m.ready)
		h.rest(m)
		h.mu.Unlock()
		return
	}
	m.err = err
	if m.ctx.Err() != nil {
		m.err = context.Cause(m.ctx)
	}
	m.state = closing
	close(m.ready)
	h.mu.Unlock()
	h.free(m, value)
}

// await waits for the load of m as w, which then is a user of m unless there is an error.
func (h *Host) await(w *waiter, m *model, report func(float64)) error {
	h.watch(w.ctx, m, report)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case m.state == loading: // ctx has ended
		m.waiters = slices.DeleteFunc(m.waiters, func(other *waiter) bool { return other == w })
		if len(m.waiters) == 0 {
			h.end(m, context.Canceled)
		}
	case m.err != nil:
		return m.err
	case w.user:
		return nil
	}
	return w.ctx.Err()
}

// watch reports progress until the load or ctx has ended.
func (h *Host) watch(ctx context.Context, m *model, report func(float64)) {
	t := time.NewTicker(reportEvery)
	defer t.Stop()
	for {
		select {
		case <-m.ready:
			return
		default:
			report(m.share.get())
		}
		select {
		case <-m.ready:
			return
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
