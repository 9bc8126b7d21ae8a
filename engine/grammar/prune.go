package grammar

import "slices"

// prune removes what never leads to the end of a rule. It returns false if the first rule has no end.
func (g *Grammar) prune() bool {
	alive := g.findAlive()
	if !alive[g.rules[0].start] {
		return false
	}
	for i := range g.nodes {
		n := &g.nodes[i]
		n.empty = slices.DeleteFunc(n.empty, func(to int32) bool { return !alive[to] })
		n.edges = slices.DeleteFunc(n.edges, func(e edge) bool { return !alive[e.to] })
		n.calls = slices.DeleteFunc(n.calls, func(c calling) bool { return !alive[c.to] || !alive[g.rules[c.rule].start] })
	}
	return true
}

// findAlive returns for each node whether its rule can end from there.
func (g *Grammar) findAlive() []bool {
	alive := make([]bool, len(g.nodes))
	before := make([][]int32, len(g.nodes))
	callers := make([][]int32, len(g.nodes)) // of the rule that begins at a node
	var work []int32
	for i := range g.nodes {
		n, at := &g.nodes[i], int32(i)
		for _, to := range n.empty {
			before[to] = append(before[to], at)
		}
		for _, e := range n.edges {
			before[e.to] = append(before[e.to], at)
		}
		for _, c := range n.calls {
			before[c.to] = append(before[c.to], at)
			start := g.rules[c.rule].start
			callers[start] = append(callers[start], at)
		}
		if n.final {
			work = append(work, at)
			alive[i] = true
		}
	}
	for len(work) > 0 {
		at := work[len(work)-1]
		work = work[:len(work)-1]
		for _, list := range [][]int32{before[at], callers[at]} {
			for _, p := range list {
				if !alive[p] && g.leads(p, alive) {
					alive[p] = true
					work = append(work, p)
				}
			}
		}
	}
	return alive
}

// leads reports whether a node leads to a node that is alive.
func (g *Grammar) leads(at int32, alive []bool) bool {
	n := &g.nodes[at]
	return slices.ContainsFunc(n.empty, func(to int32) bool { return alive[to] }) ||
		slices.ContainsFunc(n.edges, func(e edge) bool { return alive[e.to] }) ||
		slices.ContainsFunc(n.calls, func(c calling) bool { return alive[c.to] && alive[g.rules[c.rule].start] })
}

// leftRecursion returns a rule that can call itself before any byte.
func (g *Grammar) leftRecursion() (name string, found bool) {
	left := g.leftCalls()
	const unseen, open, done = 0, 1, 2
	state := make([]int, len(g.rules))
	var visit func(int32) bool
	visit = func(r int32) bool {
		state[r] = open
		for _, c := range left[r] {
			if state[c] == open || state[c] == unseen && visit(c) {
				if name == "" {
					name = g.rules[c].name
				}
				return true
			}
		}
		state[r] = done
		return false
	}
	for r := range g.rules {
		if state[r] == unseen && visit(int32(r)) {
			return name, true
		}
	}
	return "", false
}

// leftCalls returns for each rule the rules that it can call before any byte.
func (g *Grammar) leftCalls() [][]int32 {
	left := make([][]int32, len(g.rules))
	owner := make([]int32, len(g.nodes)) // the rule, plus one, that reaches a node without a byte; 0: none
	nullable := make([]bool, len(g.rules))
	waiting := make([][]calling, len(g.rules)) // calls of a rule that reach a node if the rule can be empty, with the rule that calls
	var work []int32
	reach := func(to, rule int32) {
		if owner[to] == 0 {
			owner[to] = rule + 1
			work = append(work, to)
		}
	}
	for r := range g.rules {
		reach(g.rules[r].start, int32(r))
	}
	for len(work) > 0 {
		n, r := &g.nodes[work[len(work)-1]], owner[work[len(work)-1]]-1
		work = work[:len(work)-1]
		for _, to := range n.empty {
			reach(to, r)
		}
		for _, c := range n.calls {
			left[r] = append(left[r], c.rule)
			if nullable[c.rule] {
				reach(c.to, r)
			} else {
				waiting[c.rule] = append(waiting[c.rule], calling{r, c.to})
			}
		}
		if n.final && !nullable[r] {
			nullable[r] = true
			for _, w := range waiting[r] {
				reach(w.to, w.rule)
			}
		}
	}
	return left
}

// findReturns sets returns: of nodes from which only empty steps to one end of the rule lead.
func (g *Grammar) findReturns() {
	g.returns = make([]bool, len(g.nodes))
	for i := range g.nodes {
		n := &g.nodes[i]
		for steps := 0; len(n.empty) == 1 && len(n.edges) == 0 && len(n.calls) == 0 && !n.final && steps < 100; steps++ {
			n = &g.nodes[n.empty[0]]
		}
		g.returns[i] = n.final && len(n.empty) == 0 && len(n.edges) == 0 && len(n.calls) == 0
	}
}
