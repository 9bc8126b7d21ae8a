package contract

import (
	"slices"
	"sync/atomic"
)

// Users counts the states that use a page. Pages embed it.
type Users struct{ n atomic.Int32 }

// Count returns the number of users.
func (u *Users) Count() int { return int(u.n.Load()) }

// First makes one state the only user.
func (u *Users) First() { u.n.Store(1) }

// Leave removes a user and reports whether it was the last.
func (u *Users) Leave() bool { return u.n.Add(-1) <= 0 }

func (u *Users) users() *Users { return u }

// Page is memory of a device's states: Positions positions of all layers of a group, or the values of the recurrent layers. It embeds
// Users. Only a state that is its sole user writes to it.
type Page interface {
	comparable
	users() *Users
}

// State is what the states of all devices have in common; P is the device's type of pages. Pages are allocated when the first of their positions
// is added, so that a short conversation takes little memory however large its context may become:
//
//	layers without a window   page 0 │ page 1 │ page 2 │ page 3 │ page 4
//	layers with one of 512                       page 2 │ page 3 │ page 4
//	recurrent layers          one page
//
// A fork shares the pages of its original. A state that adds a position to a shared page copies the page first (copy-on-write).
type State[P Page] struct {
	plan    *Plan
	release func(P)
	n       int // positions
	groups  []Group[P]
	carried P     // values of the recurrent layers; the zero value stands for zeros
	at      []int // number of positions that each layer has processed
	closed  bool
}

// Group is the pages of all layers with one window.
type Group[P Page] struct {
	First int // number of the first page
	Pages []P
}

// NewState returns an empty state. release is called with each page that a state ceases to use.
func NewState[P Page](p *Plan, release func(P)) State[P] {
	return State[P]{plan: p, release: release, groups: make([]Group[P], len(p.Windows)), at: make([]int, len(p.Group))}
}

func (s *State[P]) Cap() int { return s.plan.Shape.Cap }
func (s *State[P]) Len() int { return s.n }

// At returns the number of positions that a layer has processed.
func (s *State[P]) At(layer int) int { return s.at[layer] }

// Group returns the pages of a layer that is not recurrent.
func (s *State[P]) Group(layer int) *Group[P] { return &s.groups[s.plan.Group[layer]] }

// Page returns the page of a position, which the group must have.
func (g *Group[P]) Page(position int) P { return g.Pages[position/Positions-g.First] }

// Pages calls f for every page that the state uses.
func (s *State[P]) Pages(f func(P)) {
	for _, g := range s.groups {
		for _, m := range g.Pages {
			f(m)
		}
	}
	if s.carried != *new(P) {
		f(s.carried)
	}
}

// Bytes returns the memory held. Of memory that several states share, each counts an equal part.
func (s *State[P]) Bytes() int64 {
	sum := int64(0)
	for i, g := range s.groups {
		for _, m := range g.Pages {
			sum += s.plan.PageBytes[i] / int64(max(1, m.users().Count()))
		}
	}
	if s.carried != *new(P) {
		sum += s.plan.CarriedBytes / int64(max(1, s.carried.users().Count()))
	}
	return sum
}

// MaxBytes returns the largest value that Bytes can reach.
func (s *State[P]) MaxBytes(step int) int64 { return s.plan.MaxBytes(step) }

// Truncate removes the positions from n on.
func (s *State[P]) Truncate(n int) bool {
	s.mustBeOpen("Truncate")
	switch {
	case n < 0 || n > s.n:
		return false
	case n == s.n:
		return true
	case n == 0:
		s.releaseAll()
		return true
	case s.plan.HasCarried:
		return false
	}
	for i, g := range s.groups {
		if w := s.plan.Windows[i]; w > 0 && n-w+1 < g.First*Positions && g.First > 0 {
			return false
		}
	}
	for i := range s.groups {
		s.cut(&s.groups[i], n)
	}
	s.n = n
	return true
}

// cut releases the pages of a group that have no position below n.
func (s *State[P]) cut(g *Group[P], n int) {
	keep := min(max(0, pagesOf(n)-g.First), len(g.Pages))
	for _, m := range g.Pages[keep:] {
		s.release(m)
	}
	clear(g.Pages[keep:])
	g.Pages = g.Pages[:keep]
}

// releaseAll releases all memory of the state.
func (s *State[P]) releaseAll() {
	for i := range s.groups {
		s.cut(&s.groups[i], 0)
		s.groups[i].First = 0
	}
	if s.carried != *new(P) {
		s.release(s.carried)
		s.carried = *new(P)
	}
	clear(s.at)
	s.n = 0
}

// Share returns a state that shares the memory.
func (s *State[P]) Share() State[P] {
	s.mustBeOpen("Fork")
	f := *s
	f.groups, f.at = slices.Clone(s.groups), slices.Clone(s.at)
	for i := range f.groups {
		f.groups[i].Pages = slices.Clone(f.groups[i].Pages)
	}
	f.Pages(func(m P) { m.users().n.Add(1) })
	return f
}

// Close releases the memory.
func (s *State[P]) Close() error {
	s.releaseAll()
	s.closed = true
	return nil
}

func (s *State[P]) mustBeOpen(op string) {
	if s.closed {
		Misuse(op, "a state is used after Close")
	}
}
