package bidi

import (
	"slices"

	"golang.org/x/text/unicode/bidi"
)

// sequence is an isolating run sequence: runes that the rules see as neighbours.
type sequence struct {
	p        *paragraph
	at       []int // offsets of its runes
	sos, eos bidi.Class
}

func (s *sequence) level() uint8 { return s.p.levels[s.at[0]] }

// embedding returns the direction of the sequence's level.
func (s *sequence) embedding() bidi.Class { return direction(s.level()) }

func direction(level uint8) bidi.Class {
	if level%2 == 1 {
		return bidi.R
	}
	return bidi.L
}

// borders finds the directions at the beginning and at the end of the sequence (X10).
func (s *sequence) borders() {
	p := s.p
	before, after := p.base, p.base
	for i := s.at[0] - 1; i >= 0; i-- {
		if !p.skipped[i] {
			before = p.levels[i]
			break
		}
	}
	if last := s.at[len(s.at)-1]; !p.isInitiator(last) || p.pair[last] >= 0 {
		for i := last + 1; i < len(p.text); i++ {
			if !p.skipped[i] {
				after = p.levels[i]
				break
			}
		}
	}
	s.sos, s.eos = direction(max(before, s.level())), direction(max(after, s.level()))
}

func (s *sequence) class(i int) bidi.Class        { return s.p.classes[s.at[i]] }
func (s *sequence) setClass(i int, to bidi.Class) { s.p.classes[s.at[i]] = to }

// weak resolves marks, numbers and what belongs to numbers (W1 … W7).
func (s *sequence) weak() {
	n := len(s.at)
	before := s.sos
	for i := range n { // W1
		if s.class(i) == bidi.NSM {
			if before == bidi.LRI || before == bidi.RLI || before == bidi.FSI || before == bidi.PDI {
				before = bidi.ON
			}
			s.setClass(i, before)
		}
		before = s.class(i)
	}
	strong := s.sos
	for i := range n { // W2, W3
		switch s.class(i) {
		case bidi.L, bidi.R:
			strong = s.class(i)
		case bidi.AL:
			strong = bidi.AL
		case bidi.EN:
			if strong == bidi.AL {
				s.setClass(i, bidi.AN)
			}
		}
	}
	for i := range n {
		if s.class(i) == bidi.AL {
			s.setClass(i, bidi.R)
		}
	}
	for i := 1; i+1 < n; i++ { // W4
		c, a, b := s.class(i), s.class(i-1), s.class(i+1)
		if a == b && (a == bidi.EN && (c == bidi.ES || c == bidi.CS) || a == bidi.AN && c == bidi.CS) {
			s.setClass(i, a)
		}
	}
	for i := 0; i < n; i++ { // W5
		if s.class(i) != bidi.ET {
			continue
		}
		end := i
		for end < n && s.class(end) == bidi.ET {
			end++
		}
		if i > 0 && s.class(i-1) == bidi.EN || end < n && s.class(end) == bidi.EN {
			for k := i; k < end; k++ {
				s.setClass(k, bidi.EN)
			}
		}
		i = end - 1
	}
	strong = s.sos
	for i := range n { // W6, W7
		switch s.class(i) {
		case bidi.ES, bidi.ET, bidi.CS:
			s.setClass(i, bidi.ON)
		case bidi.L, bidi.R:
			strong = s.class(i)
		case bidi.EN:
			if strong == bidi.L {
				s.setClass(i, bidi.L)
			}
		}
	}
}

// strongClass returns the direction that a class has for the rules of neutrals: numbers count as R. ON: none.
func strongClass(c bidi.Class) bidi.Class {
	switch c {
	case bidi.L:
		return bidi.L
	case bidi.R, bidi.AL, bidi.EN, bidi.AN:
		return bidi.R
	}
	return bidi.ON
}

// mostOpen is the number of brackets that may be open at once (BD16).
const mostOpen = 63

// brackets gives pairs of brackets one direction (N0).
func (s *sequence) brackets() {
	for _, pair := range s.pairs() {
		inside := bidi.ON
		for i := pair[0] + 1; i < pair[1]; i++ {
			c := strongClass(s.class(i))
			if c == s.embedding() {
				inside = c
				break
			}
			if c != bidi.ON {
				inside = c
			}
		}
		if inside == bidi.ON {
			continue
		}
		if inside != s.embedding() {
			before := s.sos
			for i := pair[0] - 1; i >= 0; i-- {
				if c := strongClass(s.class(i)); c != bidi.ON {
					before = c
					break
				}
			}
			if before != inside {
				inside = s.embedding()
			}
		}
		for _, i := range pair {
			s.setClass(i, inside)
			for k := i + 1; k < len(s.at) && class(s.p.text[s.at[k]]) == bidi.NSM; k++ {
				s.setClass(k, inside)
			}
		}
	}
}

// pairs returns the pairs of brackets, by their opening ones (BD16).
func (s *sequence) pairs() (list [][2]int) {
	type open struct {
		close rune
		at    int
	}
	var stack []open
	for i, at := range s.at {
		r := s.p.text[at]
		if r < 0x28 || s.class(i) != bidi.ON {
			continue
		}
		prop, _ := bidi.LookupRune(r)
		if !prop.IsBracket() {
			continue
		}
		if prop.IsOpeningBracket() {
			if len(stack) == mostOpen {
				break
			}
			stack = append(stack, open{canonical([]rune(bidi.ReverseString(string(r)))[0]), i})
			continue
		}
		for k := len(stack) - 1; k >= 0; k-- {
			if stack[k].close == canonical(r) {
				list = append(list, [2]int{stack[k].at, i})
				stack = stack[:k]
				break
			}
		}
	}
	slices.SortFunc(list, func(a, b [2]int) int { return a[0] - b[0] })
	return list
}

// canonical returns the bracket to which a closing one is equivalent.
func canonical(r rune) rune {
	if r == 0x232a {
		return 0x3009
	}
	return r
}

// neutral gives what has no direction that of its surroundings (N1, N2).
func (s *sequence) neutral() {
	for i := 0; i < len(s.at); i++ {
		if strongClass(s.class(i)) != bidi.ON {
			continue
		}
		end := i
		for end < len(s.at) && strongClass(s.class(end)) == bidi.ON {
			end++
		}
		before, after := s.sos, s.eos
		if i > 0 {
			before = strongClass(s.class(i - 1))
		}
		if end < len(s.at) {
			after = strongClass(s.class(end))
		}
		to := s.embedding()
		if before == after {
			to = before
		}
		for k := i; k < end; k++ {
			s.setClass(k, to)
		}
		i = end - 1
	}
}

// implicit raises the levels of what runs against them (I1, I2).
func (s *sequence) implicit() {
	level := s.level()
	for i, at := range s.at {
		switch c := s.class(i); {
		case level%2 == 0 && c == bidi.R:
			s.p.levels[at] = level + 1
		case level%2 == 0 && (c == bidi.AN || c == bidi.EN):
			s.p.levels[at] = level + 2
		case level%2 == 1 && c != bidi.R:
			s.p.levels[at] = level + 1
		}
	}
}
