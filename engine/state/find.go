package state

import (
	"cmp"
	"errors"
	"slices"

	"soberano/kernels"
)

// find returns a state of the longest beginning of tokens that there is with the key, nil if there is none.
// If take is true, it may be an idle state, which leaves the tree, instead of a fork of it.
func (t *Tree) find(key string, tokens []int32, take bool) (kernels.State, error) {
	path := t.match(key, tokens)
	var below *node // what has been tried already
	for i := len(path) - 1; i >= 0; i-- {
		at := path[i]
		if at.depth == 0 {
			break
		}
		for _, src := range at.node.sources(below) {
			if st, err := t.at(src, at.depth, take); st != nil || err != nil {
				return st, err
			}
		}
		below = at.node
	}
	return nil, nil
}

// place is a node and how many tokens the way to it shares with what is looked for.
type place struct {
	node  *node
	depth int
}

// match returns the places that tokens pass, from the root on. The last one may be inside a
// node's edge.
func (t *Tree) match(key string, tokens []int32) []place {
	n := t.root(key)
	path := []place{{n, 0}}
	for len(tokens) > 0 {
		c := n.next[tokens[0]]
		if c == nil {
			break
		}
		k := common(c.edge, tokens)
		path = append(path, place{c, n.depth + k})
		if k < len(c.edge) {
			break
		}
		n, tokens = c, tokens[k:]
	}
	return path
}

// sources returns the nodes at or below n that have a state, but not those at or below except;
// the shortest states, which have let go of least, come first.
func (n *node) sources(except *node) (found []*node) {
	var walk func(*node)
	walk = func(n *node) {
		if n == except {
			return
		}
		if n.held != nil || len(n.live) > 0 {
			found = append(found, n)
		}
		for _, c := range n.next {
			walk(c)
		}
	}
	walk(n)
	slices.SortFunc(found, func(a, b *node) int { return cmp.Compare(a.depth, b.depth) })
	return found
}

// at returns a state of the first depth tokens of those of n, nil if n's can't go back there.
func (t *Tree) at(n *node, depth int, take bool) (kernels.State, error) {
	if n.held == nil {
		return back(n.live[0].State, depth)
	}
	if depth >= worthKeeping {
		t.clock++
		n.held.used = t.clock
	}
	if st := n.held.state; take && n.depth-depth <= worthKeeping && st.Truncate(depth) {
		// It is not needed any more: the sequence that continues it can go back to all of it.
		n.held = nil
		n.tidy()
		return st, nil
	}
	return back(n.held.state, depth)
}

// back forks a state and makes it go back to n positions; it returns nil if it can't.
func back(st kernels.State, n int) (kernels.State, error) {
	f, err := st.Fork()
	if err != nil || f.Truncate(n) {
		return f, err
	}
	return nil, f.Close()
}

// reaches reports whether a state can go back to n positions.
func reaches(st kernels.State, n int) (bool, error) {
	f, err := back(st, n)
	if err != nil || f == nil {
		return false, err
	}
	return true, f.Close()
}

// settle closes the states on the way to n that are worth nothing beside n's own, and the
// closest ones where there are too many.
func (t *Tree) settle(n *node) error {
	path := append(n.above(), n)
	var errs error
	var gone []*node
	let := func(i int) {
		gone = append(gone, path[i])
		errs = errors.Join(errs, path[i].held.state.Close())
		path[i].held = nil
		path = slices.Delete(path, i, i+1)
	}
	for i := 0; i < len(path)-1; {
		ok, err := covers(path, i, n)
		if errs = errors.Join(errs, err); ok {
			let(i)
		} else {
			i++
		}
	}
	for len(path) > MostOnPath {
		i := closest(path)
		if i < 0 {
			break
		}
		let(i)
	}
	for _, p := range gone {
		p.tidy()
	}
	return errs
}

// covers reports whether the state of n can go back to where the one before path[i] ends, or
// to the first position: then path[i] gives nothing that these two do not.
func covers(path []*node, i int, n *node) (bool, error) {
	before := 1
	if i > 0 {
		before = path[i-1].depth
	}
	return reaches(n.held.state, before)
}

// closest returns which of the nodes on a path, but the last, leaves the smallest gap if it
// goes; not one where the path branches, since others may need it. -1: there is none.
func closest(path []*node) int {
	best, gap := -1, 0
	for i, n := range path[:len(path)-1] {
		before := 0
		if i > 0 {
			before = path[i-1].depth
		}
		if g := path[i+1].depth - before; len(n.next) <= 1 && (best < 0 || g < gap) {
			best, gap = i, g
		}
	}
	return best
}
