package store

import (
	"errors"
	"slices"
	"sync"
)

// Worker uses the store in a goroutine of its own, so that the UI goroutine never waits for the disk. It does one piece of
// work after the other, in the order of the calls, and hands over each result on the UI goroutine in the same order.
type Worker struct {
	store  *Store
	post   func(func()) // runs a function later on the UI goroutine; nil: see Inline
	mu     sync.Mutex
	queue  []func()
	more   chan struct{} // holds a value when queue may contain work
	closed bool
	open   []*result     // those that have not been handed over yet, in order
	done   chan struct{} // closed when the goroutine has ended
}

// result is the end of one piece of work.
type result struct {
	err  error
	then func(error)
}

// NewWorker returns a worker for s and starts its goroutine.
func NewWorker(s *Store, post func(func())) *Worker {
	w := &Worker{store: s, post: post, more: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// Inline returns a worker without a goroutine, for tests that look at the result at once: the work is done before Do
// returns.
func Inline(s *Store) *Worker { return &Worker{store: s} }

// Do runs work on the worker's goroutine, and then passes its error to then on the UI goroutine. The order is kept for calls
// from one goroutine. After Close it does nothing.
func (w *Worker) Do(work func(*Store) error, then func(error)) {
	if w.post == nil {
		then(work(w.store))
		return
	}
	w.add(func() {
		r := &result{work(w.store), then}
		w.mu.Lock()
		w.open = append(w.open, r)
		w.mu.Unlock()
		w.post(func() { w.handOver(r) })
	})
}

// handOver passes a result on, unless Flush has done that.
func (w *Worker) handOver(r *result) {
	w.mu.Lock()
	i := slices.Index(w.open, r)
	if i >= 0 {
		w.open = slices.Delete(w.open, i, i+1)
	}
	w.mu.Unlock()
	if i >= 0 {
		r.then(r.err)
	}
}

// Flush waits until all work that was asked for is done and hands over the results before it returns. It is called from the UI
// goroutine.
func (w *Worker) Flush() {
	done := make(chan struct{})
	if w.post == nil || !w.add(func() { close(done) }) {
		return
	}
	<-done
	w.mu.Lock()
	open := slices.Clone(w.open)
	w.mu.Unlock()
	for _, r := range open {
		w.handOver(r)
	}
}

// Ask is Do for work that has a result.
func Ask[T any](w *Worker, work func(*Store) (T, error), then func(T, error)) {
	var result T
	w.Do(func(s *Store) (err error) {
		result, err = work(s)
		return err
	}, func(err error) { then(result, err) })
}

// add puts work into the queue; it returns false after Close.
func (w *Worker) add(work func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.queue = append(w.queue, work)
	w.wake()
	return true
}

// wake makes the goroutine look at the queue; the caller holds mu.
func (w *Worker) wake() {
	select {
	case w.more <- struct{}{}:
	default:
	}
}

func (w *Worker) run() {
	defer close(w.done)
	for range w.more {
		for {
			work, closed := w.next()
			if work == nil && closed {
				return
			}
			if work == nil {
				break
			}
			work()
		}
	}
}

func (w *Worker) next() (work func(), closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) > 0 {
		work, w.queue = w.queue[0], w.queue[1:]
	}
	return work, w.closed
}

// Close waits until all work that was asked for is done, so that nothing is lost, and ends the goroutine. It returns the errors of
// work whose result was not handed over. The store stays open. Close may be called more than once.
func (w *Worker) Close() error {
	if w.post == nil {
		return nil
	}
	w.mu.Lock()
	w.closed = true
	w.wake()
	w.mu.Unlock()
	<-w.done
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []error
	for _, r := range w.open {
		if r.err != nil && !errors.Is(r.err, ErrNotFound) { // what was deleted meanwhile is not missed
			list = append(list, r.err)
		}
	}
	return errors.Join(list...)
}
