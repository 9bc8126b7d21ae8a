package voice

// Ears holds at most one opened speech model, opened when it is first needed.

import (
	"context"
	"iter"
	"sync"

	"soberano/app/problem"
	"soberano/asr"
	"soberano/models/registry"
)

// ErrNoModel: the library has no speech model.
var ErrNoModel error = &problem.Problem{Code: problem.NoSpeechModel}

// Recogniser is an opened speech model: *asr.Model, or a scripted one in tests.
type Recogniser interface {
	Listen(context.Context, asr.Live, asr.Params) iter.Seq2[asr.Segment, error]
	Close() error
}

// Ears opens speech models. Its methods may be called from any goroutine.
type Ears struct {
	open func(registry.Entry, asr.Options) (Recogniser, error)
	pick func() (registry.Entry, asr.Options, error)

	mu    sync.Mutex // held while a model is opened or used
	model Recogniser
	entry string
	o     asr.Options
}

// NewEars is without a model. pick says which model to use; it is called from any goroutine.
func NewEars(open func(registry.Entry, asr.Options) (Recogniser, error), pick func() (registry.Entry, asr.Options, error)) *Ears {
	return &Ears{open: open, pick: pick}
}

// ready opens the model that pick names; the caller holds mu.
func (e *Ears) ready() error {
	entry, o, err := e.pick()
	if err != nil {
		return err
	}
	if e.model != nil && e.entry == entry.Name && e.o == o {
		return nil
	}
	if err := e.drop(); err != nil {
		return err
	}
	if e.model, err = e.open(entry, o); err != nil {
		e.model = nil
		return err
	}
	e.entry, e.o = entry.Name, o
	return nil
}

func (e *Ears) drop() error {
	m := e.model
	e.model = nil
	if m == nil {
		return nil
	}
	return m.Close()
}

// Warm opens the model ahead of its use.
func (e *Ears) Warm() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ready()
}

// Listen opens the model, if it is not yet, and listens.
func (e *Ears) Listen(ctx context.Context, src asr.Live, p asr.Params) iter.Seq2[asr.Segment, error] {
	return func(yield func(asr.Segment, error) bool) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if err := ctx.Err(); err != nil {
			yield(asr.Segment{}, err)
			return
		}
		if err := e.ready(); err != nil {
			yield(asr.Segment{}, err)
			return
		}
		for s, err := range e.model.Listen(ctx, src, p) {
			if !yield(s, err) {
				return
			}
		}
	}
}

// Close frees the model once nobody listens.
func (e *Ears) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.drop()
}
