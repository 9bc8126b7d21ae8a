package shell

import (
	"errors"
	"time"

	"soberano/app/problem"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/models"
)

// saveTime is the interval between two attempts to open a file of chats that could not be opened for writing.
const saveTime = 5 * time.Second

// tellStore shows the problem of the store, if it has one, and tries again and again to save what is in it.
func (d *Shell) tellStore() {
	n := d.store.Notice()
	if n.Code == problem.None {
		return
	}
	list := []ui.Action{{Label: "Show the folder", Do: func() { d.showFile(d.Data) }}}
	saves := n.Code == problem.StoreUnwritable || n.Code == problem.StoreUnread
	if saves {
		list = append([]ui.Action{{Label: "Try again", Do: d.save}}, list...)
	}
	if n.Err != nil {
		list = append(list, ui.Action{Label: "Copy details", Do: func() { d.copy(models.PrintableLines(n.Err.Error())) }})
	}
	close := d.chat.Notice(ui.Problem{Title: n.Words().Title, Why: n.Text(), Actions: list})
	if saves {
		d.closeStore = append(d.closeStore, close)
		d.saveLater()
	}
}

// saveLater calls save after a while.
func (d *Shell) saveLater() {
	if d.saving == nil && !d.closed {
		d.saving = time.AfterFunc(d.Retry, func() {
			d.Post(func() {
				d.saving = nil
				d.save()
			})
		})
	}
}

// save tries to write into the file what is only in memory because the file could not be opened.
func (d *Shell) save() {
	d.work.Do((*store.Store).Save, func(err error) {
		if err != nil {
			d.saveLater() // the card says it already
			return
		}
		d.saved()
	})
}

// saved shows what the file had besides, in place of the cards that it could not be opened.
func (d *Shell) saved() {
	if d.closeStore == nil {
		return
	}
	for _, f := range d.closeStore {
		f()
	}
	d.closeStore = nil
	d.tellStore()
	d.listChanged()
	d.files.Refresh()
	d.trash.refresh()
	d.files.Queue.Kick()
}

// tellUnsaved says that closing the window would lose something, and why; quit closes it all the same.
func (d *Shell) tellUnsaved(err error, quit func()) {
	why := "If you quit now, it is lost. Free some space, or check the folder's permissions. It is saved as soon as that is possible; then quit again."
	var p *problem.Problem
	if errors.As(err, &p) && p.Code == problem.StoreNewer {
		why = "If you quit now, it is lost. The conversations were written by a newer version of the program, so this version can't save anything. Copy what you want to keep, then quit."
	}
	close := d.chat.Notice(ui.Problem{Title: "Not everything that you wrote could be saved.", Why: why,
		Actions: []ui.Action{{Label: "Show the folder", Do: func() { d.showFile(d.Data) }}, {Label: "Quit all the same", Do: quit}}})
	d.closeLeaving = append(d.closeLeaving, close)
	if d.closeStore != nil {
		d.closeStore = append(d.closeStore, close)
	}
}

// allStored closes the cards of tellUnsaved, which are no longer true.
func (d *Shell) allStored() {
	if d.files.Unstored() {
		return
	}
	for _, f := range d.closeLeaving {
		f()
	}
	d.closeLeaving = nil
}
