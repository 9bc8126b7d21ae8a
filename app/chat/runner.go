package chat

import (
	"context"
	"errors"
	"iter"
	"sync"

	"soberano/app/host"
	"soberano/engine"
	"soberano/models/registry"
)

// Model is an opened language model: *engine.Model, or a scripted one in tests.
type Model interface {
	Info() engine.Info
	Generate(context.Context, engine.Request) iter.Seq2[engine.Piece, error]
	Close() error
}

// Models opens chat models: *host.Models[Model].
type Models interface {
	Acquire(context.Context, registry.Entry, host.Settings, func(share float64)) (*host.Lease[Model], error)
}

// Phase is the state of the chosen model.
type Phase int

// The phases.
const (
	NoModel Phase = iota
	Loading
	Ready
	Broken
)

// Status is the state of the chosen model.
type Status struct {
	Phase Phase
	Entry registry.Entry
	Share float64     // of the loading, in phase Loading
	Info  engine.Info // in phase Ready
	Err   error       // in phase Broken
}

// errSwitched ends an answer if another model needs the memory.
var errSwitched = errors.New("chat: another model was chosen")

// Runner manages the chosen model. Questions wait until a model is ready; then they are answered at the same time. If another
// model is chosen, an answer that is being written continues, unless there is not enough memory for both models.
type Runner struct {
	models   Models
	onStatus func(Status) // called from any goroutine

	mu       sync.Mutex
	status   Status
	settings host.Settings
	choice   *choice
	earlier  []*choice     // those that are still writing answers
	changed  chan struct{} // closed and replaced at each change of status
	closed   bool
	loading  sync.WaitGroup
}

// choice is a model for the time in which it is the chosen one. The Runner's mutex guards its fields.
type choice struct {
	ctx     context.Context // ends when another model is chosen
	cancel  context.CancelFunc
	answers context.Context // ends with errSwitched if another model needs the memory
	end     context.CancelCauseFunc
	writing int           // number of answers being written
	done    chan struct{} // closed when answers has ended and no answer is being written
}

func newChoice() *choice {
	c := &choice{done: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.answers, c.end = context.WithCancelCause(context.Background())
	return c
}

// settle closes done if its condition is met.
func (c *choice) settle() {
	if c.writing > 0 || c.answers.Err() == nil {
		return
	}
	select {
	case <-c.done:
	default:
		close(c.done)
	}
}

// NewRunner returns a Runner without a model.
func NewRunner(models Models, onStatus func(Status)) *Runner {
	return &Runner{models: models, onStatus: onStatus, choice: newChoice(), changed: make(chan struct{})}
}

// Status returns the chosen model and its phase.
func (r *Runner) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Use chooses a model and opens it in the background. If only the settings differ, the chosen model is opened again as soon as
// it writes no answer.
func (r *Runner) Use(e registry.Entry, s host.Settings) {
	r.mu.Lock()
	same := r.status.Entry.Name == e.Name && r.settings == s && (r.status.Phase == Ready || r.status.Phase == Loading)
	if r.closed || same {
		r.mu.Unlock()
		return
	}
	c := r.replace()
	r.settings = s
	r.loading.Add(1)
	r.set(Status{Phase: Loading, Entry: e})
	go func() {
		defer r.loading.Done()
		r.load(c, e, s)
	}()
}

// Again tries once more to open the chosen model after an error.
func (r *Runner) Again() {
	r.mu.Lock()
	s, settings := r.status, r.settings
	r.mu.Unlock()
	if s.Phase == Broken {
		r.Use(s.Entry, settings)
	}
}

// Anyway opens the chosen model although it may not fit into the memory.
func (r *Runner) Anyway() {
	r.mu.Lock()
	s, settings := r.status, r.settings
	r.mu.Unlock()
	if s.Phase == Broken {
		settings.Anyway = true
		r.Use(s.Entry, settings)
	}
}

// Moved reads the state of the chosen model again after it has moved to another device.
func (r *Runner) Moved() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.status.Phase != Ready {
		return
	}
	c, e, s := r.choice, r.status.Entry, r.settings
	r.loading.Go(func() { r.load(c, e, s) })
}

// Drop ends the choice without a new one: the chosen model is removed from the library, or its loading is cancelled.
func (r *Runner) Drop() {
	r.mu.Lock()
	r.replace()
	r.set(Status{})
}

// replace starts a new choice. The caller holds mu.
func (r *Runner) replace() *choice {
	r.choice.cancel()
	var writing []*choice
	for _, c := range append(r.earlier, r.choice) {
		if c.writing > 0 {
			writing = append(writing, c)
		}
	}
	r.earlier, r.choice = writing, newChoice()
	return r.choice
}

// set changes the status and releases mu, which the caller holds.
func (r *Runner) set(s Status) {
	r.status = s
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
	if r.onStatus != nil {
		r.onStatus(s)
	}
}

