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

// Status is the chosen model and its phase.
type Status struct {
	Phase Phase
	Entry registry.Entry
	Share float64     // of the load that is done, when Loading
	Info  engine.Info // when Ready
	Err   error       // when Broken
}

// errSwitched ends an answer whose memory another model needs.
var errSwitched = errors.New("chat: another model was chosen")

// Runner is the chosen model. Questions wait until a model is ready; then each is answered at
// once, beside the others. An answer that is being written when another model is chosen goes
// on, unless there is no memory for both models.
type Runner struct {
	models   Models
	onStatus func(Status) // called from any goroutine

	mu       sync.Mutex
	status   Status
	settings host.Settings
	choice   *choice
	earlier  []*choice     // that still write answers
	changed  chan struct{} // closed and replaced at each change of status
	closed   bool
	loading  sync.WaitGroup
}

// choice is a model from when it was chosen until another is. The Runner's mutex guards its
// fields.
type choice struct {
	ctx     context.Context // ends when another model is chosen
	cancel  context.CancelFunc
	answers context.Context // ends with errSwitched when the model's memory is needed
	end     context.CancelCauseFunc
	writing int           // answers
	done    chan struct{} // closed when answers has ended and none is being written
}

func newChoice() *choice {
	c := &choice{done: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.answers, c.end = context.WithCancelCause(context.Background())
	return c
}

// settle closes done if it is time for that.
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

// Use chooses a model and opens it in the background. With other settings than before the
// chosen model is opened again as soon as it writes no answer.
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

// Again tries to open a chosen model that could not be opened.
func (r *Runner) Again() {
	r.mu.Lock()
	s, settings := r.status, r.settings
	r.mu.Unlock()
	if s.Phase == Broken {
		r.Use(s.Entry, settings)
	}
}

// Drop chooses no model: the chosen one is removed from the library, or its load is cancelled.
func (r *Runner) Drop() {
	r.mu.Lock()
	r.replace()
	r.set(Status{})
}

// replace makes a new choice. The caller holds mu.
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

// set changes the status, and releases mu, which the caller holds.
func (r *Runner) set(s Status) {
	r.status = s
	close(r.changed)
	r.changed = make(chan struct{})
	r.mu.Unlock()
	if r.onStatus != nil {
		r.onStatus(s)
	}
}

// tell changes the status as long as c is the choice.
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

// acquire opens the model of e, and tells how far the load is. ctx ends the wait.
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

// load opens a model that was chosen, so that its first answer does not wait. Where there is
// no memory for it beside the models of earlier choices, their answers end.
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

// endEarlier ends the answers of earlier choices and waits for that; false: there are none.
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

// Ask waits for a model, then generates. build makes the request for the model that will
// answer. emit gets every piece. The error is nil at a natural end, the cause of ctx when
// that ended, errSwitched when another model needs the memory, host.ErrRemoved or
// host.ErrClosed when the model was taken away, or the model's own.
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
		default: // or another model was chosen, which answers then
			r.tell(c, Status{Phase: Broken, Entry: status.Entry, Err: err})
			continue
		}
		if r.begin(c) {
			status.Info = lease.Model.Info()
			err = r.answer(ctx, c, lease, status, build, emit)
			lease.Release() // before those are told who wait for the memory
			r.finished(c)
			return err
		}
		lease.Release()
	}
}

// begin counts an answer of c; false: its memory is needed for another model.
func (r *Runner) begin(c *choice) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c != r.choice {
		return false
	}
	c.writing++
	return true
}

// finished takes an answer out of the count of c.
func (r *Runner) finished(c *choice) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.writing--
	c.settle()
}

// answer runs one request.
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

// Close ends all answers and the load that is under way, and waits for the load.
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
