package ui

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-text/typesetting/unicodedata"

	"soberano/app/ui/bidi"
)

// twoWay is what is known of the directions of a text. Fyne draws a text of several directions in reading order from left to
// right; therefore each piece of one direction is drawn by itself, at its place (see reordered).
type twoWay struct {
	text       string // for which this holds
	needed     bool
	left       bool // paragraphs from right to left stand at the left nevertheless
	otherwise  int  // the direction of paragraphs without letters
	start, end int  // of the paragraph that was asked for last
	direction  int
	levels     []uint8 // of its bytes; nil: it is too long, so that each line is ordered by itself
}

// mostOrdered is the length in bytes of the longest paragraph that is ordered as a whole.
const mostOrdered = 64 << 10

// twoWay reports whether any text is written from right to left.
func (w *wrapped) twoWay() bool {
	if w.ways.text != w.text {
		w.ways = twoWay{text: w.text, needed: w.ways.otherwise == bidi.RTL || bidi.Needed(w.text), left: w.ways.left, otherwise: w.ways.otherwise, start: -1}
	}
	return w.ways.needed
}

// direction returns the direction of the paragraph that holds an offset. Code is from left to right.
func (w *wrapped) direction(at int) int {
	if !w.twoWay() {
		return bidi.LTR
	}
	w.paragraph(at)
	return w.ways.direction
}

// paragraph finds the direction and the levels of the paragraph that holds an offset.
func (w *wrapped) paragraph(at int) {
	p := &w.ways
	if p.start >= 0 && at >= p.start && at <= p.end {
		return
	}
	p.start = strings.LastIndexByte(w.text[:at], '\n') + 1
	p.end = len(w.text)
	if i := strings.IndexByte(w.text[at:], '\n'); i >= 0 {
		p.end = at + i
	}
	runes, _ := w.isolated(p.start, min(p.end, p.start+mostOrdered))
	p.direction, p.levels = bidi.Direction(runes, p.otherwise), nil
	if w.preserve && w.spans[0].Mono {
		p.direction = bidi.LTR
	}
	if p.end-p.start <= mostOrdered {
		p.levels = w.levels(p.start, p.end, p.direction)
	}
}

// Isolates, which keep the order inside from that outside.
const (
	isolate    = 0x2066 // left to right
	endIsolate = 0x2069
)

// isolated returns the runes of a part of a paragraph, in which code in the text is isolated, and for each rune its length in
// bytes; that of the isolates is 0.
func (w *wrapped) isolated(start, end int) (runes []rune, sizes []uint8) {
	for at := start; at < end; {
		s := w.spanAt(at)
		stop := min(end, w.spanEnd(s))
		code := w.spans[s].Mono && !w.preserve
		if code {
			runes, sizes = append(runes, isolate), append(sizes, 0)
		}
		for _, r := range w.text[at:stop] {
			n := utf8.RuneLen(r)
			if r == utf8.RuneError {
				_, n = utf8.DecodeRuneInString(w.text[at:])
			}
			at += n
			runes, sizes = append(runes, r), append(sizes, uint8(n))
		}
		if code {
			runes, sizes = append(runes, endIsolate), append(sizes, 0)
		}
		at = stop
	}
	return runes, sizes
}

// levels returns the level of each byte of a part of a paragraph.
func (w *wrapped) levels(start, end, direction int) []uint8 {
	runes, sizes := w.isolated(start, end)
	list := make([]uint8, 0, end-start)
	for i, level := range bidi.Levels(runes, direction) {
		for range sizes[i] {
			list = append(list, level)
		}
	}
	return list
}

// lineLevels returns the level of each byte of text[l.start:end].
func (w *wrapped) lineLevels(l line, end int) []uint8 {
	w.paragraph(l.start)
	p := &w.ways
	var list []uint8
	if p.levels != nil {
		list = slices.Clone(p.levels[l.start-p.start : end-p.start])
	} else {
		list = w.levels(l.start, end, p.direction)
	}
	for i, end := len(list)-1, true; i >= 0; i-- { // blanks at the end, and tabs
		c := w.text[l.start+i]
		if end = end && blank(c); end || c == '\t' {
			list[i] = uint8(p.direction)
		}
	}
	return list
}

// reordered returns the runs of a line from left to right.
func (w *wrapped) reordered(l line, end int) []run {
	levels := w.lineLevels(l, end)
	var logical []run
	for at := l.start; at < end; {
		s := w.spanAt(at)
		stop := at + 1
		for stop < min(end, w.spanEnd(s)) && levels[stop-l.start] == levels[at-l.start] {
			stop++
		}
		logical = w.pieces(logical, s, at, stop, levels[at-l.start])
		at = stop
	}
	by := make([]uint8, len(logical))
	for i, r := range logical {
		by[i] = r.level
	}
	var x float32
	list := make([]run, 0, len(logical))
	for _, i := range bidi.Reorder(by) {
		r := logical[i]
		s := w.spanAt(r.start)
		before, after := r.start == l.start || r.start == w.starts[s], r.end == end || r.end == w.spanEnd(s)
		if r.level%2 == 1 {
			before, after = after, before
		}
		if before {
			x += w.gap(s)
		}
		r.x = x
		if x += r.w; after {
			x += w.gap(s)
		}
		list = append(list, r)
	}
	if n := len(list); n > 0 && w.ways.direction == bidi.RTL && !w.ways.left {
		last := list[n-1]
		for i := range list {
			list[i].x += w.width - last.x - last.w
		}
	}
	return list
}

// pieces appends the runs of text[at:end], which has one style and level. From right to left it is divided further: where the
// script or the font changes, since Fyne draws the parts from left to right, and into single letters where none has a
// direction of its own, since Fyne draws those from left to right too.
func (w *wrapped) pieces(list []run, span, at, end int, level uint8) []run {
	m := w.meters[span]
	add := func(from, to int, mirror bool) {
		m.set.pieces(w.text[from:to], func(start, end int, emoji bool) {
			r := w.run(span, from+start, from+end, emoji)
			if r.level = level; mirror && !emoji {
				r.Text = strings.Map(mirrored, r.Text)
			}
			list = append(list, r)
		})
	}
	if level%2 == 0 {
		add(at, end, false)
		return list
	}
	from := at
	for _, stop := range m.parts(w.text[at:end]) {
		to := at + stop
		if bidi.Strong(w.text[from:to]) || strings.Trim(w.text[from:to], " \t") == "" {
			add(from, to, false)
			from = to
			continue
		}
		first := from
		for _, s := range m.stops(w.text[first:to])[1:] {
			add(from, first+s.at, true)
			from = first + s.at
		}
	}
	return list
}

func mirrored(r rune) rune {
	as, _ := unicodedata.LookupMirrorChar(r)
	return as
}

// parts returns where the parts of a text of one direction end, each of which has one script and font.
func (m *meter) parts(text string) (ends []int) {
	measuring.Lock()
	defer measuring.Unlock()
	g := measuring
	g.runes, g.from = m.set.convert(text, g.runes[:0], g.from[:0])
	for _, part := range m.split(text) {
		if part.RunEnd < len(g.from) {
			ends = append(ends, g.from[part.RunEnd])
		}
	}
	return append(ends, len(text))
}
