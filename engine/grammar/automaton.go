package grammar

import (
	"encoding/binary"
	"slices"
)

// machine follows a grammar from byte to byte. A configuration is what may be going on after some bytes: the nodes at which
// the text may be, each with the places to which its rule may return, each of these with its own, and so on. Places with
// equal nodes are one, so that ambiguities do not multiply (a graph-structured stack):
//
//	configuration: node 7 ─▶ {node 3 ─▶ {end}, node 9 ─▶ {node 3 ─▶ {end}}}
//
// Sets of places are numbered, and equal ones have one number; configurations are such sets too. Where a byte leads is
// computed once for each class of bytes. Not safe for concurrent use.
type machine struct {
	g      *Grammar
	sets   []set
	ids    map[string]int32
	next   []int32 // [sets × classes]: the configuration after a byte; unknown
	unions map[[2]int32]int32
	pairs  map[[2]int32]alike
	popped map[int32]int32 // the configuration in which a set of places is returned to
	size   int             // of sets and next, in bytes, about

	below  []int32 // of each node in the closure under way
	stamp  []int32
	round  int32
	work   []int32
	seen   []int32
	atEnd  bool
	failed bool // a limit was exceeded
	key    []byte
	items  []item
}

// set is a set of places, sorted by node. end says that the text may end there.
type set struct {
	items []item
	end   bool
}

// item is a node, with the set to which its rule returns.
type item struct{ node, below int32 }

const (
	unknown = -1
	ended   = int32(0) // the set of the end alone
	dead    = int32(1) // the empty set

	maxSize  = 256 << 20 // bytes
	maxItems = 4096      // of a configuration
)

func newMachine(g *Grammar) *machine {
	m := &machine{g: g, ids: map[string]int32{}, unions: map[[2]int32]int32{}, popped: map[int32]int32{}, pairs: map[[2]int32]alike{},
		below: make([]int32, len(g.nodes)), stamp: make([]int32, len(g.nodes))}
	m.intern(nil, true)
	m.intern(nil, false)
	return m
}

// start returns the configuration before the first byte.
func (m *machine) start() int32 {
	m.begin()
	m.add(m.g.rules[0].start, ended)
	return m.finish()
}

// step returns the configuration after a byte.
func (m *machine) step(c int32, b byte) int32 {
	at := int(c)*m.g.classes + int(m.g.class[b])
	if to := m.next[at]; to != unknown {
		return to
	}
	m.begin()
	for _, it := range m.sets[c].items {
		for _, e := range m.g.nodes[it.node].edges {
			if e.lo <= b && b <= e.hi {
				m.add(e.to, it.below)
			}
		}
	}
	to := m.finish()
	m.next[at] = to
	return to
}

// returned returns the configuration in which the places of a set are reached.
func (m *machine) returned(s int32) int32 {
	if c, ok := m.popped[s]; ok {
		return c
	}
	m.begin()
	m.pop(s)
	c := m.finish()
	m.popped[s] = c
	return c
}

func (m *machine) begin() {
	m.round++
	m.work, m.seen, m.atEnd = m.work[:0], m.seen[:0], false
}

// add adds a place to the closure.
func (m *machine) add(node, below int32) {
	if m.stamp[node] == m.round {
		if below = m.union(m.below[node], below); below == m.below[node] {
			return
		}
	} else {
		m.stamp[node] = m.round
		m.seen = append(m.seen, node)
	}
	m.below[node] = below
	m.work = append(m.work, node)
}

func (m *machine) pop(s int32) {
	m.atEnd = m.atEnd || m.sets[s].end
	for _, it := range m.sets[s].items {
		m.add(it.node, it.below)
	}
}

// finish closes the closure under empty steps, calls and returns, and returns the configuration of the places that wait for a byte.
func (m *machine) finish() int32 {
	for len(m.work) > 0 && !m.failed {
		at := m.work[len(m.work)-1]
		m.work = m.work[:len(m.work)-1]
		n, below := &m.g.nodes[at], m.below[at]
		for _, to := range n.empty {
			m.add(to, below)
		}
		for _, c := range n.calls {
			to := below
			if !m.g.returns[c.to] { // a call at the end of a rule returns where the rule returns
				m.items = append(m.items[:0], item{c.to, below})
				to = m.intern(m.items, false)
			}
			m.add(m.g.rules[c.rule].start, to)
		}
		if n.final {
			m.pop(below)
		}
	}
	m.items = m.items[:0]
	for _, at := range m.seen {
		if len(m.g.nodes[at].edges) > 0 {
			m.items = append(m.items, item{at, m.below[at]})
		}
	}
	slices.SortFunc(m.items, func(a, b item) int { return int(a.node - b.node) })
	m.failed = m.failed || len(m.items) > maxItems
	return m.intern(m.items, m.atEnd)
}

// intern returns the number of a set. It copies items.
func (m *machine) intern(items []item, end bool) int32 {
	m.key = m.key[:0]
	if end {
		m.key = append(m.key, 1)
	}
	for _, it := range items {
		m.key = binary.LittleEndian.AppendUint32(m.key, uint32(it.node))
		m.key = binary.LittleEndian.AppendUint32(m.key, uint32(it.below))
	}
	if id, ok := m.ids[string(m.key)]; ok {
		return id
	}
	id := int32(len(m.sets))
	m.ids[string(m.key)] = id
	m.sets = append(m.sets, set{slices.Clone(items), end})
	for range m.g.classes {
		m.next = append(m.next, unknown)
	}
	m.size += 4*m.g.classes + 100 + 24*len(items)
	m.failed = m.failed || m.size > maxSize
	return id
}

// union returns the set of the places of two.
func (m *machine) union(a, b int32) int32 {
	switch {
	case a == b, b == dead:
		return a
	case a == dead:
		return b
	case a > b:
		a, b = b, a
	}
	if u, ok := m.unions[[2]int32{a, b}]; ok {
		return u
	}
	x, y := m.sets[a].items, m.sets[b].items
	var items []item
	for len(x) > 0 || len(y) > 0 {
		switch {
		case len(y) == 0 || len(x) > 0 && x[0].node < y[0].node:
			items, x = append(items, x[0]), x[1:]
		case len(x) == 0 || y[0].node < x[0].node:
			items, y = append(items, y[0]), y[1:]
		default:
			items = append(items, item{x[0].node, m.union(x[0].below, y[0].below)})
			x, y = x[1:], y[1:]
		}
	}
	u := m.intern(items, m.sets[a].end || m.sets[b].end)
	m.unions[[2]int32{a, b}] = u
	m.size += 50
	return u
}
