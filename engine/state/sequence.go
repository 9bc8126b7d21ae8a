package state

import (
	"errors"
	"slices"

	"soberano/kernels"
)

// Sequence is a sequence under way. Others may use what its state holds.
type Sequence struct {
	State  kernels.State
	tree   *Tree
	tokens []int32 // that the state holds, one a position; of a fresh sequence none
	node   *node   // nil: fresh
}

// Add says which tokens the state has been given since the last call.
func (s *Sequence) Add(tokens ...int32) {
	if s.node == nil || len(tokens) == 0 {
		return
	}
	s.tokens = append(s.tokens, tokens...)
	n := s.node
	if n.parent != nil && n.held == nil && len(n.live) == 1 && len(n.next) == 0 {
		n.edge = append(n.edge, tokens...)
		n.depth += len(tokens)
		return
	}
	to := s.tree.insert(n, tokens)
	to.live = append(to.live, s)
	s.leave()
	s.node = to
}

// Keep puts a snapshot of the sequence into the tree.
func (s *Sequence) Keep() error {
	if s.node == nil || s.node.depth == 0 || s.node.held != nil {
		return nil
	}
	f, err := s.State.Fork()
	if err != nil {
		return err
	}
	return errors.Join(s.tree.hold(s.node, f), s.tree.settle(s.node))
}

// End ends the sequence and keeps its state in the tree.
func (s *Sequence) End() error {
	n := s.node
	if n == nil || n.depth == 0 {
		return s.Drop()
	}
	t := s.tree
	if longer := n.longer(); longer != nil {
		path := append(n.above(), n)
		ok, err := covers(path, len(path)-1, longer)
		if ok || err != nil {
			t.clock++
			longer.held.used = t.clock
			return errors.Join(err, s.Drop())
		}
	}
	err := t.hold(n, s.State)
	s.remove()
	return errors.Join(err, t.settle(n))
}

// longer returns the nearest node below n that holds a state.
func (n *node) longer() (best *node) {
	for _, c := range n.next {
		c.each(func(b *node) {
			if b.held != nil && (best == nil || b.depth < best.depth) {
				best = b
			}
		})
	}
	return best
}

// Drop ends the sequence and closes its state.
func (s *Sequence) Drop() error {
	s.remove()
	return s.State.Close()
}

// remove takes the sequence out of the tree.
func (s *Sequence) remove() {
	t := s.tree
	if i := slices.Index(t.running, s); i >= 0 {
		t.running = slices.Delete(t.running, i, i+1)
	}
	if s.node != nil {
		s.leave()
	}
}

// leave takes the sequence away from its node.
func (s *Sequence) leave() {
	n := s.node
	s.node = nil
	i := slices.Index(n.live, s)
	n.live = slices.Delete(n.live, i, i+1)
	n.tidy()
}
