package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// The UI goroutine does not wait for the store; results come in the order of the calls, and no work that was asked for before
// Close is lost.
func TestWorker(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	s := must(Open(path))(t)
	posts := make(chan func(), 1000)
	w := NewWorker(s, func(f func()) { posts <- f })
	hold := make(chan struct{})
	began := time.Now()
	w.Do(func(*Store) error { <-hold; return nil }, func(error) {})
	var c Conversation
	var got []int
	Ask(w, (*Store).New, func(made Conversation, err error) {
		if err != nil {
			t.Error(err)
		}
		c = made
	})
	const n = 100
	for i := range n {
		w.Do(func(s *Store) error { return s.Draft(1, fmt.Sprint(i)) }, func(err error) {
			if err != nil {
				t.Error(err)
			}
			got = append(got, i)
		})
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("the caller waited for %v", d)
	}
	select {
	case <-posts:
		t.Error("something came before its time")
	default:
	}
	close(hold)
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Error(err)
	}
	w.Do(func(s *Store) error { return s.Draft(1, "too late") }, func(error) { t.Error("done after Close") })
	for len(posts) > 0 {
		(<-posts)()
	}
	if c.ID != 1 || len(got) != n || !slices.IsSorted(got) {
		t.Errorf("conversation %d, %v", c.ID, got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = must(Open(path))(t)
	defer s.Close()
	if c := must(s.Conversation(1))(t); c.Draft != fmt.Sprint(n-1) {
		t.Errorf("the last draft is %q", c.Draft)
	}
}

// Close returns the errors that nobody has got: those whose result was not handed over.
func TestWorkerErrorsAtClose(t *testing.T) {
	s := memory(t)
	posts := make(chan func(), 10)
	w := NewWorker(s, func(f func()) { posts <- f })
	told, untold := errors.New("told"), errors.New("untold")
	var got error
	w.Do(func(*Store) error { return told }, func(err error) { got = err })
	(<-posts)()
	w.Do(func(*Store) error { return ErrNotFound }, func(error) {})
	w.Do(func(*Store) error { return untold }, func(error) {})
	if err := w.Close(); got != told || !errors.Is(err, untold) || errors.Is(err, told) || errors.Is(err, ErrNotFound) {
		t.Errorf("handed over: %v; returned: %v", got, err)
	}
}

// Flush hands over what is still on its way, once and in order.
func TestWorkerFlush(t *testing.T) {
	posts := make(chan func(), 10)
	w := NewWorker(memory(t), func(f func()) { posts <- f })
	var got []int
	for i := range 3 {
		w.Do(func(*Store) error { return nil }, func(error) { got = append(got, i) })
	}
	(<-posts)()
	w.Flush()
	for len(posts) > 0 {
		(<-posts)()
	}
	if !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("handed over: %v", got)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	w.Flush()
}
