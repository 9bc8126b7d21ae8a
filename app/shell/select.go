package shell

import (
	"fyne.io/fyne/v2"

	"soberano/app/store"
)

// toggle adds a conversation to the selection, or takes it out.
func (l *list) toggle(r *row) {
	if l.anchor = r.hit.ID; l.picked[r.hit.ID] {
		delete(l.picked, r.hit.ID)
	} else {
		l.picked[r.hit.ID] = true
	}
	l.pickedChanged()
}

// selectTo selects the conversations from the anchor, or else from the cursor, to a row.
func (l *list) selectTo(r *row) {
	from, to := l.cursor, l.cursor
	for i, have := range l.rows {
		if have.hit.ID == l.anchor {
			from = i
		}
		if have == r {
			to = i
		}
	}
	l.anchor = l.rows[from].hit.ID
	clear(l.picked)
	for _, have := range l.rows[min(from, to) : max(from, to)+1] {
		l.picked[have.hit.ID] = true
	}
	l.pickedChanged()
}

// take moves the cursor to a row that was selected by the mouse, and the focus to the list, so that Delete is about the selection.
func (l *list) take(r *row) {
	l.to(r.hit.ID)
	if c := fyne.CurrentApp().Driver().CanvasForObject(l); c != nil {
		c.Focus(l)
	}
	l.mark()
	l.pane.Reveal(r)
}

// unselect selects nothing; it returns false if nothing was selected.
func (l *list) unselect() bool {
	if len(l.picked) == 0 {
		return false
	}
	clear(l.picked)
	l.pickedChanged()
	return true
}

// keepPicked takes the conversations that are not listed any more out of the selection.
func (l *list) keepPicked() {
	n := len(l.picked)
	if n == 0 {
		return
	}
	listed := l.selection()
	clear(l.picked)
	for _, c := range listed {
		l.picked[c.ID] = true
	}
	if len(l.picked) != n {
		l.pickedChanged()
	}
}

// selection returns the conversations that are selected, in the order of the list.
func (l *list) selection() (selected []store.Conversation) {
	for _, r := range l.rows {
		if l.picked[r.hit.ID] {
			selected = append(selected, r.hit.Conversation)
		}
	}
	return selected
}

func (l *list) pickedChanged() {
	if len(l.picked) == 0 {
		l.anchor = 0
	}
	l.mark()
	l.onSelect(l.selection())
}

// delete deletes the selected conversations, or else the one at the cursor.
func (l *list) delete(c store.Conversation) {
	if selected := l.selection(); len(selected) > 0 {
		l.onDeleteMany(selected)
		return
	}
	l.onDelete(c)
}
