package grammar

import "unicode/utf8"

// expr is an expression of a rule.
type expr interface{}

type (
	literal string   // these bytes
	runes   []rune   // one character of these ranges: pairs of first and last
	seq     []expr   // one after the other
	alt     []expr   // one of them; none: nothing matches
	call    int      // the rule with this number
	repeat  struct { // min to max times; max -1: without limit
		expr     expr
		min, max int
	}
	both     struct{ a, b expr }        // what matches both, neither of which calls rules
	multiple struct{ of, decimals int } // decimal digits, with so many after a point, that without the point are a multiple
	object   struct {                   // a JSON object
		members    []member
		additional expr // a member; nil: there are no others
	}
	array struct { // a JSON array: first the items of prefix, then others
		prefix   []expr
		item     expr // nil: there are no others
		min, max int  // number of items; max -1: without limit
	}
)

// member is a member of an object: its key, the colon and its value.
type member struct {
	expr     expr
	required bool
}

func optional(e expr) expr { return repeat{e, 0, 1} }

// anyRune are all characters.
var anyRune = runes{0, utf8.MaxRune}

// byteRange is a range of bytes.
type byteRange struct{ lo, hi byte }

// utf8Ranges calls emit with sequences of byte ranges that together match the UTF-8 of the characters from lo to hi, without surrogates.
func utf8Ranges(lo, hi rune, emit func([]byteRange)) {
	const firstSurrogate, lastSurrogate = 0xD800, 0xDFFF
	switch {
	case lo > hi:
		return
	case lo <= lastSurrogate && hi >= firstSurrogate:
		utf8Ranges(lo, firstSurrogate-1, emit)
		utf8Ranges(lastSurrogate+1, hi, emit)
		return
	}
	for _, last := range []rune{0x7F, 0x7FF, 0xFFFF} { // of one, two and three bytes
		if lo <= last && hi > last {
			utf8Ranges(lo, last, emit)
			utf8Ranges(last+1, hi, emit)
			return
		}
	}
	if hi > 0x7F {
		for bits := 6; bits <= 18; bits += 6 {
			low := rune(1)<<bits - 1
			if lo&^low == hi&^low {
				continue
			}
			if lo&low != 0 {
				utf8Ranges(lo, lo|low, emit)
				utf8Ranges(lo|low+1, hi, emit)
				return
			}
			if hi&low != low {
				utf8Ranges(lo, hi&^low-1, emit)
				utf8Ranges(hi&^low, hi, emit)
				return
			}
		}
	}
	first, last := utf8.AppendRune(nil, lo), utf8.AppendRune(nil, hi)
	out := make([]byteRange, len(first))
	for i := range first {
		out[i] = byteRange{first[i], last[i]}
	}
	emit(out)
}

// except returns the characters that are not in r, whose ranges may be in any order.
func (r runes) except() runes {
	var out runes
	next := rune(0)
	for _, x := range r.sorted() {
		if x.lo > next {
			out = append(out, next, x.lo-1)
		}
		next = max(next, x.hi+1)
	}
	if next <= utf8.MaxRune {
		out = append(out, next, utf8.MaxRune)
	}
	return out
}
