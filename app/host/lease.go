package host

import (
	"context"
	"io"
	"sync"
	"time"

	"soberano/engine"
	"soberano/models/registry"
)

// Settings say how a model is opened. Zero values mean the default.
type Settings struct {
	Context int       // tokens of prompt and answer together, for a chat model; 0: the engine's default
	Threads int       // 0: chosen by the number of the machine's cores
	KV      engine.KV // how a chat model's keys and values are stored on the CPU
	Exact   bool      // float32 weights, activations and cache throughout
	// GPU says whether, and which part of, a model runs on a GPU.
	GPU GPUUse
	// Anyway opens a model even if it may not fit into the memory, after idle models were closed. It does not distinguish opened models.
	Anyway bool
}

// Open opens the model of an entry. It calls report with the finished share, from 0 to 1, and returns early with an error when ctx
// ends.
type Open[M io.Closer] func(ctx context.Context, e registry.Entry, s Settings, report func(share float64)) (M, error)

// Models opens models of one kind in a Host.
type Models[M io.Closer] struct {
	// Idle is how long an unused model stays open; 0: until its memory is needed. It must be set before the first Acquire.
	Idle time.Duration

	host *Host
	open Open[M]
	size func(M) int64
}

// NewModels returns the models that open opens. size returns the bytes that an opened model uses; nil: the estimate made before it
// was opened.
func NewModels[M io.Closer](h *Host, open Open[M], size func(M) int64) *Models[M] {
	return &Models[M]{host: h, open: open, size: size}
}

// Lease is one use of an opened model.
type Lease[M io.Closer] struct {
	Model M // must not be closed, nor used after Release

	host *Host
	m    *model
	once sync.Once
}

// Context returns a context that ends with parent, or when the model is to be closed: then its cause is ErrRemoved or ErrClosed,
// and the lease must be released soon.
func (l *Lease[M]) Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	stop := context.AfterFunc(l.m.ctx, func() { cancel(context.Cause(l.m.ctx)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// Grow counts more bytes for the model, as for an adapter that is loaded beside it, or fewer if bytes is negative. Idle models are closed to make room. The error is a *MemoryError.
func (l *Lease[M]) Grow(bytes int64) error { return l.host.grow(l.m.key, l.m.title, bytes) }

// Release ends the use. It may be called more than once.
func (l *Lease[M]) Release() { l.once.Do(func() { l.host.release(l.m) }) }

// Acquire returns a lease on the model of an entry; the lease must be released. It opens the model if it is not open; callers that
// ask for the same model meanwhile share the load. An idle model with other settings is opened again; a model in use is shared with
// its present settings.
//
// While Acquire waits it calls report, which may be nil, with the finished share of the load. ctx ends the wait; a load for which
// no caller waits is cancelled. The error is that of ctx, a *MemoryError, ErrRemoved, ErrClosed, or that of opening the file, which
// all waiting callers get. A failed load may be tried again.
func (s *Models[M]) Acquire(ctx context.Context, e registry.Entry, o Settings, report func(share float64)) (*Lease[M], error) {
	open := func(m *model) (io.Closer, int64, error) {
		v, err := s.open(m.ctx, e, o, m.share.set)
		if err != nil {
			return nil, 0, err // a nil M in an interface would not be nil
		}
		bytes := m.bytes
		if s.size != nil {
			bytes = s.size(v)
		}
		return v, bytes, nil
	}
	m, err := s.host.acquire(ctx, request{e, o, open, s.Idle, false}, report)
	if err != nil {
		return nil, err
	}
	return &Lease[M]{Model: m.value.(M), host: s.host, m: m}, nil
}
