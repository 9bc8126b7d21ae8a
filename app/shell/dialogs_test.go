package shell

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
	"soberano/app/ui/uitest"
)

// escapeKey sends the Escape key as Fyne's window does.
func (s *stage) escapeKey() {
	k := &fyne.KeyEvent{Name: fyne.KeyEscape}
	if f := s.win.Canvas().Focused(); f != nil {
		f.TypedKey(k)
		return
	}
	s.win.Canvas().OnTypedKey()(k)
}

// Escape closes a dialog and changes nothing else.
func TestEscapeClosesDialogs(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.show(filesPage)
	s.win.Canvas().Unfocus()
	nowhere := func(io.Writer) error { return errors.New("written") }
	for name, open := range map[string]func(){
		"a recording": s.chooseAudio, "a model": s.chooseModelFile, "a folder": s.chooseFolder,
		"a name":       func() { s.ask("Rename", "A", func(string) { t.Error("renamed") }) },
		"where to":     func() { s.saveFile(t.TempDir(), "a.txt", nowhere, func(string, error) { t.Error("saved") }) },
		"a menu":       func() { ui.ShowMenuBelow(fyne.NewMenu("", fyne.NewMenuItem("One", func() {})), s.side.models) },
		"without name": func() { s.saveFile("", "", nowhere, func(string, error) { t.Error("saved") }) },
	} {
		open()
		if s.win.Canvas().Overlays().Top() == nil {
			t.Fatalf("%s isn't asked for", name)
		}
		s.escapeKey()
		if s.win.Canvas().Overlays().Top() != nil || s.page != filesPage {
			t.Errorf("%s: Escape leads to %s, something on top: %v", name, s.page, s.win.Canvas().Overlays().Top() != nil)
		}
	}
	s.escapeKey()
	if s.page != chatPage {
		t.Errorf("without a dialog Escape leads to %s", s.page)
	}
}

// A name is saved in the folder that is shown; a whole path changes to its folder, and is refused with a message if there is no
// such folder.
func TestSaveFile(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol, base)
		s.dress(m)
		s.ready()
		here, there := t.TempDir(), t.TempDir()
		save := func(typed string) (path string, err error) {
			s.saveFile(here, "lj: one.txt", func(w io.Writer) error { _, err := io.WriteString(w, "words"); return err },
				func(p string, e error) { path, err = p, e })
			e, ok := s.win.Canvas().Focused().(*ui.Entry)
			if !ok || e.Text != "lj one.txt" || e.Caret() != len(e.Text) {
				t.Fatalf("%T has the keyboard", s.win.Canvas().Focused())
			}
			if typed != "" {
				e.SetText(typed)
			}
			e.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
			return path, err
		}
		for typed, want := range map[string]string{"": here + "/lj one.txt", "two.txt": here + "/two.txt", there + "/three.txt": there + "/three.txt"} {
			path, err := save(typed)
			if text, readErr := os.ReadFile(want); path != want || err != nil || readErr != nil || string(text) != "words" {
				t.Errorf("%q is written to %q: %v; %v", typed, path, err, readErr)
			}
		}
		if path, err := save("lost/four.txt"); err == nil || path != here+"/lost/four.txt" {
			t.Errorf("saved as %s, %v", path, err)
		}
		for typed, want := range map[string]string{there + "/lost/five.txt": "There is no folder " + there + "/lost/", there + "/": "A name for the file is missing"} {
			path, err := save(typed)
			if path != "" || err != nil || s.win.Canvas().Overlays().Top() == nil {
				t.Errorf("%q is written to %s, %v", typed, path, err)
			}
			s.expect(s.shot("save-refused-"+string(m)), want)
			s.escapeKey()
		}
		if left, err := filepath.Glob(here + "/*"); err != nil || len(left) != 2 {
			t.Errorf("left is %q, %v", left, err)
		}
		c, err := s.store.New()
		if err != nil {
			t.Fatal(err)
		}
		s.exportChat(c)
		s.win.Canvas().Focused().(*ui.Entry).SetText(there + "/chat.md")
		s.win.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
		s.expect(strings.ReplaceAll(s.words(), "\n", ""), "Saved as")
	})
}

// After a click beside a dialog what is typed still goes into its entry, and the keys reach its buttons.
func TestClickBesideADialog(t *testing.T) {
	s := newStage(t, "", smol)
	s.fill()
	s.ready()
	c := s.win.Canvas()
	s.renameChat(s.side.list.rows[1].hit.Conversation)
	c.Unfocus() // what Fyne's window does
	uitest.TypeRunes(c, "!")
	c.Unfocus()
	uitest.PressKey(c, fyne.KeyReturn)
	s.q.settle()
	if c.Overlays().Top() != nil || !strings.HasSuffix(s.side.list.rows[1].hit.Name(), "!") {
		t.Errorf("the chats are %s", s.chats())
	}
	s.askDeleteAll()
	before := s.chats()
	c.Unfocus()
	uitest.PressKey(c, fyne.KeyReturn) // gives Cancel the focus
	if b, ok := c.Focused().(*ui.Button); !ok || b.Label != "Cancel" || s.chats() != before {
		t.Errorf("%T has the focus", c.Focused())
	}
	c.Unfocus()
	uitest.PressKey(c, fyne.KeyEscape)
	if c.Overlays().Top() != nil || s.chats() != before {
		t.Error("Escape does not close the question")
	}
}
