// Package batch is the queue that every use of a model goes through: admission, the
// reuse of what is cached, and steps that carry many sequences side by side.
//
//	Submit ─▶ line ─ admit ─▶ slot: cache + its tokens ─┐
//	Submit ─▶  (first come,   slot                      ├─▶ one step ─▶ Forward ─▶ Each(logits)
//	           first served)  slot                      ┘    ▲                        │ next token
//	                                                         └────────────────────────┘
//
// One goroutine owns the device and runs the steps. A slot keeps its cache when its
// request ends, so that the next turn of a conversation only computes what is new.
// Between steps, requests whose context has ended leave, and new ones come in; a long
// prompt goes in chunks, so neither has to wait long, nor do answers under way.
package batch

import (
	"context"
	"errors"
	"sync"

	"soberano/engine/arch"
	"soberano/engine/nn"
	"soberano/kernels"
)

// Request is work for a model.
type Request struct {
	Tokens []int32 // at least one, each below the vocabulary; no more than the context
	// From is the first position of Tokens whose logits are wanted: Each is called for
	// it and all after it. len(Tokens)-1 wants the last alone, as a generation does.
	From int
	// Fresh computes all of Tokens, whatever is cached, and leaves nothing in the cache
	// for others: measurements neither gain nor cost a conversation anything.
	Fresh bool
	// Started, if any, is called when the request leaves the line, with the number of
	// Tokens found in the cache.
	Started func(cached int)
	// Each is given the logits after the token at pos, in order, valid during the call.
	// After the last position it may continue the sequence: it returns the next token
	// and true. An error ends the request. It is called on the queue's goroutine and
	// should be quick: every other request waits for it.
	Each func(pos int, logits []float32) (next int32, more bool, err error)
}

// ErrFull: a request went on beyond the context.
var ErrFull = errors.New("batch: no room in the cache")

// Ticket is a request under way.
type Ticket struct {
	ctx  context.Context
	req  Request
	done chan struct{}
	err  error // set before done is closed
}

// Done is closed when the request has ended; none of its functions is called after that.
func (t *Ticket) Done() <-chan struct{} { return t.done }

// Err is why the request ended early, nil if it did not; call it after Done.
func (t *Ticket) Err() error { return t.err }

func (t *Ticket) end(err error) {
	t.err = err
	close(t.done)
}

// slot is a sequence with its cache.
type slot struct {
	state  kernels.State
	tokens []int32 // what the state holds, one a position
	used   int64   // step of the last use
	// While a request is in it:
	ticket  *Ticket
	pending []int32 // tokens that are not in the cache yet
	take    int     // of pending, in this step
}

// Queue runs requests on one model.
type Queue struct {
	model arch.Model
	dev   kernels.Device
	cap   int // positions of a cache
	slots []*slot
	most  int   // slots
	size  int64 // bytes of a cache
	steps int64
	step  nn.Step
	wants []want // one for each of step.Out

	line []*Ticket // admitted to no slot yet; the loop's own

	mu      sync.Mutex
	arrived []*Ticket
	closed  error
	wake    chan struct{}
	done    chan struct{}
}

// The slots' caches together stay below this, but two are always allowed: a
// conversation, and something short beside it that must not push it out.
const (
	cacheBudget = 512 << 20
	mostSlots   = 4
)

// New starts a queue for sequences of up to capacity tokens. The device belongs to the
// queue until Close. It fails if not even one cache fits.
func New(model arch.Model, dev kernels.Device, capacity int) (*Queue, error) {
	q := &Queue{
		model: model, dev: dev, cap: capacity,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	q.step.Priority = kernels.Answer
	first, err := q.newSlot()
	if err != nil {
		return nil, err
	}
	q.size = first.state.MaxBytes(Chunk)
	q.most = int(min(mostSlots, max(2, cacheBudget/max(1, q.size))))
	go q.loop()
	return q, nil
}

func (q *Queue) newSlot() (*slot, error) {
	st, err := q.dev.NewState(q.model.Shape().State(q.cap))
	if err != nil {
		return nil, err
	}
	s := &slot{state: st}
	q.slots = append(q.slots, s)
	return s, nil
}

// CacheBytes is what the state of one sequence takes when it is full.
func (q *Queue) CacheBytes() int64 { return q.size }

// Submit puts a request in the line. ctx ends it between two steps, wherever it is.
func (q *Queue) Submit(ctx context.Context, req Request) *Ticket {
	t := &Ticket{ctx: ctx, req: req, done: make(chan struct{})}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed != nil:
		t.end(q.closed)
	case len(req.Tokens) == 0 || req.From < 0 || req.From >= len(req.Tokens):
		t.end(errors.New("batch: a request without tokens"))
	case len(req.Tokens) > q.cap:
		t.end(ErrFull)
	default:
		q.arrived = append(q.arrived, t)
		q.nudge()
	}
	return t
}

// Do runs a request to its end.
func (q *Queue) Do(ctx context.Context, req Request) error {
	t := q.Submit(ctx, req)
	<-t.Done()
	return t.Err()
}

// Close ends all requests with err, and the queue's goroutine; it returns when that has ended.
func (q *Queue) Close(err error) {
	q.mu.Lock()
	if q.closed == nil {
		q.closed = err
	}
	q.nudge()
	q.mu.Unlock()
	<-q.done
}

func (q *Queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *Queue) loop() {
	defer close(q.done)
	for q.admit() {
		q.run()
	}
}
