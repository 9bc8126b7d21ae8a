package state

import "slices"

// each calls do with n and all nodes below. do must not change the tree.
func (n *node) each(do func(*node)) {
	do(n)
	for _, c := range n.next {
		c.each(do)
	}
}

// above returns the nodes on the way to n that hold a state, the first one first.
func (n *node) above() (path []*node) {
	for p := n.parent; p != nil; p = p.parent {
		if p.held != nil {
			path = append(path, p)
		}
	}
	slices.Reverse(path)
	return path
}

// insert returns the node of the tokens that follow n; it is made if it is not there.
func (t *Tree) insert(n *node, tokens []int32) *node {
	for len(tokens) > 0 {
		c := n.next[tokens[0]]
		if c == nil {
			return n.add(slices.Clone(tokens))
		}
		k := common(c.edge, tokens)
		if k < len(c.edge) {
			c = c.split(k)
		}
		n, tokens = c, tokens[k:]
	}
	return n
}

// add gives n a child.
func (n *node) add(edge []int32) *node {
	c := &node{parent: n, edge: edge, depth: n.depth + len(edge)}
	if n.next == nil {
		n.next = map[int32]*node{}
	}
	n.next[edge[0]] = c
	return c
}

// split puts a node behind the first k tokens of n's edge and returns it.
func (n *node) split(k int) *node {
	upper := n.parent.add(n.edge[:k:k])
	upper.next = map[int32]*node{n.edge[k]: n}
	n.parent, n.edge = upper, n.edge[k:]
	return upper
}

// tidy removes n, and then its parents, while they serve nothing.
func (n *node) tidy() {
	for n.parent != nil && n.held == nil && len(n.live) == 0 && len(n.next) < 2 {
		up := n.parent
		delete(up.next, n.edge[0])
		for _, c := range n.next { // one at most
			c.edge = append(slices.Clip(n.edge), c.edge...)
			c.parent = up
			up.next[c.edge[0]] = c
		}
		n.parent = nil // it is no part of the tree any more
		n = up
	}
}

// common counts the tokens that a and b both begin with.
func common(a, b []int32) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
