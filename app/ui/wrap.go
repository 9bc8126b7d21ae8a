package ui

import (
	"sort"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
)

// wrapped is text in several styles, broken into lines at a width.
//
//	text   The quick brown fox jumps over
//	lines  [The quick ][brown fox ][jumps over]      line.start … line.end, offsets in bytes
//
// Where a line ends depends only on where it starts and on the text behind that, so that after a change only the lines around
// it are broken again. A line may end behind a space, between two letters of a script that is written without spaces, and at
// a line end of the text; a word longer than a line is cut at the line's end. The spaces before such a break belong to the
// line, beyond its right edge if need be.
type wrapped struct {
	text     string
	spans    []Span // without Text; neighbours differ
	starts   []int  // where each span starts
	meters   []*meter
	size     float32
	preserve bool
	width    float32
	lines    []line
	ways     twoWay
}

// line is text[start:end], about w wide; the next line starts at next.
type line struct {
	start, end, next int
	w                float32
}

// mostLine is the length in bytes at which a line ends in any case: text may have no width at all.
const mostLine = 4000

func wrap(spans []Span, size float32, preserve, heavy bool) *wrapped {
	w := &wrapped{size: size, preserve: preserve}
	for _, s := range spans {
		if s.Text == "" {
			continue
		}
		s.Bold = s.Bold || heavy
		at := len(w.text)
		w.text += s.Text
		if n := len(w.spans); n > 0 && w.spans[n-1].same(s) {
			continue
		}
		s.Text = ""
		w.spans, w.starts = append(w.spans, s), append(w.starts, at)
		w.meters = append(w.meters, meterFor(s.style(), size))
	}
	if len(w.spans) == 0 {
		w.spans, w.starts, w.meters = []Span{{}}, []int{0}, []*meter{meterFor(fyne.TextStyle{}, size)}
	}
	return w
}

// breakAt breaks the text into lines no wider than width.
func (w *wrapped) breakAt(width float32) {
	width = max(width, 24)
	if w.lines != nil && w.width == width {
		return
	}
	w.width, w.lines = width, w.lines[:0]
	for at, more := 0, true; more; {
		var l line
		l, more = w.line(at)
		w.lines = append(w.lines, l)
		at = l.next
	}
}

// replace changes the text where it has one style; the bytes from … to are replaced by with. Only the lines around the change
// are broken again.
func (w *wrapped) replace(from, to int, with string) {
	w.text = w.text[:from] + with + w.text[to:]
	if w.lines == nil {
		return
	}
	old, moved := w.lines, len(with)-(to-from)
	// Where a line ends depends on the next word, which may begin some lines above the change.
	first := max(0, w.lineOf(max(0, from-mostLine))-2)
	lines := append([]line(nil), old[:first]...)
	k := first // of the old lines that may be taken over
	for at, more := old[first].start, true; more; {
		if at >= from+len(with) {
			for k < len(old) && old[k].start+moved < at {
				k++
			}
			if k < len(old) && old[k].start+moved == at && old[k].start >= to {
				for _, l := range old[k:] {
					lines = append(lines, line{l.start + moved, l.end + moved, l.next + moved, l.w})
				}
				break
			}
		}
		var l line
		l, more = w.line(at)
		lines = append(lines, l)
		at = l.next
	}
	w.lines = lines
}

// lineOf returns the index of the line that holds an offset. An offset between two lines belongs to the second.
func (w *wrapped) lineOf(at int) int {
	return max(0, sort.Search(len(w.lines), func(i int) bool { return w.lines[i].start > at })-1)
}

func (w *wrapped) spanAt(at int) int {
	if len(w.starts) == 1 {
		return 0
	}
	return sort.SearchInts(w.starts, at+1) - 1
}

// spanEnd returns where a span ends.
func (w *wrapped) spanEnd(span int) int {
	if span+1 < len(w.starts) {
		return w.starts[span+1]
	}
	return len(w.text)
}

// gap returns the horizontal space that the background of inline code needs at each side.
func (w *wrapped) gap(span int) float32 {
	if w.spans[span].Mono && !w.preserve {
		return 3
	}
	return 0
}

// line returns the line that starts at an offset, and whether there are more.
func (w *wrapped) line(start int) (l line, more bool) {
	p := pen{w: w, span: -1}
	at := start
	for at < len(w.text) {
		if w.text[at] == '\n' {
			return line{start, at, w.skip(at + 1), p.x}, true
		}
		if at-start >= mostLine {
			return line{start, at, w.skip(at), p.x}, true
		}
		if blank(w.text[at]) {
			end := w.blanks(at, start+mostLine)
			p.add(at, end, p.x+2*w.width)
			at = end
			continue
		}
		end := w.word(at)
		next := p
		if next.add(at, end, w.width) {
			p, at = next, end
			continue
		}
		if at > start {
			return line{start, at, at, p.x}, true
		}
		if at = w.cut(&p, at, end); at < end {
			return line{start, at, w.skip(at), p.x}, true
		}
	}
	return line{start, at, at, p.x}, false
}

