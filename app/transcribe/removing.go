package transcribe

import (
	"errors"
	"fmt"

	"fyne.io/fyne/v2"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/models"
)

// showGone shows which transcripts were deleted and a button for undoing that, or hides this note.
func (p *Page) showGone() {
	p.foot.Objects = nil
	if n := len(p.gone); n > 0 {
		text := fmt.Sprintf("“%s” is deleted.", models.Printable(p.gone[0].Title))
		if n > 1 {
			text = fmt.Sprintf("%d files are removed.", n)
		}
		words := ui.NewLabel(text, ui.SmallSize, ui.Ink).Shrink(80)
		p.foot.Add(ui.NewBox(ui.Surface, ui.Line, 10, 14, 6, ui.NewRow(8, words, words,
			ui.NewButton(ui.Quiet, "Undo", p.undo), ui.NewButton(ui.Quiet, "Close", p.forget))))
	}
	p.place(p.Object.Size())
	p.foot.Refresh()
}

// remove deletes transcripts and offers to undo that.
func (p *Page) remove(list ...store.Transcript) {
	p.Close()
	store.Ask(p.Work, func(*store.Store) (gone []store.Transcript, err error) {
		for _, t := range list {
			switch e := p.Queue.Delete(t.ID); {
			case e == nil:
				gone = append(gone, t)
			case !errors.Is(e, store.ErrNotFound): // which means that it was deleted twice at once, by a key that is held
				err = e
			}
		}
		return gone, err
	}, func(gone []store.Transcript, err error) {
		p.say(err, "The transcript could not be deleted")
		if len(gone) > 0 {
			p.gone = append(p.gone, gone...) // Undo restores all that were deleted one shortly after the other
			p.passing.Start(p.foot, p.forget)
		}
		p.Refresh()
	})
}

// removeRow deletes a finished transcript. The next one gets the focus, so that it can be deleted or opened by a key as well.
func (p *Page) removeRow(r *past) {
	p.Focus(p.beside(r))
	p.remove(r.t)
}

// beside returns the row behind one, or else the row before it; nil if there is no other.
func (p *Page) beside(r *past) fyne.Focusable {
	var before *past
	found := false
	for _, t := range p.all {
		row := p.pasts[t.ID]
		switch {
		case t.State != store.Complete || row == nil:
		case row == r:
			found = true
		case found:
			return row
		default:
			before = row
		}
	}
	if before == nil {
		return nil
	}
	return before
}

// Undo takes back the last edit of the opened transcript, or in the list the deletion that the page offers to undo.
func (p *Page) Undo() {
	if p.View.shown() {
		p.View.Undo()
	} else if len(p.gone) > 0 {
		p.undo()
	}
}

// forget ends the offer to undo the deletion.
func (p *Page) forget() {
	p.passing.Stop()
	p.gone = nil
	p.Refresh()
}

func (p *Page) undo() {
	gone := p.gone
	p.passing.Stop()
	p.gone = nil
	p.do(func() (err error) {
		for _, t := range gone {
			err = errors.Join(err, p.Queue.Restore(t.ID))
		}
		return err
	}, "The transcript could not be restored")
}
