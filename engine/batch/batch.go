// Package batch is the queue that every use of a model goes through: admission, the
// reuse of what has been computed, and steps that carry many sequences side by side.
//
//	Submit ─▶ line ─ admit ─▶ slot: a sequence ─┐
//	Submit ─▶  (a person's    slot              ├─▶ one step ─▶ Forward ─▶ Each(logits)
//	            first)        slot              ┘    ▲                        │ next token
//	                            ▲                    └────────────────────────┘
//	                            └─ the longest known beginning ─▶ state.Tree
//
// One goroutine owns the device and runs the steps. What the sequences have computed stays
// in a prefix tree when their requests end, so that the next turn of a conversation, and
// other conversations with the same beginning, only compute what is new. Between steps,
// requests whose context has ended leave, and new ones come in; a long prompt goes in
// chunks, so neither has to wait long, nor do answers under way.
package batch

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"soberano/engine/arch"
	"soberano/engine/nn"
	"soberano/engine/state"
	"soberano/kernels"
)

// Request is work for a model.
type Request struct {
	Tokens []int32 // at least one, each below the vocabulary; no more than the context
	// From is the first position of Tokens whose logits are wanted: Each is called for
	// it and all after it. len(Tokens)-1 wants the last alone, as a generation does.
	From int
	// Fresh computes all of Tokens, whatever is known of them, and leaves nothing for
	// others: measurements neither gain nor cost a conversation anything.
	Fresh bool
	// Discard leaves nothing for others either, but starts from what is known of Tokens.
	Discard bool
	// Started, if any, is called when the request leaves the line, with the number of
	// Tokens whose positions a state held already.
	Started func(cached int)
	// Most is the largest number of tokens that the sequence may have in the end, those of Tokens included; 0: the capacity. Requests are admitted by it.
	Most int
	// Background requests wait until those of a person are admitted, and leave room for one.
	Background bool
	// Adapters change the products of the request's rows. Key names them with their scales: what is computed with one key serves no request with another.
	Adapters []nn.Use
	Key      string
	// Conversation is the name under which what is computed is kept across restarts, see Queue.SetDisk; "": it is not. Nothing is kept of
	// requests with images or a Key.
	Conversation string
	// Images are the images in Tokens, in order. Their tokens are negative: they identify the image.
	Images []Image
	// Each is given the logits after the token at pos, in order, valid during the call.
	// After the last position it may continue the sequence: it returns the next token
	// and true. An error ends the request. It should be quick: every other request waits
	// for it. Requests are called at the same time as others, each by one goroutine at a time.
	Each func(pos int, logits []float32) (next int32, more bool, err error)
	// Draft, if not nil, proposes up to most tokens that may follow the sequence as it is after the last call of Each. They are computed in the same step as the last token;
	// as long as Each chooses the proposed token, it is called with the logits after that, too. So the answer is the same as without proposals but for rounding, in fewer steps if they are
	// good. It is called before a step, on the queue's goroutine, if no other request is under way and the model can take tokens back. An error ends the request.
	Draft func(most int) ([]int32, error)
}

// Image is a part of a sequence that consists of rows instead of tokens.
type Image struct {
	At, N  int       // its first position, and how many it takes
	Values []float32 // [N × width of the model]
	// Whole means that the rows attend to each other, also to later ones. Then N is at most Chunk.
	Whole bool
	// Across is the number of rows in a line of the image, for models whose positions have several axes. 0: the rows have positions
	// as tokens have.
	Across int
}

// place returns the position of row n of a sequence with these images. Without Across it is n on every axis. The rows of an image with
// Across are all at the time after the token before it, and at their line and column from there on; what follows the image is after
// the largest of these positions (arXiv:2409.12191).
func place(images []Image, n int) nn.Place {
	before := 0 // how many positions less than rows there are before n
	for _, m := range images {
		switch i := n - m.At; {
		case m.Across == 0 || i < 0:
		case i < m.N:
			p := int32(m.At - before)
			return nn.Place{p, p + int32(i/m.Across), p + int32(i%m.Across)}
		default:
			before += m.N - max(m.Across, m.N/m.Across)
		}
	}
	p := int32(n - before)
	return nn.Place{p, p, p}
}

// ErrFull: a request went on beyond the context.
var ErrFull = errors.New("batch: no room in the context")

// Ticket is a request under way.
type Ticket struct {
	ctx  context.Context
	req  Request
	done chan struct{}
	err  error         // set before done is closed
	due  int64         // of Queue.rows, by which requests of the background are ordered in the line
	in   *atomic.Int64 // Queue.waiting or Queue.running, as long as the request is counted there
}

// Done is closed when the request has ended; none of its functions is called after that.
func (t *Ticket) Done() <-chan struct{} { return t.done }

// Err is why the request ended early, nil if it did not; call it after Done.
func (t *Ticket) Err() error { return t.err }

// count counts the request in n and no longer where it was counted before; nil: nowhere.
func (t *Ticket) count(n *atomic.Int64) {
	if n != nil {
		n.Add(1)
	}
	if t.in != nil {
		t.in.Add(-1)
	}
	t.in = n
}

func (t *Ticket) end(err error) {
	t.count(nil)
	t.err = err
	close(t.done)
}

// slot is a request under way.
type slot struct {
	ticket  *Ticket
	seq     *state.Sequence
	tokens  []int32 // all tokens of the request, those that were chosen included
	from    int     // the first position for which Each has not been called and is to be, see Request.From
	done    int     // how many of tokens the state holds
	pending []int32 // tokens that are not in the sequence's state yet
	take    int     // of pending, in this step
	draft   []int32 // proposed tokens behind those of pending, in this step
	want    int     // the first of Queue.wants of this step that is the slot's, if any is
	over    bool    // the request is at its end, with err
	err     error
	ahead   bool // the state may hold proposed tokens that were not chosen
}

