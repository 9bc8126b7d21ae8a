// Package bidi orders text of two directions, such as Arabic with numbers or English words in it, by the Unicode
// bidirectional algorithm: https://www.unicode.org/reports/tr9/ (its rules are named in the comments).
//
//	text in reading order ──Levels──▶ a level for each rune: even is left to right, odd right to left
//	levels of a line ──Trim, Runs──▶ runs of one level, from left to right
//
// golang.org/x/text/unicode/bidi, from which the classes of the runes come, does not tell the levels, and without them numbers
// in text from right to left can't be placed.
package bidi

import (
	"slices"

	"golang.org/x/text/unicode/bidi"
)

// Directions of a paragraph, as its embedding level.
const (
	LTR = 0
	RTL = 1
)

// maxDepth is the deepest level that explicit embeddings reach (BD2).
const maxDepth = 125

// class returns the bidirectional class of a rune.
func class(r rune) bidi.Class {
	if r < 0x80 {
		return ascii[r]
	}
	p, _ := bidi.LookupRune(r)
	return p.Class()
}

var ascii = func() (c [0x80]bidi.Class) {
	for r := range c {
		p, _ := bidi.LookupRune(rune(r))
		c[r] = p.Class()
	}
	return c
}()

// Needed reports whether a text has runes that may be written from right to left. Where it has none, all levels are LTR.
func Needed(text string) bool {
	for i := 0; i < len(text); i++ {
		// The lead bytes of U+0590 … U+08FF, U+2000 … U+2FFF, U+F000 … U+FFFF and of what is above U+10000.
		if c := text[i]; c < 0xd6 || c > 0xe0 && c != 0xe2 && c != 0xef && c < 0xf0 {
			continue
		}
		for _, r := range text[i:] {
			if r < 0x590 || r >= 0x900 && r < 0x200e || r > 0x206f && r < 0xfb1d {
				continue
			}
			switch class(r) {
			case bidi.R, bidi.AL, bidi.AN, bidi.RLE, bidi.RLO, bidi.RLI, bidi.LRE, bidi.LRO, bidi.LRI, bidi.FSI:
				return true
			}
		}
		return false
	}
	return false
}

// Direction returns the direction of a paragraph: that of its first letter outside isolates (P2, P3), otherwise one that is
// given.
func Direction(text []rune, otherwise int) int {
	depth := 0
	for _, r := range text {
		switch class(r) {
		case bidi.L:
			if depth == 0 {
				return LTR
			}
		case bidi.R, bidi.AL:
			if depth == 0 {
				return RTL
			}
		case bidi.LRI, bidi.RLI, bidi.FSI:
			depth++
		case bidi.PDI:
			depth = max(0, depth-1)
		}
	}
	return otherwise
}

// Levels returns the level of each rune of a paragraph of the given direction.
func Levels(text []rune, direction int) []uint8 {
	p := paragraph{text: text, base: uint8(direction), classes: make([]bidi.Class, len(text)), levels: make([]uint8, len(text)),
		skipped: make([]bool, len(text)), pair: make([]int, len(text))}
	for i, r := range text {
		p.classes[i] = class(r)
	}
	p.pairIsolates()
	p.explicit()
	for _, s := range p.sequences() {
		s.weak()
		s.brackets()
		s.neutral()
		s.implicit()
	}
	last := p.base
	for i := range p.levels {
		if p.skipped[i] {
			p.levels[i] = last
		}
		last = p.levels[i]
	}
	return p.levels
}

// paragraph is a paragraph whose levels are being resolved.
type paragraph struct {
	text    []rune
	base    uint8
	classes []bidi.Class
	levels  []uint8
	skipped []bool // runes that the rules behind X9 do not see
	pair    []int  // of an isolate's initiator, its end, and the other way round; -1: none
}

// pairIsolates finds the end of each isolate (BD9).
func (p *paragraph) pairIsolates() {
	var open []int
	for i, c := range p.classes {
		p.pair[i] = -1
		switch c {
		case bidi.LRI, bidi.RLI, bidi.FSI:
			open = append(open, i)
		case bidi.PDI:
			if n := len(open); n > 0 {
				p.pair[i], p.pair[open[n-1]] = open[n-1], i
				open = open[:n-1]
			}
		}
	}
}

// status is an entry of the directional status stack (X1).
type status struct {
	level    uint8
	override bidi.Class // L or R; ON: none
	isolate  bool
}

