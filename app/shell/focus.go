package shell

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"soberano/app/ui"
)

// editing are the shortcuts that edit the message in the chat, wherever the focus is.
var editing = []fyne.Shortcut{&fyne.ShortcutPaste{}, &fyne.ShortcutUndo{}, &fyne.ShortcutRedo{}}

// selecting are the shortcuts for the texts of the conversation, where no widget takes them.
var selecting = []fyne.Shortcut{&fyne.ShortcutCopy{}, &fyne.ShortcutSelectAll{}}

func (d *Shell) selectShortcut(s fyne.Shortcut) {
	if d.writes() {
		d.chat.Select(s)
	}
}

// writes reports whether what is typed belongs into the message: the chat is shown, and no dialog or menu covers it.
func (d *Shell) writes() bool {
	return d.page == chatPage && d.window.Canvas().Overlays().Top() == nil
}

// typedRune gets the characters that no widget takes: on the chat page they are written into the message.
func (d *Shell) typedRune(r rune) {
	if d.writes() {
		d.chat.Focus(d.window.Canvas())
		d.chat.Composer.Entry.TypedRune(r)
	} else if e := d.inDialog(); e != nil {
		e.TypedRune(r)
	}
}

// typedShortcut gets the shortcuts for editing that no widget takes.
func (d *Shell) typedShortcut(s fyne.Shortcut) {
	if d.writes() {
		d.chat.Focus(d.window.Canvas())
		d.chat.Composer.Entry.TypedShortcut(s)
	} else if d.page == filesPage && d.window.Canvas().Overlays().Top() == nil {
		d.editTranscript(s)
	} else if e := d.inDialog(); e != nil {
		e.TypedShortcut(s)
	}
}

// editTranscript undoes and redoes the edits of a transcript, and undoes the deletion of transcripts.
func (d *Shell) editTranscript(s fyne.Shortcut) {
	switch s.(type) {
	case *fyne.ShortcutUndo:
		d.files.Undo()
	case *fyne.ShortcutRedo:
		d.files.View.Redo()
	}
}

var modifiers = []fyne.KeyName{desktop.KeyShiftLeft, desktop.KeyShiftRight, desktop.KeyControlLeft, desktop.KeyControlRight,
	desktop.KeyAltLeft, desktop.KeyAltRight, desktop.KeySuperLeft, desktop.KeySuperRight, desktop.KeyCapsLock, desktop.KeyMenu}

// typedKey gets the keys that no widget takes.
func (d *Shell) typedKey(k *fyne.KeyEvent) {
	switch {
	case slices.Contains(modifiers, k.Name): // part of a key combination, such as Ctrl+C for the text of the conversation
	case k.Name == fyne.KeyEscape:
		d.escape()
	case d.window.Canvas().Overlays().Top() != nil:
		if e := d.inDialog(); e != nil {
			e.TypedKey(k)
		}
	case k.Name == fyne.KeySpace && d.page == filesPage && d.window.Canvas().Focused() == nil:
		if !ui.Repeats() {
			d.files.View.PlayPause()
		}
	case d.page != chatPage:
		d.scroll(k.Name)
	case k.Name == fyne.KeyPageUp || k.Name == fyne.KeyPageDown:
		d.chat.Composer.Entry.TypedKey(k) // which scrolls the conversation
	case d.window.Canvas().Focused() == nil && k.Name != fyne.KeySpace: // typedRune gets the space
		d.chat.Focus(d.window.Canvas())
		d.chat.Composer.Entry.TypedKey(k)
	}
}

// scroll scrolls the page.
func (d *Shell) scroll(k fyne.KeyName) {
	by := map[fyne.KeyName]float32{fyne.KeyPageDown: 0.9, fyne.KeyPageUp: -0.9, fyne.KeyDown: 0.1, fyne.KeyUp: -0.1, fyne.KeyHome: -1e6, fyne.KeyEnd: 1e6}[k]
	switch {
	case by == 0:
	case d.page == filesPage:
		d.files.Scroll(by)
	case d.page == modelsPage:
		d.models.Scroll(by)
	case d.page == settingsPage:
		d.settings.Scroll(by)
	case d.page == trashPage:
		d.trash.pane.Page(by)
	}
}

// refocus takes the focus away from an object that is hidden or was removed. On the chat page the entry gets it, so that typing
// goes somewhere.
func (d *Shell) refocus() {
	c := d.window.Canvas()
	if d.Object == nil || c.Overlays().Top() != nil {
		return
	}
	if o, ok := c.Focused().(fyne.CanvasObject); ok && ui.Shown(c, o) {
		return
	}
	if d.page == chatPage {
		d.chat.Focus(c)
	} else {
		c.Unfocus()
	}
}

// leaveSide moves the focus from the sidebar to the page.
func (d *Shell) leaveSide() {
	d.fold(false)
	if d.page == chatPage {
		d.chat.Focus(d.window.Canvas())
	} else {
		d.window.Canvas().Unfocus()
	}
}

// focused hides the sidebar of a narrow window when the focus moves to the page below it.
func (d *Shell) focused(o fyne.CanvasObject) {
	if d.narrow && d.open && !ui.Inside(d.side.object, o) {
		d.fold(false)
	}
}
