package grammar

import (
	"cmp"
	"slices"
)

// node is a state of the automaton of a rule.
type node struct {
	empty []int32 // nodes to which it goes without a byte
	edges []edge
	calls []calling
	final bool // the rule may end here
}

type edge struct {
	byteRange
	to int32
}

type calling struct{ rule, to int32 }

// rule is an automaton that begins at a node.
type rule struct {
	name  string
	start int32
}

// Grammar is a language, for any vocabulary. It is read-only.
type Grammar struct {
	rules   []rule // the first one is the whole text
	nodes   []node
	returns []bool     // of each node: nothing can follow but the end of its rule
	class   [256]uint8 // of each byte: bytes of one class are in the same edges
	classes int
	bytes   []byte // one of each class
}

// builder makes a Grammar of expressions.
type builder struct {
	g    Grammar
	full bool // there are more nodes than maxNodes; what is built counts for nothing
}

func newBuilder() *builder { return &builder{} }

// declare adds a rule whose expression is set later.
func (b *builder) declare(name string) int {
	b.g.rules = append(b.g.rules, rule{name, b.node()})
	return len(b.g.rules) - 1
}

// define sets the expression of a rule.
func (b *builder) define(i int, e expr) {
	end := b.add(b.g.rules[i].start, e)
	b.g.nodes[end].final = true
}

func (b *builder) rule(name string, e expr) call {
	i := b.declare(name)
	b.define(i, e)
	return call(i)
}

func (b *builder) node() int32 {
	if len(b.g.nodes) >= maxNodes {
		b.full = true
		return 0
	}
	b.g.nodes = append(b.g.nodes, node{})
	return int32(len(b.g.nodes) - 1)
}

func (b *builder) empty(from, to int32) {
	if !b.full {
		b.g.nodes[from].empty = append(b.g.nodes[from].empty, to)
	}
}

func (b *builder) edge(from int32, r byteRange, to int32) {
	if !b.full {
		b.g.nodes[from].edges = append(b.g.nodes[from].edges, edge{r, to})
	}
}

// add builds an expression behind a node and returns the node at its end.
func (b *builder) add(from int32, e expr) int32 {
	if b.full {
		return from
	}
	switch e := e.(type) {
	case literal:
		for i := range len(e) {
			to := b.node()
			b.edge(from, byteRange{e[i], e[i]}, to)
			from = to
		}
		return from
	case seq:
		for _, x := range e {
			from = b.add(from, x)
		}
		return from
	case runes:
		to := b.node()
		b.addRunes(from, e, to)
		return to
	case alt:
		to := b.node()
		for _, x := range e {
			begin := b.node() // an expression may go back to its beginning
			b.empty(from, begin)
			b.empty(b.add(begin, x), to)
		}
		return to
	case call:
		to := b.node()
		b.g.nodes[from].calls = append(b.g.nodes[from].calls, calling{int32(e), to})
		return to
	case repeat:
		return b.addRepeat(from, e)
	case both:
		return b.addBoth(from, e)
	case multiple:
		return b.addMultiple(from, e)
	case object:
		return b.addObject(from, e)
	case array:
		return b.addArray(from, e)
	}
	panic("grammar: unknown expression")
}

func (b *builder) addRepeat(from int32, e repeat) int32 {
	for i := 0; i < e.min && !b.full; i++ {
		to := b.add(from, e.expr)
		if to == from { // it is empty
			break
		}
		from = to
	}
	if e.max < 0 {
		loop := b.node()
		b.empty(from, loop)
		b.empty(b.add(loop, e.expr), loop)
		end := b.node()
		b.empty(loop, end)
		return end
	}
	end := b.node()
	for i := e.min; i < e.max && !b.full; i++ {
		b.empty(from, end)
		begin := b.node()
		b.empty(from, begin)
		from = b.add(begin, e.expr)
	}
	b.empty(from, end)
	return end
}

// addRunes adds edges for characters. Sequences with equal ends share these.
func (b *builder) addRunes(from int32, r runes, to int32) {
	type tail struct {
		byteRange
		to int32
	}
	shared := map[tail]int32{}
	for i := 0; i < len(r); i += 2 {
		utf8Ranges(r[i], r[i+1], func(ranges []byteRange) {
			to := to
			for i := len(ranges) - 1; i > 0; i-- {
				key := tail{ranges[i], to}
				n, ok := shared[key]
				if !ok {
					n = b.node()
					b.edge(n, ranges[i], to)
					shared[key] = n
				}
				to = n
			}
			b.edge(from, ranges[0], to)
		})
	}
}

