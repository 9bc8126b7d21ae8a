package shell

import (
	"errors"
	"time"

	"soberano/app/store"
	"soberano/app/voice"
)

// settling is the time limit for the text of the last dictation.
const settling = 10 * time.Second

// Settle calls then when the text of a running dictation has been inserted and everything that was written is stored. It is called
// before Close, so that closing the window loses nothing. If something can't be stored, the window stays and says so; then is
// called if the person wants to quit all the same.
func (d *Shell) Settle(then func()) { d.Finish(func() { d.stored(then) }) }

// Finish calls then when the text of a running dictation has been inserted.
func (d *Shell) Finish(then func()) {
	d.leaving = true
	t := d.chat.Talk
	if t == nil || d.closed {
		then()
		return
	}
	t.Finish()
	end := time.Now().Add(settling)
	var look func()
	look = func() {
		if t.State() == voice.Idle || time.Now().After(end) {
			then()
			return
		}
		time.AfterFunc(50*time.Millisecond, func() { d.Post(look) })
	}
	look()
}

// stored tries once more to store what could not be, and then calls then, or shows the window again.
func (d *Shell) stored(then func()) {
	if d.closed {
		then()
		return
	}
	d.chat.StoreAll()
	d.files.StoreAll()
	cards := d.models.Unsaved()
	var unsaved, unsavedCards error
	store.Ask(d.work, func(s *store.Store) (bool, error) {
		unsaved = s.Save()
		if cards != nil {
			unsavedCards = cards()
		}
		return s.Changed()
	}, func(changed bool, err error) {
		if unsaved == nil {
			d.saved()
		}
		if !d.chat.Unstored() && !d.files.Unstored() && !changed && err == nil && unsavedCards == nil {
			then()
			return
		}
		d.leaving = false
		d.show(chatPage)
		d.window.Show()
		d.tellUnsaved(errors.Join(unsaved, unsavedCards), then)
	})
}

// Leaving reports whether the window is being closed.
func (d *Shell) Leaving() bool { return d.leaving || d.closed }
