package markdown

import (
	"unicode"
	"unicode/utf8"
)

// delimiter is a run of *, _ or ~ that may begin or end emphasis.
type delimiter struct {
	piece            int // which holds its characters, as long as they are not used
	char             byte
	length, original int
	open, close      bool
	prev, next       int // its neighbours among the delimiters that are left; -1: none
}

// delimiter reads a run of *, _ or ~. Only two tildes strike text out: a single one means about.
func (p *inline) delimiter() {
	n := run(p.text, p.at)
	c := p.text[p.at]
	before, _ := utf8.DecodeLastRuneInString(p.text[:p.at])
	after, _ := utf8.DecodeRuneInString(p.text[p.at+n:])
	open, close := flanking(c, before, after, p.at == 0, p.at+n == len(p.text))
	if c == '~' && n != 2 || !open && !close {
		p.plain(n)
		return
	}
	p.put(n, piece{text: p.text[p.at : p.at+n]})
	i := len(p.delimiters)
	p.delimiters = append(p.delimiters, delimiter{piece: len(p.pieces) - 1, char: c, length: n, original: n, open: open, close: close, prev: p.top, next: -1})
	if p.top >= 0 {
		p.delimiters[p.top].next = i
	}
	p.top = i
}

// flanking reports whether a run of delimiters can open and close emphasis. In CommonMark a run beside punctuation needs white
// space or punctuation at its other side. A character of a script without spaces between words counts as such, so that
// **“中文”**字 is bold.
func flanking(c byte, before, after rune, first, last bool) (open, close bool) {
	spaceBefore, spaceAfter := first || unicode.IsSpace(before), last || unicode.IsSpace(after)
	punctBefore, punctAfter := !first && punctuation(before), !last && punctuation(after)
	left := !spaceAfter && (!punctAfter || spaceBefore || punctBefore || unspaced(before))
	right := !spaceBefore && (!punctBefore || spaceAfter || punctAfter || unspaced(after))
	if c == '_' {
		return left && (!right || punctBefore), right && (!left || punctAfter)
	}
	return left, right
}

// punctuation reports whether r is punctuation or a symbol, but not of a script without spaces.
func punctuation(r rune) bool {
	return (unicode.IsPunct(r) || unicode.IsSymbol(r)) && !unspaced(r)
}

// unspaced reports whether r belongs to a script that is written without spaces between words, or whose endings follow a name
// without one (Korean); wide punctuation is part of it.
func unspaced(r rune) bool {
	switch {
	case r < 0xe00:
		return false
	case r >= 0x3000 && r <= 0x303f, r >= 0xfe30 && r <= 0xfe4f, r >= 0xff00 && r <= 0xffef:
		return true
	}
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Yi,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan)
}

// match pairs the delimiters behind bottom, and drops those that are left. It remembers for each kind of closing run below
// which delimiter there is no opening one, so each delimiter is passed a few times at most.
func (p *inline) match(bottom int) {
	c := p.top
	for c > bottom && p.delimiters[c].prev > bottom {
		c = p.delimiters[c].prev
	}
	if c <= bottom {
		return
	}
	searched := map[[3]int]int{}
	for c >= 0 {
		d := &p.delimiters[c]
		if !d.close {
			c = d.next
			continue
		}
		o, kind := p.opener(c, bottom, searched)
		if o < 0 {
			next := d.next
			searched[kind] = c
			if !d.open {
				p.remove(c)
			}
			c = next
			continue
		}
		if p.pair(o, c); p.delimiters[c].length == 0 {
			next := p.delimiters[c].next
			p.remove(c)
			c = next
		}
	}
	if p.top = bottom; bottom >= 0 {
		p.delimiters[bottom].next = -1
	}
}

// opener returns the nearest delimiter that c can close, -1 if there is none; and the kind of c, for which this is remembered.
func (p *inline) opener(c, bottom int, searched map[[3]int]int) (o int, kind [3]int) {
	d := &p.delimiters[c]
	kind = [3]int{int(d.char), d.original % 3, 0}
	if d.open {
		kind[2] = 1
	}
	least, ok := searched[kind]
	if !ok {
		least = bottom + 1
	}
	for o = d.prev; o > bottom && o >= least; o = p.delimiters[o].prev {
		b := &p.delimiters[o]
		if b.open && b.char == d.char && (!(b.close || d.open) || (b.original+d.original)%3 != 0 || b.original%3 == 0 && d.original%3 == 0) {
			return o, kind
		}
	}
	return -1, kind
}

// pair applies the emphasis between two delimiters, and drops those between them.
func (p *inline) pair(o, c int) {
	a, b := &p.delimiters[o], &p.delimiters[c]
	n, s := 1, italic
	switch {
	case a.char == '~':
		n, s = 2, strike
	case a.length >= 2 && b.length >= 2:
		n, s = 2, bold
	}
	p.ranges = append(p.ranges, styled{from: a.piece + 1, to: b.piece, style: s})
	for _, d := range []*delimiter{a, b} {
		d.length -= n
		x := &p.pieces[d.piece]
		x.text = x.text[:d.length]
	}
	a.next, b.prev = c, o
	if a.length == 0 {
		p.remove(o)
	}
}

func (p *inline) remove(i int) {
	d := &p.delimiters[i]
	if d.prev >= 0 {
		p.delimiters[d.prev].next = d.next
	}
	if d.next >= 0 {
		p.delimiters[d.next].prev = d.prev
	} else {
		p.top = d.prev
	}
}
