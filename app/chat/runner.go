// Package chat is the middle of the window: a conversation, its answers as they are
// written, and the place to write.
//
//	Screen ─ Header      title · model · context meter · offline
//	       ├ Thread      bubbles and answers, or what an empty page says
//	       ├ panels      what is under way or went wrong: imports, notices
//	       └ Composer    text · microphone · Send or Stop
//	Runner               the one opened model, and the queue of questions to it
//
// The Runner knows nothing of widgets, and the Screen nothing of weights; a test gives
// the Runner a scripted model. Screens are touched by the UI goroutine only: whatever
// another goroutine has to say goes through Config.Post.
package chat

import (
	"context"
	"errors"
	"iter"
	"sync"

	"soberano/engine"
	"soberano/models/registry"
)

// Model is an opened language model: *engine.Model, or a scripted one in tests.
type Model interface {
	Info() engine.Info
	Generate(context.Context, engine.Request) iter.Seq2[engine.Piece, error]
	Close() error
}

// Open opens the model of a library entry. It may take long; ctx ends it if it can.
type Open func(ctx context.Context, e registry.Entry, o engine.Options) (Model, error)

// Phase is how far the Runner is with its model.
type Phase int

// The phases.
const (
	NoModel Phase = iota
	Loading
	Ready
	Broken
)

// Status is the Runner's model and its phase.
type Status struct {
	Phase Phase
	Entry registry.Entry
	Info  engine.Info // when Ready
	Err   error       // when Broken
}

// errSwitched ends an answer whose model was changed.
var errSwitched = errors.New("chat: another model was chosen")

// Runner holds at most one opened model. Choosing another frees it first, so that two
// never share the memory. Questions wait until a model is ready, in turn.
type Runner struct {
	open     Open
	onStatus func(Status) // called from any goroutine

	mu      sync.Mutex
	status  Status
	options engine.Options
	model   Model
	serial  int           // of the latest Use; an older load gives way
	changed chan struct{} // closed and replaced at each change of status
	stop    context.CancelFunc
	answers context.Context // ended with errSwitched when the model is changed
	endAll  context.CancelCauseFunc
	closed  bool

	turn    chan struct{} // holds one token: who has it uses the model
	loading sync.WaitGroup
}

// NewRunner is a Runner without a model.
func NewRunner(open Open, onStatus func(Status)) *Runner {
	r := &Runner{open: open, onStatus: onStatus, changed: make(chan struct{}), turn: make(chan struct{}, 1)}
	r.answers, r.endAll = context.WithCancelCause(context.Background())
	return r
}

// Status is what the Runner has now.
func (r *Runner) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Use opens the model of e in the background in place of the one there is. An answer that
// is being written ends as stopped.
func (r *Runner) Use(e registry.Entry, o engine.Options) {
	r.mu.Lock()
	same := r.status.Entry.Name == e.Name && r.options == o && (r.status.Phase == Ready || r.status.Phase == Loading)
	if r.closed || same {
		r.mu.Unlock()
		return
	}
	ctx := r.replace(o)
	serial := r.serial
	r.loading.Add(1)
	r.set(Status{Phase: Loading, Entry: e})
	go func() {
		defer r.loading.Done()
		r.load(ctx, serial, e, o)
	}()
}

// Drop frees the model; as for one that is removed from the library, or a load that the
// person cancels.
func (r *Runner) Drop() {
	r.mu.Lock()
	r.replace(engine.Options{})
	r.loading.Add(1)
	r.set(Status{})
	go func() {
		defer r.loading.Done()
		r.free()
	}()
}

// replace ends what is under way; the caller holds mu.
func (r *Runner) replace(o engine.Options) context.Context {
	if r.stop != nil {
		r.stop()
	}
	r.endAll(errSwitched)
	r.answers, r.endAll = context.WithCancelCause(context.Background())
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	r.serial++
	r.options = o
	return ctx
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

// take waits for the turn and takes the model out; the caller then has the turn.
func (r *Runner) take() Model {
	r.turn <- struct{}{}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.model
	r.model = nil
	return m
}

// free closes the model once nobody uses it.
func (r *Runner) free() {
	if m := r.take(); m != nil {
		m.Close()
	}
	<-r.turn
}

func (r *Runner) load(ctx context.Context, serial int, e registry.Entry, o engine.Options) {
	r.free()
	r.turn <- struct{}{}
	defer func() { <-r.turn }()
	if ctx.Err() != nil {
		return
	}
	m, err := r.open(ctx, e, o)
	r.mu.Lock()
	if serial != r.serial || r.closed {
		r.mu.Unlock()
		if err == nil {
			m.Close()
		}
		return
	}
	if err != nil {
		r.set(Status{Phase: Broken, Entry: e, Err: err})
		return
	}
	r.model = m
	r.set(Status{Phase: Ready, Entry: e, Info: m.Info()})
}

// Ask waits for a model and for its turn, then generates. build makes the request for the
// model that will answer. emit gets every piece. The error is nil at a natural end, the
// context's when ctx ended, errSwitched when the model was changed, or the model's own.
func (r *Runner) Ask(ctx context.Context, build func(Status) (engine.Request, error), emit func(Status, engine.Piece)) error {
	for {
		r.mu.Lock()
		status, changed, answers := r.status, r.changed, r.answers
		r.mu.Unlock()
		if status.Phase != Ready {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-changed:
				continue
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
			continue
		case r.turn <- struct{}{}:
		}
		again, err := r.answer(ctx, answers, status, build, emit)
		<-r.turn
		if !again {
			return err
		}
	}
}

// answer runs one request; the caller has the turn. again: the model was changed before.
func (r *Runner) answer(ctx, answers context.Context, status Status, build func(Status) (engine.Request, error), emit func(Status, engine.Piece)) (again bool, err error) {
	r.mu.Lock()
	m := r.model
	r.mu.Unlock()
	if m == nil || answers.Err() != nil {
		return true, nil
	}
	req, err := build(status)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(answers, func() { cancel(errSwitched) })()
	for piece, err := range m.Generate(ctx, req) {
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return false, cause
			}
			return false, err
		}
		emit(status, piece)
	}
	return false, context.Cause(ctx)
}

// Close ends all answers and loads and frees the model.
func (r *Runner) Close() {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.replace(engine.Options{})
	r.closed = true
	r.stop()
	r.mu.Unlock()
	r.loading.Wait()
	if m := r.take(); m != nil {
		m.Close()
	}
	<-r.turn
}
