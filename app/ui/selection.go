package ui

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

// Selector is what is selected of several texts that stand one below the other, such as the messages of a chat: by dragging, by
// a double or triple click (a word, a paragraph), or by a click with Shift, which extends it.
//
//	anchor ──▶ ┌ Flow ┐ ┌ Flow ┐ … ┌ Flow ┐ ◀── caret        in the order of the texts, or against it
//
// Each Flow is told which part of it is selected. A copy is the selected parts with what Flow.Before says between them.
type Selector struct {
	Roots func(extent) []fyne.CanvasObject // what holds the texts, from top to bottom
	Copy  func(text string)                // puts text into the clipboard
	Drag  func(at fyne.Position)           // called while the mouse drags, with its place among the roots
	Build func(from, to int)               // builds these roots if they were not yet

	anchor, caret place
	unit          unit
	first         [2]place // what the press that began the selection selected
	clicks        int
	last          time.Time
	lastAt        fyne.Position
}

// place is an offset in a text.
type place struct {
	flow *Flow
	at   int
}

// unit is what dragging selects.
type unit int

const (
	byLetter unit = iota
	byWord
	byParagraph
)

// clickTime is the time in which a click follows another one of a double or triple click.
const clickTime = 400 * time.Millisecond

// extent says which objects are walked over: those that have a place, or all that are built.
type extent int

const (
	placed extent = iota
	built
)

// keeper is a widget that may hold more objects than it shows.
type keeper interface {
	kept(extent) []fyne.CanvasObject
}

// Below returns the roots of a selection of the texts in some objects.
func Below(objects ...fyne.CanvasObject) func(extent) []fyne.CanvasObject {
	return func(extent) []fyne.CanvasObject { return objects }
}

// eachText calls visit for the texts in an object, with their places, in their order.
func eachText(o fyne.CanvasObject, at fyne.Position, which extent, visit func(f *Flow, at fyne.Position)) {
	if !o.Visible() {
		return
	}
	at = at.Add(o.Position())
	if f, ok := o.(*Flow); ok {
		visit(f, at)
		return
	}
	inside := contents(o)
	if k, ok := o.(keeper); ok {
		inside = k.kept(which)
	}
	for _, k := range inside {
		eachText(k, at, which, visit)
	}
}

// texts returns the texts in some roots that can be selected.
func (s *Selector) texts(roots []fyne.CanvasObject) (list []*Flow) {
	for _, o := range roots {
		eachText(o, fyne.Position{}, built, func(f *Flow, _ fyne.Position) {
			if f.Selection == s {
				list = append(list, f)
			}
		})
	}
	return list
}

// all returns all texts that are built.
func (s *Selector) all() []*Flow { return s.texts(s.Roots(built)) }

// between returns the texts in the roots from the one that holds a text to the one that holds another, built if need be.
func (s *Selector) between(from, to *Flow) []*Flow {
	roots := s.Roots(built)
	first, last := -1, -1
	for i := range roots {
		texts := s.texts(roots[i : i+1])
		if first < 0 && slices.Contains(texts, from) {
			first = i
		}
		if slices.Contains(texts, to) {
			last = i
		}
	}
	if first < 0 || last < first {
		return nil
	}
	s.build(first, last+1)
	return s.texts(roots[first : last+1])
}

func (s *Selector) build(from, to int) {
	if s.Build != nil {
		s.Build(from, to)
	}
}

// Clear selects nothing.
func (s *Selector) Clear() {
	s.anchor, s.caret = place{}, place{}
	s.Show()
}

// Select selects a part of one text.
func (s *Selector) Select(f *Flow, from, to int) {
	s.anchor, s.caret = place{f, from}, place{f, to}
	s.Show()
}

// Empty reports whether nothing is selected.
func (s *Selector) Empty() bool { return s.anchor == s.caret }

// Show marks the selected parts of all texts.
func (s *Selector) Show() {
	texts := s.all()
	from, to, ok := s.ends(texts)
	inside := false
	for _, f := range texts {
		start, end := 0, 0
		if ok && (inside || f == from.flow) {
			inside = true
			if end = f.Len(); f == from.flow {
				start = from.at
			}
			if f == to.flow {
				end, inside = to.at, false
			}
		}
		f.Select(min(start, f.Len()), min(end, f.Len()))
	}
}

// ends returns the ends of the selection in the order of the texts; ok is false if nothing is selected, or its texts are no
// longer there.
func (s *Selector) ends(texts []*Flow) (from, to place, ok bool) {
	if s.Empty() {
		return from, to, false
	}
	a, b := slices.Index(texts, s.anchor.flow), slices.Index(texts, s.caret.flow)
	if a < 0 || b < 0 {
		return from, to, false
	}
	if a > b || a == b && s.anchor.at > s.caret.at {
		return s.caret, s.anchor, true
	}
	return s.anchor, s.caret, true
}

// Text returns the selected text.
func (s *Selector) Text() string {
	from, to, ok := s.ends(s.all())
	if !ok {
		return ""
	}
	var b strings.Builder
	inside := false
	for _, f := range s.between(from.flow, to.flow) {
		if !inside && f != from.flow {
			continue
		}
		start, end := 0, f.Len()
		if f == from.flow {
			start = min(from.at, end)
		} else {
			b.WriteString(f.Before)
		}
		inside = true
		if f == to.flow {
			end = min(to.at, end)
		}
		b.WriteString(f.Text(start, max(start, end)))
		if f == to.flow {
			break
		}
	}
	return b.String()
}

