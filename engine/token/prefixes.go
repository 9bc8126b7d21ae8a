package token

import (
	"cmp"
	"slices"
	"sort"
)

// prefixes finds the spellings that a text begins with. They are sorted; each byte of the text narrows
// the range of spellings that agree with it so far, as in specials. So a look-up reads no more bytes
// than the longest match and one more.
type prefixes struct {
	all   []spelling
	start [256][2]int32 // range in all for each first byte
}

// spelling is the spelling of a token.
type spelling struct {
	text string
	id   int32
}

func newPrefixes(all []spelling) *prefixes {
	all = slices.DeleteFunc(all, func(x spelling) bool { return x.text == "" })
	slices.SortFunc(all, func(a, b spelling) int { return cmp.Or(cmp.Compare(a.text, b.text), cmp.Compare(a.id, b.id)) })
	p := &prefixes{all: all}
	for i, x := range all {
		r := &p.start[x.text[0]]
		if r[1] == 0 {
			r[0] = int32(i)
		}
		r[1] = int32(i + 1)
	}
	return p
}

// node is a range of spellings that begin with the same depth bytes.
type node struct{ lo, hi, depth int }

// begin returns the node of all spellings.
func (p *prefixes) begin() node { return node{0, len(p.all), 0} }

// step narrows a node by the next byte of the text. It returns the token whose spelling is complete
// with it, or none. The node is empty, lo == hi, if no spelling goes on so.
func (p *prefixes) step(at *node, c byte) int32 {
	switch d := at.depth; {
	case d == 0:
		at.lo, at.hi = int(p.start[c][0]), int(p.start[c][1])
	case at.hi-at.lo == 1:
		if p.all[at.lo].text[d] != c {
			at.lo = at.hi
		}
	default:
		lo, n := at.lo, at.hi-at.lo
		at.lo = lo + sort.Search(n, func(i int) bool { return p.all[lo+i].text[d] >= c })
		at.hi = lo + sort.Search(n, func(i int) bool { return p.all[lo+i].text[d] > c })
	}
	at.depth++
	id := none
	for at.lo < at.hi && len(p.all[at.lo].text) == at.depth { // equal spellings: the last id counts
		id = p.all[at.lo].id
		at.lo++
	}
	return id
}

// longest returns the length and the token of the longest spelling that text begins with, 0 and none if
// there is none. The spellings' first bytes are those that led to from.
func (p *prefixes) longest(from node, text string) (n int, id int32) {
	id = none
	for i := 0; i < len(text) && from.lo < from.hi; i++ {
		if found := p.step(&from, text[i]); found != none {
			n, id = i+1, found
		}
	}
	return n, id
}
