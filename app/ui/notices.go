package ui

import (
	"fmt"
	"slices"

	"fyne.io/fyne/v2"
)

// Notices are the cards that a page shows until they are closed, one by one or all together.
type Notices struct {
	Object  *fyne.Container
	changed func() // the height has changed
	cards   []notice
	shown   int // number of cards that fit; see Fit
	foot    fyne.CanvasObject
	older   *Label
	all     *Button
}

// notice is a card; key tells it from others.
type notice struct {
	key    noticeKey
	number int
	card   fyne.CanvasObject
}

type noticeKey struct {
	words string
	about any
}

// mostNotices is the number of cards that are shown at once, the newest ones, of which the latest is above the others.
const mostNotices = 3

// NewNotices returns an empty list. changed is called after each change, to repeat the layout of the page.
func NewNotices(changed func()) *Notices {
	n := &Notices{Object: NewColumn(8), changed: changed, shown: mostNotices, older: NewLabel("", SmallSize, Muted).Shrink(80)}
	n.all = NewButton(Quiet, "", func() { n.remove(func(notice) bool { return true }) })
	n.foot = NewRow(12, n.older, n.older, n.all)
	n.Object.Hide()
	return n
}

// key tells a card from others.
func (p Problem) key() noticeKey { return noticeKey{p.Title + p.Why, p.About} }

// Shown reports whether the card of such a problem is open.
func (n *Notices) Shown(p Problem) bool {
	return slices.ContainsFunc(n.cards, func(c notice) bool { return c.key == p.key() })
}

// Show shows a card until it is closed, by the user or by close. A card with the same title and reason about the same thing replaces the earlier one.
func (n *Notices) Show(p Problem) (close func()) {
	key, number := p.key(), 1
	for _, c := range n.cards {
		number = max(number, c.number+1)
	}
	close = func() { n.remove(func(c notice) bool { return c.number == number && c.key == key }) }
	card := p.brief(close)
	if len(p.Actions) > 0 {
		p.Actions = append(p.Actions, Action{Label: "Close", Do: close})
		card = p.Card()
	}
	n.cards = keepNotices(n.cards, func(c notice) bool { return c.key != key })
	n.cards = append(n.cards, notice{key, number, card})
	n.arrange()
	return close
}

func (n *Notices) remove(gone func(notice) bool) {
	n.cards = keepNotices(n.cards, func(c notice) bool { return !gone(c) })
	n.arrange()
}

func keepNotices(list []notice, keep func(notice) bool) (kept []notice) {
	for _, c := range list {
		if keep(c) {
			kept = append(kept, c)
		}
	}
	return kept
}

func (n *Notices) arrange() {
	n.shown = mostNotices
	n.fill()
	n.Object.Hidden = len(n.cards) == 0
	n.refresh()
	n.changed()
}

// refresh lays out the cards and the line below them, whose heights may be as they were.
func (n *Notices) refresh() {
	n.foot.Refresh()
	n.Object.Refresh()
}

// Fit shows as many of the newest cards as there is space for, and at least one. fits reports whether those that are shown fit.
func (n *Notices) Fit(fits func() bool) {
	was := n.shown
	for n.shown = mostNotices; ; n.shown-- {
		n.fill()
		if fits() || n.shown == 1 {
			break
		}
	}
	if n.shown != was {
		n.refresh()
	}
}

// fill shows the newest cards, and below them the number of the others and a button that closes all, if there are several.
func (n *Notices) fill() {
	n.Object.Objects = nil
	older := max(0, len(n.cards)-n.shown)
	for _, c := range slices.Backward(n.cards[older:]) {
		n.Object.Add(c.card)
	}
	if len(n.cards) < 2 {
		return
	}
	switch older {
	case 0:
		n.older.Set("")
	case 1:
		n.older.Set("1 older message")
	default:
		n.older.Set(fmt.Sprintf("%d older messages", older))
	}
	n.all.SetLabel(fmt.Sprintf("Close all %d", len(n.cards)))
	n.Object.Add(n.foot)
}
