package ui

import (
	"sort"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"soberano/app/ui/bidi"
)

// run is a piece of a line in one style and direction, drawn at once. Its Text is what is drawn, in which tabs and runes without
// a font are replaced; it stands for text[start:end].
type run struct {
	Span
	start, end int
	level      uint8 // odd: from right to left
	emoji      bool  // one emoji of several runes
	meter      *meter
	x, w       float32
}

// at returns the distance of a place from the left edge of the line, for a place at that distance from where the run begins.
func (r *run) at(x float32) float32 {
	if r.level%2 == 1 {
		return r.x + r.w - x
	}
	return r.x + x
}

// trimmed returns where a line ends without the spaces at its end.
func (w *wrapped) trimmed(l line) int {
	end := l.end
	for end > l.start && blank(w.text[end-1]) {
		end--
	}
	return end
}

// runs returns the runs of text[l.start:end], from left to right. Those of a paragraph from right to left end at the right edge.
func (w *wrapped) runs(l line, end int) (list []run) {
	if w.twoWay() {
		return w.reordered(l, end)
	}
	var x float32
	for at := l.start; at < end; {
		s := w.spanAt(at)
		stop := min(end, w.spanEnd(s))
		x += w.gap(s)
		w.meters[s].set.pieces(w.text[at:stop], func(from, to int, emoji bool) {
			r := w.run(s, at+from, at+to, emoji)
			r.x = x
			x += r.w
			list = append(list, r)
		})
		x += w.gap(s)
		at = stop
	}
	return list
}

// run returns the run of text[from:to], without its place.
func (w *wrapped) run(span, from, to int, emoji bool) run {
	m := w.meters[span]
	r := run{Span: w.spans[span], start: from, end: to, meter: m, emoji: emoji, w: m.width(w.text[from:to])}
	r.Text = m.draw(w.text[from:to])
	return r
}

// xOf returns the distance of an offset from the left edge of its line.
func (w *wrapped) xOf(l line, at int) float32 {
	runs := w.runs(l, l.end)
	for i := range runs {
		if r := &runs[i]; at >= r.start && at < r.end {
			return w.xIn(r, at)
		}
	}
	first, last := w.edges(l, runs)
	if at < l.end {
		return first
	}
	return last
}

// xIn returns the distance of an offset in a run from the left edge of the line.
func (w *wrapped) xIn(r *run, at int) float32 {
	stops := r.meter.stops(w.text[r.start:r.end])
	i := sort.Search(len(stops), func(i int) bool { return stops[i].at > at-r.start })
	return r.at(stops[max(0, i-1)].x)
}

// bands returns from where to where text[from:to] reaches in a line; there may be several parts of it.
func (w *wrapped) bands(l line, from, to int) (list [][2]float32) {
	if !w.twoWay() {
		return [][2]float32{{w.xOf(l, from), w.xOf(l, to)}}
	}
	runs := w.runs(l, l.end)
	for i := range runs {
		r := &runs[i]
		if a, b := max(from, r.start), min(to, r.end); a < b {
			x, y := w.xIn(r, a), w.xIn(r, b)
			list = append(list, [2]float32{min(x, y), max(x, y)})
		}
	}
	return list
}

// edges returns where a line begins and ends, which is at the right and at the left in a paragraph from right to left.
func (w *wrapped) edges(l line, runs []run) (first, last float32) {
	rightToLeft := w.direction(l.start) == bidi.RTL
	if n := len(runs); n > 0 {
		first, last = runs[0].x, runs[n-1].x+runs[n-1].w
	} else if rightToLeft {
		first, last = w.width, w.width
	}
	if rightToLeft {
		return last, first
	}
	return first, last
}

// offsetAt returns the place for the caret in a line that is nearest to x.
func (w *wrapped) offsetAt(l line, x float32) int {
	runs := w.runs(l, l.end)
	if len(runs) == 0 || x < runs[0].x {
		if w.direction(l.start) == bidi.RTL {
			return l.end
		}
		return l.start
	}
	for i := range runs {
		r := &runs[i]
		if x >= r.x+r.w {
			continue
		}
		d := max(0, x-r.x)
		if r.level%2 == 1 {
			d = r.x + r.w - x
		}
		stops := r.meter.stops(w.text[r.start:r.end])
		i := sort.Search(len(stops), func(i int) bool { return stops[i].x > d })
		if i == 0 {
			return r.start
		}
		if i == len(stops) || d-stops[i-1].x < stops[i].x-d {
			i--
		}
		return r.start + stops[i].at
	}
	if w.direction(l.start) == bidi.RTL {
		return l.start
	}
	return l.end
}

// beside returns the place for the caret before or behind an offset: the boundary of the next cluster, a line end counting as
// one.
func (w *wrapped) beside(at int, forward bool) int {
	i := w.lineOf(at)
	l := w.lines[i]
	if forward {
		if at >= l.end {
			return min(l.next, len(w.text))
		}
		for _, s := range w.stopsOf(l) {
			if s > at {
				return s
			}
		}
		return l.end
	}
	if at <= l.start {
		if i == 0 {
			return 0
		}
		if l = w.lines[i-1]; l.end < l.next {
			return l.end // before the line end
		}
	}
	before := l.start
	for _, s := range w.stopsOf(l) {
		if s >= at {
			break
		}
		before = s
	}
	return before
}

// stopsOf returns the places for the caret in a line.
func (w *wrapped) stopsOf(l line) (list []int) {
	for _, r := range w.runs(l, l.end) {
		for _, s := range r.meter.stops(w.text[r.start:r.end])[1:] {
			list = append(list, r.start+s.at)
		}
	}
	sort.Ints(list)
	return list
}

func (s Span) ink() fyne.ThemeColorName {
	switch {
	case s.Color != "":
		return s.Color
	case s.Link != "":
		return Accent
	}
	return theme.ColorNameForeground
}
