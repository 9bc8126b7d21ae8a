package chat

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

// shortcut gets the shortcuts in the entry first. What is selected in the conversation is copied if nothing is in the entry, and all
// of it is selected if the entry is empty.
func (s *Screen) shortcut(c fyne.Shortcut) bool {
	e, above := s.Composer.Entry, s.thread.Selection
	switch c := c.(type) {
	case *fyne.ShortcutPaste:
		return s.paste(c.Clipboard)
	case *fyne.ShortcutCopy:
		return e.SelectedText() == "" && above.CopySelected()
	case *fyne.ShortcutSelectAll:
		if e.Text == "" {
			above.SelectAll()
			return true
		}
		return false
	}
	return s.Shortcut(c)
}

// Select carries out the shortcuts for copying and selecting in the conversation.
func (s *Screen) Select(c fyne.Shortcut) {
	switch c.(type) {
	case *fyne.ShortcutCopy:
		s.thread.Selection.CopySelected()
	case *fyne.ShortcutSelectAll:
		s.thread.Selection.SelectAll()
	}
}

func (s *Screen) key(k *fyne.KeyEvent) bool {
	switch k.Name {
	case fyne.KeyEscape:
		s.GoBack()
	case fyne.KeyPageUp:
		s.thread.Page(-0.9)
	case fyne.KeyPageDown:
		s.thread.Page(0.9)
	default:
		return false
	}
	return true
}

func (s *Screen) keyDown(k *fyne.KeyEvent) { s.SpeakKey(k, true) }
func (s *Screen) keyUp(k *fyne.KeyEvent)   { s.SpeakKey(k, false) }

// SpeakKey handles a key that goes down or up anywhere in the window: holding Ctrl+Space is like holding the microphone button.
func (s *Screen) SpeakKey(k *fyne.KeyEvent, down bool) {
	if s.Talk == nil {
		return
	}
	switch {
	case down && k.Name == fyne.KeySpace && Control():
		s.Talk.Press()
	case !down && (k.Name == fyne.KeySpace || k.Name == desktop.KeyControlLeft || k.Name == desktop.KeyControlRight):
		s.Talk.Release()
	}
}

// Control reports whether a Ctrl key is down.
func Control() bool {
	d, ok := fyne.CurrentApp().Driver().(desktop.Driver)
	return ok && d.CurrentKeyModifiers()&fyne.KeyModifierControl != 0
}