// CopySelected copies the selected text, and reports whether there is any.
func (s *Selector) CopySelected() bool {
	text := s.Text()
	if text == "" {
		return false
	}
	s.Copy(text)
	return true
}

// SelectAll selects all texts.
func (s *Selector) SelectAll() {
	n := len(s.Roots(built))
	var first, last []*Flow
	for i := 0; i < n && len(first) == 0; i++ {
		s.build(i, i+1)
		first = s.texts(s.Roots(built)[i : i+1])
	}
	for i := n - 1; i >= 0 && len(last) == 0; i-- {
		s.build(i, i+1)
		last = s.texts(s.Roots(built)[i : i+1])
	}
	if len(first) > 0 {
		end := last[len(last)-1]
		s.anchor, s.caret = place{first[0], 0}, place{end, end.Len()}
		s.Show()
	}
}

// press begins a selection, or extends it.
func (s *Selector) press(f *Flow, m *desktop.MouseEvent) {
	if m.Button != desktop.MouseButtonPrimary {
		return
	}
	now := time.Now()
	if d := m.AbsolutePosition.Subtract(s.lastAt); now.Sub(s.last) < clickTime && d.X*d.X+d.Y*d.Y < 16 {
		s.clicks++
	} else {
		s.clicks = 1
	}
	s.last, s.lastAt = now, m.AbsolutePosition
	at := place{f, f.OffsetAt(m.Position)}
	if m.Modifier&fyne.KeyModifierShift != 0 && s.anchor.flow != nil {
		s.clicks = 0
		s.unit, s.first = byLetter, [2]place{s.anchor, s.anchor}
		s.extend(at)
		return
	}
	s.unit = unit((s.clicks - 1) % 3)
	s.first[0], s.first[1] = s.around(at)
	s.anchor, s.caret = s.first[0], s.first[1]
	s.Show()
}

// around returns the ends of the word or paragraph at a place.
func (s *Selector) around(p place) (from, to place) {
	text := p.flow.Text(0, p.flow.Len())
	a, b := p.at, p.at
	switch s.unit {
	case byWord:
		a, b = wordAt(text, p.at)
	case byParagraph:
		a, b = paragraphAt(text, p.at)
	}
	return place{p.flow, a}, place{p.flow, b}
}

// extend moves the caret to a place, so that what was selected first stays selected.
func (s *Selector) extend(to place) {
	a, b := s.around(to)
	texts := s.all()
	before := func(p, q place) bool {
		i, k := slices.Index(texts, p.flow), slices.Index(texts, q.flow)
		return i < k || i == k && p.at < q.at
	}
	if before(a, s.first[0]) {
		s.anchor, s.caret = s.first[1], a
	} else {
		s.anchor, s.caret = s.first[0], b
	}
	s.Show()
}

// drag extends the selection to a position of the text in which the mouse was pressed.
func (s *Selector) drag(f *Flow, p fyne.Position) {
	if s.anchor.flow == nil {
		return
	}
	type box struct {
		flow *Flow
		at   fyne.Position
	}
	var boxes []box
	var origin *box
	for _, o := range s.Roots(placed) {
		eachText(o, fyne.Position{}, placed, func(t *Flow, at fyne.Position) {
			if t.Selection == s {
				boxes = append(boxes, box{t, at})
			}
		})
	}
	for i := range boxes {
		if boxes[i].flow == f {
			origin = &boxes[i]
		}
	}
	if origin == nil {
		return
	}
	p = p.Add(origin.at)
	if s.Drag != nil {
		s.Drag(p)
	}
	nearest, least := origin, float32(-1)
	for i, b := range boxes {
		size := b.flow.Size()
		dx, dy := outside(p.X, b.at.X, size.Width), outside(p.Y, b.at.Y, size.Height)
		if d := dy*1000 + dx; least < 0 || d < least {
			nearest, least = &boxes[i], d
		}
	}
	s.extend(place{nearest.flow, nearest.flow.OffsetAt(p.Subtract(nearest.at))})
}

// outside returns how far x is outside of a length that begins at from.
func outside(x, from, length float32) float32 { return max(0, from-x, x-from-length) }

// menu returns the menu of a text.
func (s *Selector) menu(f *Flow) *fyne.Menu {
	copied := fyne.NewMenuItem("Copy", func() { s.CopySelected() })
	copied.Disabled = s.Empty()
	items := []*fyne.MenuItem{copied, fyne.NewMenuItem("Select all", s.SelectAll)}
	if f.Whole != nil {
		items = append(items, fyne.NewMenuItem("Copy message", func() { s.Copy(f.Whole()) }))
	}
	return fyne.NewMenu("", items...)
}

// wordAt returns the ends of the word at an offset, or of what else stands between two words there.
func wordAt(text string, at int) (from, to int) {
	kind := func(r rune) int {
		switch {
		case inWord(r):
			return 1
		case r == '\n':
			return 2
		}
		return 0
	}
	before, _ := utf8.DecodeLastRuneInString(text[:at])
	after, _ := utf8.DecodeRuneInString(text[at:])
	want := kind(after)
	if at == len(text) || want != 1 && kind(before) == 1 {
		want = kind(before)
	}
	same := func(r rune) bool { return kind(r) == want }
	return at - len(lastWhile(text[:at], same)), at + len(firstWhile(text[at:], same))
}

// paragraphAt returns the ends of the paragraph at an offset.
func paragraphAt(text string, at int) (from, to int) {
	from, to = strings.LastIndexByte(text[:at], '\n')+1, len(text)
	if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
		to = at + i
	}
	return from, to
}