// skip returns where the line behind a break starts: spaces at its beginning are left out unless they are to be kept.
func (w *wrapped) skip(at int) int {
	for !w.preserve && at < len(w.text) && blank(w.text[at]) {
		at++
	}
	return at
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

func (w *wrapped) blanks(at, most int) int {
	for at < min(len(w.text), most) && blank(w.text[at]) {
		at++
	}
	return at
}

// word returns the end of what is not divided while it fits on a line.
func (w *wrapped) word(at int) int {
	most := at + mostLine/4
	prev, n := utf8.DecodeRuneInString(w.text[at:])
	for at += n; at < len(w.text); at += n {
		if c := w.text[at]; c < utf8.RuneSelf && prev < 0x2e80 {
			if blank(c) || c == '\n' || at >= most {
				return at
			}
			prev, n = rune(c), 1
			continue
		}
		var r rune
		if r, n = utf8.DecodeRuneInString(w.text[at:]); blank(w.text[at]) || r == '\n' {
			return at
		}
		if joined := mark(r) || prev == 0x200d; !joined && (at >= most || divided(prev, r)) || at >= most+mostLine/4 {
			return at
		}
		prev = r
	}
	return at
}

// divided reports whether a line may end between two runes that are no spaces. In scripts that are written without spaces it
// may end behind every letter.
func divided(a, b rune) bool { return unspaced(b) && !unicode.IsPunct(b) || unspaced(a) }

func unspaced(r rune) bool {
	return r >= 0x2e80 && (unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || r >= 0x3000 && r <= 0x303f || r >= 0xff00 && r <= 0xff60)
}

// pen is the place behind the last piece of a line.
type pen struct {
	w    *wrapped
	span int // of the last piece, -1 at the beginning of a line
	x    float32
}

// add moves the pen behind text[at:end]. It stops and returns false as soon as the pen is beyond the limit.
func (p *pen) add(at, end int, limit float32) bool {
	for at < end {
		p.enter(at)
		stop := min(end, p.w.spanEnd(p.span))
		if end-at > mostWord {
			stop = chunkEnd(p.w.text, at, stop)
		}
		m := p.w.meters[p.span]
		if end-at <= mostWord {
			p.x += m.width(p.w.text[at:stop])
		} else {
			stops := m.coarse(p.w.text[at:stop])
			p.x += stops[len(stops)-1].x
		}
		if p.x > limit {
			return false
		}
		at = stop
	}
	return true
}

// enter adds the gaps of the span at an offset where that is another one than before.
func (p *pen) enter(at int) {
	if s := p.w.spanAt(at); s != p.span {
		p.span = s
		p.x += 2 * p.w.gap(s)
	}
}

// chunkEnd returns the end of a part of text[at:end] that is short enough to be shaped at once. Marks stay with their letter
// unless there are very many.
func chunkEnd(text string, at, end int) int {
	n := 0
	var prev rune
	for i, r := range text[at:end] {
		if n >= chunk && (n >= 2*chunk || !mark(r) && prev != 0x200d) {
			return at + i
		}
		n++
		prev = r
	}
	return end
}

// cut moves the pen over as many clusters of text[at:end] as fit on the line, at least one, and returns where it stopped.
func (w *wrapped) cut(p *pen, at, end int) int {
	start := at
	for at < end && at-start < mostLine {
		p.enter(at)
		stop := chunkEnd(w.text, at, min(end, w.spanEnd(p.span)))
		stops := w.meters[p.span].coarse(w.text[at:stop])
		for i := 1; i < len(stops); i++ {
			if here := at + stops[i-1].at; p.x+stops[i].x > w.width && here > start {
				p.x += stops[i-1].x
				return here
			}
		}
		p.x += stops[len(stops)-1].x
		at = stop
	}
	return at
}

// natural returns the width of the longest line if nothing is wrapped, at most limit.
func (w *wrapped) natural(limit float32) (most float32) {
	p := pen{w: w, span: -1}
	for at := 0; at < len(w.text) && most < limit; {
		switch c := w.text[at]; {
		case c == '\n':
			p = pen{w: w, span: -1}
			at++
			continue
		case blank(c):
			end := w.blanks(at, at+mostLine)
			p.add(at, end, limit)
			at = end
		default:
			end := w.word(at)
			p.add(at, end, limit)
			at = end
		}
		most = max(most, min(p.x, limit))
	}
	return most
}