// ended reports whether the slot's request has ended.
func (s *slot) ended() bool { return s.ticket == nil }

// len is how many positions the slot's state holds.
func (s *slot) len() int { return s.done }

// Queue runs requests on one model.
type Queue struct {
	model   arch.Model
	dev     kernels.Device
	cap     int // positions of a state
	tree    *state.Tree
	forget  int     // from this position on a state may not be able to go back, see snapshot
	drafts  bool    // a state can take back the tokens of one step
	slots   []*slot // requests under way
	size    int64   // bytes of a full state
	room    int64   // bytes that the states of requests under way may take in the end
	step    nn.Step
	wants   []want        // one for each of step.Out
	rows    int64         // of all steps so far
	beside  int           // tokens of prompts in a step beside answers
	fastest time.Duration // that a step with mixed of them took
	now     func() time.Time

	line []*Ticket // admitted to no slot yet; the loop's own
	// waiting and running count the requests that are admitted to no slot yet, and those that are under way.
	waiting, running atomic.Int64
	lost             error // what no request was told of
	// replace returns a model on another device, see SetReplace.
	replace Replace
	// disk keeps states of the model that identity identifies; unsaved are those that it does not have yet, by the names of conversations.
	disk     *state.Disk
	identity [32]byte
	unsaved  map[string]unsaved
	pause    time.Duration // saveAfter; tests set less

	mu      sync.Mutex
	arrived []*Ticket
	jobs    []job
	closed  error
	wake    chan struct{}
	done    chan struct{}
}

const (
	// mostSlots is the largest number of requests under way. More would make each too slow.
	mostSlots = 16
	// reserved is how many requests of a person are admitted in any case: an answer, and something short beside it.
	reserved = 2
	// runningBudget is the memory that the states of requests under way may take in the end.
	runningBudget = 512 << 20
	// keptBudget is the memory of states, of those under way and of idle ones, if those under way do not take more.
	keptBudget = 256 << 20
)

// New starts a queue for sequences of up to capacity tokens. The device belongs to the
// queue until Close. It fails if not even one state fits.
func New(model arch.Model, dev kernels.Device, capacity int) (*Queue, error) {
	shape := model.Shape().State(capacity)
	first, err := dev.NewState(shape)
	if err != nil {
		return nil, err
	}
	size := first.MaxBytes(Chunk)
	if err := first.Close(); err != nil {
		return nil, err
	}
	room := min(max(runningBudget, 2*size), mostSlots*size)
	q := &Queue{
		model: model, dev: dev, cap: capacity, size: size, room: room, forget: forgets(shape), drafts: !slices.ContainsFunc(shape.Layers, func(l kernels.Layer) bool { return l.Kind == kernels.Recurrent }),
		tree:   state.New(dev, shape, max(keptBudget, min(room, 4*size))),
		beside: mixed, fastest: math.MaxInt64, now: time.Now,
		wake: make(chan struct{}, 1), done: make(chan struct{}), unsaved: map[string]unsaved{}, pause: saveAfter,
	}
	q.step.Priority = kernels.Answer
	go q.loop()
	return q, nil
}

// forgets returns the position from which on a state of the shape can't go back everywhere.
func forgets(shape kernels.StateShape) int {
	n := math.MaxInt
	for _, l := range shape.Layers {
		if l.Kind == kernels.Recurrent {
			return 1
		}
		if l.Window > 0 && l.Window < shape.Cap {
			n = min(n, l.Window+1)
		}
	}
	return n
}

// CacheBytes is what the state of one sequence takes when it is full.
func (q *Queue) CacheBytes() int64 { return q.size }

// GoesBack reports whether the states of sequences can take back the tokens of a step, as Request.Draft needs.
func (q *Queue) GoesBack() bool { return q.drafts }

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
	case len(req.Tokens) > q.cap || req.Most != 0 && len(req.Tokens) > req.Most:
		t.end(ErrFull)
	default:
		t.count(&q.waiting)
		q.arrived = append(q.arrived, t)
		q.nudge()
	}
	return t
}

// Requests returns how many requests wait in the line, and how many are under way. Any goroutine may call it.
func (q *Queue) Requests() (waiting, running int) {
	return int(q.waiting.Load()), int(q.running.Load())
}

// Do runs a request to its end.
func (q *Queue) Do(ctx context.Context, req Request) error {
	t := q.Submit(ctx, req)
	<-t.Done()
	return t.Err()
}

// Close ends all requests with err, and the queue's goroutine; it returns when that has
// ended, with an error of the device that no request was told of.
func (q *Queue) Close(err error) error {
	q.mu.Lock()
	if q.closed == nil {
		q.closed = err
	}
	q.nudge()
	q.mu.Unlock()
	<-q.done
	return q.lost
}

// job is work for the queue's goroutine.
type job struct {
	do   func() error
	done chan error
}

// Exec calls do between two steps, on the goroutine that may use the device. It returns do's error, or that with which the queue was closed.
func (q *Queue) Exec(do func() error) error {
	j := job{do, make(chan error, 1)}
	q.mu.Lock()
	if q.closed != nil {
		q.mu.Unlock()
		return q.closed
	}
	q.jobs = append(q.jobs, j)
	q.nudge()
	q.mu.Unlock()
	return <-j.done
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
	end := time.Now().Add(mostSaving)
	q.save(func() bool { return time.Now().After(end) })
	q.note(q.tree.Close())
}
