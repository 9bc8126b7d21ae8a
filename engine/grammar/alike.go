package grammar

// alike is how much of what may follow two configurations is known to be equal: any text of at most n bytes may follow both of them, or neither. It is at least that unless final is
// set, which says that looking further does not help.
type alike struct {
	n     int
	final bool
}

const (
	lookAhead  = 64  // bytes that are compared at once
	mostPairs  = 300 // of configurations that are compared at once
	leastAlike = 6   // bytes; masks of configurations that are less alike are computed apart
)

// longerThan are the numbers of bytes beyond which tokens are walked apart, see Vocabulary.longer.
var longerThan = []int{leastAlike, 12, 24}

// alike returns a number of bytes: each text that is not longer may follow both configurations or neither. The counted repetitions of an expression lead
// through configurations that are alike until the count is near its end.
func (m *machine) alike(c, d int32) int {
	if c == d {
		return maxPiece
	}
	first := pairOf(c, d)
	if a, ok := m.pairs[first]; ok && (a.final || a.n >= longerThan[len(longerThan)-1]) {
		return a.n
	}
	depths := map[[2]int32]int{first: 0}
	found := m.compare(depths, first)
	for pair, depth := range depths {
		m.pairs[pair] = alike{max(0, found.n-depth), found.final}
	}
	m.size += 50 * len(depths)
	return found.n
}

// compare compares what follows two configurations, shorter texts first. depths gets the pairs to which they lead, with the number of bytes after which.
func (m *machine) compare(depths map[[2]int32]int, first [2]int32) alike {
	level := [][2]int32{first}
	for depth := 0; len(level) > 0; depth++ {
		var next [][2]int32
		add := func(x, y int32) {
			if q := pairOf(x, y); !has(depths, q) {
				depths[q] = depth + 1
				next = append(next, q)
			}
		}
		for _, p := range level {
			if depth == lookAhead || len(depths) > mostPairs || len(m.sets[p[0]].items) > mostLocals || len(m.sets[p[1]].items) > mostLocals || m.size > freshAfter/2 || m.failed {
				return alike{n: depth}
			}
			if m.compareItems(p, add) {
				continue
			}
			for _, b := range m.g.bytes {
				x, y := m.step(p[0], b), m.step(p[1], b)
				if x == y {
					continue
				}
				if x == dead || y == dead {
					return alike{depth, true}
				}
				add(x, y)
			}
		}
		level = next
	}
	return alike{maxPiece, true}
}

// compareItems gives add what two configurations lead to that have the same nodes and differ in where their rules return, which takes a byte at least. It returns false for others.
func (m *machine) compareItems(p [2]int32, add func(x, y int32)) bool {
	a, b := m.sets[p[0]].items, m.sets[p[1]].items
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].node != b[i].node {
			return false
		}
	}
	for i := range a {
		if x, y := m.returned(a[i].below), m.returned(b[i].below); x != y {
			add(x, y)
		}
	}
	return true
}

func has(depths map[[2]int32]int, p [2]int32) bool {
	_, ok := depths[p]
	return ok
}

func pairOf(c, d int32) [2]int32 { return [2]int32{min(c, d), max(c, d)} }

// alikeAfter returns how much a configuration is alike to the one after text: as much as the links of a chain through configurations on the way.
func (m *machine) alikeAfter(from int32, text []byte) int {
	least, last, at := maxPiece, from, from
	for _, b := range text {
		if at = m.step(at, b); at == dead {
			return 0
		}
		if n := m.alike(last, at); n >= leastAlike { // others on the way are within a character
			last, least = at, min(least, n)
		}
	}
	if last != at {
		return 0
	}
	return least
}
