package ui

import (
	"sort"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// run is a piece of a line in one style, drawn at once. Its Text is what is drawn, in which tabs and runes without a font are
// replaced; it stands for text[start:end].
type run struct {
	Span
	start, end int
	meter      *meter
	x, w       float32
}

// trimmed returns where a line ends without the spaces at its end.
func (w *wrapped) trimmed(l line) int {
	end := l.end
	for end > l.start && blank(w.text[end-1]) {
		end--
	}
	return end
}

// runs returns the runs of text[l.start:end], from left to right.
func (w *wrapped) runs(l line, end int) (list []run) {
	var x float32
	for at := l.start; at < end; {
		s := w.spanAt(at)
		stop := min(end, w.spanEnd(s))
		r := run{Span: w.spans[s], start: at, end: stop, meter: w.meters[s]}
		r.Text = r.meter.draw(w.text[at:stop])
		r.x, r.w = x+w.gap(s), r.meter.width(w.text[at:stop])
		x = r.x + r.w + w.gap(s)
		list = append(list, r)
		at = stop
	}
	return list
}

// xOf returns the distance of an offset from the left edge of its line.
func (w *wrapped) xOf(l line, at int) float32 {
	var x float32
	for _, r := range w.runs(l, l.end) {
		x = r.x + r.w
		if at >= r.end {
			continue
		}
		stops := r.meter.stops(w.text[r.start:r.end])
		i := sort.Search(len(stops), func(i int) bool { return stops[i].at > at-r.start })
		return r.x + stops[max(0, i-1)].x
	}
	return x
}

// offsetAt returns the place for the caret in a line that is nearest to x.
func (w *wrapped) offsetAt(l line, x float32) int {
	for _, r := range w.runs(l, l.end) {
		if x >= r.x+r.w {
			continue
		}
		stops := r.meter.stops(w.text[r.start:r.end])
		i := sort.Search(len(stops), func(i int) bool { return stops[i].x > x-r.x })
		if i == 0 {
			return r.start
		}
		if i == len(stops) || x-r.x-stops[i-1].x < stops[i].x-(x-r.x) {
			i--
		}
		return r.start + stops[i].at
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
