package contract

import "slices"

// Memory gives pages to a state. A group is a number of Plan.Windows, or Carried.
type Memory[P Page] interface {
	// Take returns a page of undefined content with one user.
	Take(group int) P
	// Copy copies the first n positions of from, or all values of recurrent layers.
	Copy(to, from P, group, n int)
	// Clear sets the values of recurrent layers to zero.
	Clear(P)
}

// Extend prepares a layer for positions pos … pos+n-1: it takes pages that are not shared with other states, and releases the pages that neither these
// positions nor later ones attend to.
func (s *State[P]) Extend(m Memory[P], layer, pos, n int) {
	const op = "Store"
	switch {
	case pos > s.n:
		Misuse(op, "positions are added beyond the end of a state")
	case n == 0:
		return
	}
	group := s.plan.Group[layer]
	g := &s.groups[group]
	if w := s.plan.Windows[group]; w > 0 {
		s.slide(g, pos-w+1)
	}
	for p := pos / Positions; p <= (pos+n-1)/Positions; p++ {
		if i := p - g.First; i == len(g.Pages) {
			g.Pages = append(g.Pages, m.Take(group))
		} else {
			g.Pages[i] = s.own(m, g.Pages[i], group, pos-p*Positions)
		}
	}
	s.n, s.at[layer] = pos+n, pos+n
}

// slide releases the pages that only have positions below from.
func (s *State[P]) slide(g *Group[P], from int) {
	if from < g.First*Positions && g.First > 0 {
		Misuse("Store", "a position sees others that its window has let go of")
	}
	for len(g.Pages) > 0 && (g.First+1)*Positions <= from {
		s.release(g.Pages[0])
		g.Pages = slices.Delete(g.Pages, 0, 1)
		g.First++
	}
}

// own returns a page with the first n positions of old that no other state uses.
func (s *State[P]) own(m Memory[P], old P, group, n int) P {
	if old.users().Count() == 1 {
		return old
	}
	page := m.Take(group)
	m.Copy(page, old, group, n)
	s.release(old)
	return page
}

// Advance returns the values of the recurrent layers to an operation that advances those of one layer from position pos to
// pos+n. No other state uses them.
func (s *State[P]) Advance(m Memory[P], layer, pos, n int) P {
	if s.carried == *new(P) {
		s.carried = m.Take(Carried)
		m.Clear(s.carried)
	} else {
		s.carried = s.own(m, s.carried, Carried, 0)
	}
	s.n, s.at[layer] = pos+n, pos+n
	return s.carried
}