// explicit applies embeddings, overrides and isolates (X1 … X8).
func (p *paragraph) explicit() {
	stack := []status{{level: p.base, override: bidi.ON}}
	overIsolates, overEmbeddings, isolates := 0, 0, 0
	for i, c := range p.classes {
		top := stack[len(stack)-1]
		p.levels[i] = top.level
		switch c {
		case bidi.RLE, bidi.LRE, bidi.RLO, bidi.LRO:
			p.skipped[i] = true
			right := c == bidi.RLE || c == bidi.RLO
			if next := nextLevel(top.level, right); next <= maxDepth && overIsolates == 0 && overEmbeddings == 0 {
				override := bidi.ON
				if c == bidi.RLO {
					override = bidi.R
				} else if c == bidi.LRO {
					override = bidi.L
				}
				stack = append(stack, status{next, override, false})
			} else if overIsolates == 0 {
				overEmbeddings++
			}
		case bidi.LRI, bidi.RLI, bidi.FSI:
			p.override(i, top)
			right := c == bidi.RLI
			if c == bidi.FSI {
				end := p.pair[i]
				if end < 0 {
					end = len(p.text)
				}
				right = Direction(p.text[i+1:end], LTR) == RTL
			}
			if next := nextLevel(top.level, right); next <= maxDepth && overIsolates == 0 && overEmbeddings == 0 {
				isolates++
				stack = append(stack, status{next, bidi.ON, true})
			} else {
				overIsolates++
			}
		case bidi.PDI:
			switch {
			case overIsolates > 0:
				overIsolates--
			case isolates > 0:
				overEmbeddings = 0
				for !stack[len(stack)-1].isolate {
					stack = stack[:len(stack)-1]
				}
				stack = stack[:len(stack)-1]
				isolates--
			}
			top = stack[len(stack)-1]
			p.levels[i] = top.level
			p.override(i, top)
		case bidi.PDF:
			p.skipped[i] = true
			switch {
			case overIsolates > 0:
			case overEmbeddings > 0:
				overEmbeddings--
			case !top.isolate && len(stack) > 1:
				stack = stack[:len(stack)-1]
			}
		case bidi.BN:
			p.skipped[i] = true
		case bidi.B:
			p.levels[i] = p.base
		default:
			p.override(i, top)
		}
	}
}

func (p *paragraph) override(i int, s status) {
	if s.override != bidi.ON {
		p.classes[i] = s.override
	}
}

// nextLevel returns the least greater level of a direction.
func nextLevel(level uint8, right bool) uint8 {
	if right {
		return (level + 1) | 1
	}
	return (level + 2) &^ 1
}

// sequences returns the isolating run sequences (X10): runs of one level, those that an isolate interrupts joined.
func (p *paragraph) sequences() (list []*sequence) {
	var runs [][]int
	runOf := map[int]int{} // by the first rune
	for i := range p.text {
		if p.skipped[i] {
			continue
		}
		if n := len(runs); n > 0 {
			if last := runs[n-1]; p.levels[last[len(last)-1]] == p.levels[i] {
				runs[n-1] = append(last, i)
				continue
			}
		}
		runOf[i] = len(runs)
		runs = append(runs, []int{i})
	}
	for _, run := range runs {
		if first := run[0]; p.isPDI(first) && p.pair[first] >= 0 {
			continue // it goes on a sequence that was begun before
		}
		s := &sequence{p: p}
		for {
			s.at = append(s.at, run...)
			end := p.pair[run[len(run)-1]]
			if !p.isInitiator(run[len(run)-1]) || end < 0 {
				break
			}
			run = runs[runOf[end]]
		}
		s.borders()
		list = append(list, s)
	}
	return list
}

func (p *paragraph) isPDI(i int) bool { return p.text[i] == 0x2069 }

func (p *paragraph) isInitiator(i int) bool { return p.text[i] >= 0x2066 && p.text[i] <= 0x2068 }

// Strong reports whether a text has a letter that is written from right to left.
func Strong(text string) bool {
	for _, r := range text {
		if c := class(r); c == bidi.R && r != 0x200f || c == bidi.AL && r != 0x61c {
			return true
		}
	}
	return false
}

// Trim gives the blanks at the end of a line the level of the paragraph (L1).
func Trim(text []rune, levels []uint8, direction int) {
	blank := true
	for i := len(text) - 1; i >= 0; i-- {
		switch class(text[i]) {
		case bidi.S, bidi.B:
			blank = true
			levels[i] = uint8(direction)
		case bidi.WS, bidi.LRI, bidi.RLI, bidi.FSI, bidi.PDI, bidi.BN, bidi.LRE, bidi.RLE, bidi.LRO, bidi.RLO, bidi.PDF:
			if blank {
				levels[i] = uint8(direction)
			}
		default:
			blank = false
		}
	}
}

// Reorder returns the order in which parts of a line of the given levels stand, from left to right (L2).
func Reorder(levels []uint8) []int {
	order := make([]int, len(levels))
	for i := range order {
		order[i] = i
	}
	if len(levels) == 0 {
		return order
	}
	for level := slices.Max(levels); level > 0; level-- {
		for i := 0; i < len(order); i++ {
			if levels[order[i]] < level {
				continue
			}
			end := i
			for end < len(order) && levels[order[end]] >= level {
				end++
			}
			slices.Reverse(order[i:end])
			i = end
		}
	}
	return order
}