// tell changes the status if c is still the present choice.
func (r *Runner) tell(c *choice, s Status) {
	r.mu.Lock()
	if r.choice != c || r.closed {
		r.mu.Unlock()
		return
	}
	r.set(s)
}

// unload changes the status back from Loading to s after a question has stopped waiting for the
// load, so that the next question opens the model.
func (r *Runner) unload(c *choice, s Status) {
	r.mu.Lock()
	if r.choice != c || r.closed || r.status.Phase != Loading {
		r.mu.Unlock()
		return
	}
	r.set(s)
}

// acquire opens the model of e and reports the progress of loading. ctx ends the wait.
func (r *Runner) acquire(ctx context.Context, c *choice, e registry.Entry, s host.Settings) (*host.Lease[Model], error) {
	last := -1
	lease, err := r.models.Acquire(ctx, e, s, func(share float64) {
		if percent := int(100 * share); percent != last {
			last = percent
			r.tell(c, Status{Phase: Loading, Entry: e, Share: share})
		}
	})
	if err == nil && last >= 0 {
		r.tell(c, Status{Phase: Ready, Entry: e, Info: lease.Model.Info()})
	}
	return lease, err
}

// load opens a chosen model, so that its first answer starts without delay. If there is not enough memory beside the models of
// earlier choices, their answers are ended.
func (r *Runner) load(c *choice, e registry.Entry, s host.Settings) {
	lease, err := r.acquire(c.ctx, c, e, s)
	if _, full := errors.AsType[*host.MemoryError](err); full && r.endEarlier() {
		lease, err = r.acquire(c.ctx, c, e, s)
	}
	if err != nil {
		r.tell(c, Status{Phase: Broken, Entry: e, Err: err})
		return
	}
	r.tell(c, Status{Phase: Ready, Entry: e, Info: lease.Model.Info()})
	lease.Release()
}

// endEarlier ends the answers of earlier choices and waits for that; it returns false if there are none.
func (r *Runner) endEarlier() bool {
	r.mu.Lock()
	earlier := r.earlier
	for _, c := range earlier {
		c.end(errSwitched)
		c.settle()
	}
	r.mu.Unlock()
	for _, c := range earlier {
		<-c.done
	}
	return len(earlier) > 0
}

// Ask waits for a model, then generates an answer. build makes the request for the model that will answer. emit receives every
// piece. The error is nil at a natural end, the cause of ctx if ctx has ended, errSwitched if another model needs the memory,
// host.ErrRemoved or host.ErrClosed if the model was removed or closed, or else the model's own error.
func (r *Runner) Ask(ctx context.Context, build func(Status) (engine.Request, error), emit func(Status, engine.Piece)) error {
	for {
		r.mu.Lock()
		status, changed, c, s := r.status, r.changed, r.choice, r.settings
		r.mu.Unlock()
		if status.Phase != Ready {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-changed:
				continue
			}
		}
		wait, cancel := context.WithCancel(ctx)
		stop := context.AfterFunc(c.ctx, cancel)
		lease, err := r.acquire(wait, c, status.Entry, s)
		stop()
		cancel()
		switch {
		case err == nil:
		case ctx.Err() != nil:
			r.unload(c, status)
			return context.Cause(ctx)
		case errors.Is(err, host.ErrClosed):
			return err
		default: // another model may have been chosen; then that one answers
			r.tell(c, Status{Phase: Broken, Entry: status.Entry, Err: err})
			continue
		}
		if r.begin(c) {
			status.Info = lease.Model.Info()
			err = r.answer(ctx, c, lease, status, build, emit)
			lease.Release() // before goroutines that wait for the memory are notified
			r.finished(c)
			return err
		}
		lease.Release()
	}
}

// begin counts an answer of c; it returns false if another model needs the memory of c.
func (r *Runner) begin(c *choice) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c != r.choice {
		return false
	}
	c.writing++
	return true
}

// finished subtracts an answer from the count of c.
func (r *Runner) finished(c *choice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.writing--
	c.settle()
}

// answer executes one request.
func (r *Runner) answer(ctx context.Context, c *choice, lease *host.Lease[Model], status Status, build func(Status) (engine.Request, error), emit func(Status, engine.Piece)) error {
	req, err := build(status)
	if err != nil {
		return err
	}
	ctx, stop := lease.Context(ctx)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.answers, func() { cancel(errSwitched) })()
	for piece, err := range lease.Model.Generate(ctx, req) {
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return err
		}
		emit(status, piece)
	}
	return context.Cause(ctx)
}

// Close ends all answers and the loading, and waits for the loading.
func (r *Runner) Close() {
	r.mu.Lock()
	r.closed = true
	r.replace()
	for _, c := range r.earlier {
		c.end(errSwitched)
	}
	r.set(Status{})
	r.loading.Wait()
}