// addBoth builds the product of two automata, which are made deterministic: else it would have the pairs of all ways to follow a text.
func (b *builder) addBoth(from int32, e both) int32 {
	end := b.node()
	x, y := b.deterministic(e.a), b.deterministic(e.b)
	if x == nil || y == nil {
		return end
	}
	type pair struct{ x, y int32 }
	first := pair{x.start(), y.start()}
	nodes := map[pair]int32{first: b.node()} // it may go back there
	b.empty(from, nodes[first])
	work := []pair{first}
	for len(work) > 0 && !b.full {
		p := work[len(work)-1]
		work = work[:len(work)-1]
		if x.sets[p.x].end && y.sets[p.y].end {
			b.empty(nodes[p], end)
		}
		for lo := 0; lo < 256; {
			to := pair{x.step(p.x, byte(lo)), y.step(p.y, byte(lo))}
			hi := lo
			for hi < 255 && (pair{x.step(p.x, byte(hi+1)), y.step(p.y, byte(hi+1))}) == to {
				hi++
			}
			if to.x != dead && to.y != dead {
				n, ok := nodes[to]
				if !ok {
					n = b.node()
					nodes[to] = n
					work = append(work, to)
				}
				b.edge(nodes[p], byteRange{byte(lo), byte(hi)}, n)
			}
			lo = hi + 1
		}
		b.full = b.full || len(nodes) > maxProducts || x.failed || y.failed
	}
	return end
}

// deterministic returns a machine that follows an expression without calls; nil if nothing matches.
func (b *builder) deterministic(e expr) *machine {
	sub := newBuilder()
	sub.rule("", e)
	g, err := sub.finish("")
	b.full = b.full || sub.full
	if err != nil {
		return nil
	}
	return newMachine(g)
}

// addMultiple builds the automaton of remainders, once for the digits before the point and once for each behind it.
func (b *builder) addMultiple(from int32, e multiple) int32 {
	layers := make([][]int32, 1)
	if e.decimals > 0 {
		layers = make([][]int32, e.decimals+2) // behind the point, and behind each digit
	}
	for i := range layers {
		for range e.of {
			layers[i] = append(layers[i], b.node())
		}
	}
	digit := func(at int32, r int, layer []int32) {
		for d := range 10 {
			b.edge(at, byteRange{byte('0' + d), byte('0' + d)}, layer[(r*10+d)%e.of])
		}
	}
	if b.full {
		return from
	}
	digit(from, 0, layers[0])
	for r, n := range layers[0] {
		digit(n, r, layers[0])
	}
	for i := 1; i < len(layers); i++ {
		for r, n := range layers[i-1] {
			if i == 1 {
				b.edge(n, byteRange{'.', '.'}, layers[1][r])
			} else {
				digit(n, r, layers[i])
			}
		}
	}
	return layers[len(layers)-1][0]
}

// finish prunes the rules and checks that the language can be followed.
func (b *builder) finish(kind string) (*Grammar, error) {
	fail := func(at, reason string) (*Grammar, error) { return nil, &Error{Kind: kind, At: at, Reason: reason} }
	if b.full {
		return fail("", "it is too large: repetitions and alternatives are written out")
	}
	g := &b.g
	if !g.prune() {
		return fail("", "no text can satisfy it")
	}
	if name, found := g.leftRecursion(); found {
		return fail("rule "+name, "the rule can begin with itself, so it can't be followed from left to right")
	}
	g.findReturns()
	g.classify()
	return g, nil
}

// classify divides the bytes into classes.
func (g *Grammar) classify() {
	var begins [257]bool
	for _, n := range g.nodes {
		for _, e := range n.edges {
			begins[e.lo], begins[int(e.hi)+1] = true, true
		}
	}
	class := 0
	g.bytes = []byte{0}
	for i := 1; i < 256; i++ {
		if begins[i] {
			class++
			g.bytes = append(g.bytes, byte(i))
		}
		g.class[i] = uint8(class)
	}
	g.classes = class + 1
}

// runeRange is a range of characters.
type runeRange struct{ lo, hi rune }

func (r runes) sorted() []runeRange {
	var out []runeRange
	for i := 0; i < len(r); i += 2 {
		out = append(out, runeRange{r[i], r[i+1]})
	}
	slices.SortFunc(out, func(a, b runeRange) int { return cmp.Compare(a.lo, b.lo) })
	return out
}
