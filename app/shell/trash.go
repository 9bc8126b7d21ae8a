package shell

import (
	"errors"
	"fmt"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/models"
)

// trash is the page of the deleted chats and transcripts, from which they can be restored until they are removed for good.
type trash struct {
	d    *Shell
	pane *ui.Pane
}

func newTrash(d *Shell) *trash { return &trash{d, ui.NewPane()} }

// refresh reads the trash and draws the page.
func (p *trash) refresh() {
	store.Ask(p.d.work, (*store.Store).Trash, func(list []store.Trashed, err error) {
		if err != nil {
			p.d.notice("The trash could not be read.", err)
			return
		}
		p.draw(list, time.Now())
	})
}

func (p *trash) draw(list []store.Trashed, now time.Time) {
	note := ui.Text(fmt.Sprintf("Deleted chats and transcripts are kept here for %d days.", trashDays), ui.TextSize, ui.Muted)
	if len(list) == 0 {
		p.pane.Keep(note, ui.Text("The trash is empty.", ui.TextSize, ui.Ink))
		return
	}
	empty := ui.NewButton(ui.Plain, "Empty the trash", func() { p.ask(list...) })
	objects := []fyne.CanvasObject{note, ui.NewRow(0, nil, empty)}
	for i, t := range list {
		if i == mostRows {
			objects = append(objects, ui.Text(fmt.Sprintf("%s more were deleted earlier.", models.Grouped(len(list)-mostRows)), ui.SmallSize, ui.Muted))
			break
		}
		objects = append(objects, p.row(t, now))
	}
	p.pane.Keep(objects...)
}

// row shows one deleted chat or transcript.
func (p *trash) row(t store.Trashed, now time.Time) fyne.CanvasObject {
	what := "Chat"
	if t.Transcript {
		what = "Transcript"
	}
	title := ui.NewLabel(models.Printable(t.Title), ui.TextSize, ui.Ink).Strong().Shrink(40)
	note := ui.NewLabel(fmt.Sprintf("%s · deleted %s", what, deletedOn(t.Deleted, now)), ui.SmallSize, ui.Muted).Shrink(40)
	words := ui.NewColumn(2, title, note)
	return ui.NewBox(ui.Surface, ui.Line, 10, 14, 10, ui.NewRow(8, words, words,
		ui.NewButton(ui.Plain, "Restore", func() { p.restore(t) }), ui.NewButton(ui.Quiet, "Delete for good", func() { p.ask(t) })))
}

func deletedOn(t, now time.Time) string {
	if day(t, now) == "Today" {
		return "today " + t.Format("15:04")
	}
	return t.Format("2 January")
}

func (p *trash) restore(t store.Trashed) {
	if !t.Transcript {
		p.d.restoreChats([]store.Conversation{{ID: t.ID}})
		return
	}
	p.d.work.Do(func(*store.Store) error { return p.d.files.Queue.Restore(t.ID) }, func(err error) {
		if err != nil {
			p.d.notice("The transcript could not be restored.", err)
		}
		p.refresh()
		p.d.files.Refresh()
	})
}

// ask asks before it removes anything for good.
func (p *trash) ask(list ...store.Trashed) {
	words := fmt.Sprintf("Delete “%s” for good?", ui.Drawable(models.Printable(list[0].Title)))
	if len(list) > 1 {
		words = fmt.Sprintf("Delete all %d chats and transcripts in the trash for good?", len(list))
	}
	p.d.confirm("Delete for good", words+" This can't be undone.", "Delete for good", func() { p.erase(list) })
}

func (p *trash) erase(list []store.Trashed) {
	p.d.hush() // Undo would not bring them back
	for _, t := range list {
		if !t.Transcript {
			p.d.chat.Erasing(t.ID)
		}
	}
	p.d.work.Do(func(s *store.Store) (err error) {
		for _, t := range list {
			if e := s.Erase(t); !errors.Is(e, store.ErrNotFound) {
				err = errors.Join(err, e)
			}
		}
		return err
	}, func(err error) {
		if err != nil {
			p.d.notice("The trash could not be emptied.", err)
		}
		p.refresh()
	})
}
