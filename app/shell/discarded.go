package shell

import (
	"fmt"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
	"soberano/app/voice"
)

// discarded is a dictation that was ended by Esc and can still be brought back.
type discarded struct {
	kept  *voice.Kept
	close func() // closes the card that says so
	text  string // of the message, when it was discarded
	chat  int64
	timer *time.Timer
}

// discardedTime is how long a dictation can be brought back.
const discardedTime = time.Minute

// discarded offers to bring a dictation back, in the place of an earlier one.
func (d *Shell) discarded(kept *voice.Kept) {
	d.forgetDiscarded()
	r := &discarded{kept: kept, text: d.chat.Composer.Entry.Text, chat: d.chat.Conversation()}
	r.close = d.chat.Notice(ui.Problem{Title: "The dictation was discarded.", Why: fmt.Sprintf("It has %s of sound without text.", lasting(kept.Length())),
		Actions: []ui.Action{{Label: "Undo", Do: d.undiscard}}, About: kept})
	r.timer = time.AfterFunc(discardedTime, func() {
		d.Post(func() {
			if d.thrown == r {
				d.forgetDiscarded()
			}
		})
	})
	d.thrown = r
}

// undiscard writes the text of the dictation that was discarded last.
func (d *Shell) undiscard() {
	r := d.thrown
	if r == nil {
		return
	}
	if !d.chat.Talk.Retry(r.kept) {
		d.chat.Say("Finish the dictation that is running first.")
		return
	}
	d.endDiscarded()
}

// undo takes back what was done last in the message, if that was to discard a dictation.
func (d *Shell) undo() bool {
	r := d.thrown
	if r == nil || !d.writes() || d.window.Canvas().Focused() != fyne.Focusable(d.chat.Composer.Entry) || r.chat != d.chat.Conversation() || r.text != d.chat.Composer.Entry.Text {
		return false
	}
	d.undiscard()
	return true
}

// forgetDiscarded deletes the dictation that can be brought back.
func (d *Shell) forgetDiscarded() {
	r := d.thrown
	if r == nil {
		return
	}
	d.endDiscarded()
	if err := d.chat.Talk.Forget(r.kept); err != nil {
		d.notice("The dictation could not be deleted.", err)
	}
}

// endDiscarded closes the card.
func (d *Shell) endDiscarded() {
	r := d.thrown
	d.thrown = nil
	r.timer.Stop()
	r.close()
}
