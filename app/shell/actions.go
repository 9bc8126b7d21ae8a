package shell

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"soberano/app/chat"
	"soberano/app/problem"
	"soberano/app/settings"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/models"
	"soberano/models/registry"
)

var shortcuts = []fyne.Shortcut{
	control(fyne.KeyN), control(fyne.KeyK), control(fyne.KeyM), control(fyne.KeyL), control(fyne.KeyO), control(fyne.KeyComma),
	control(fyne.KeySpace), control(fyne.KeyT), control(fyne.KeyF), control(fyne.KeyI), control(fyne.KeyQ), control(fyne.KeyW),
}

func control(k fyne.KeyName) fyne.Shortcut {
	return &desktop.CustomShortcut{KeyName: k, Modifier: fyne.KeyModifierShortcutDefault}
}

// shortcut executes a key combination; it returns false if the combination has no function.
func (d *Shell) shortcut(s fyne.Shortcut) bool {
	if _, undo := s.(*fyne.ShortcutUndo); undo {
		return d.undo()
	}
	c, ok := s.(*desktop.CustomShortcut)
	if !ok || c.Modifier != fyne.KeyModifierShortcutDefault && !(c.KeyName == fyne.KeySpace && c.Modifier == fyne.KeyModifierControl) {
		return false
	}
	if ui.Repeats() && c.KeyName != fyne.KeySpace { // see speak
		return true
	}
	switch c.KeyName {
	case fyne.KeyN:
		d.newChat("")
	case fyne.KeyK:
		d.fold(d.narrow)
		d.window.Canvas().Focus(d.side.search)
	case fyne.KeyM:
		d.chooseModel()
	case fyne.KeyL:
		d.show(modelsPage)
	case fyne.KeyT:
		d.show(filesPage)
	case fyne.KeyF:
		if d.page != filesPage {
			return false
		}
		d.files.View.Find()
	case fyne.KeyO:
		if d.page == filesPage {
			d.chooseAudio()
		} else {
			d.chooseModelFile()
		}
	case fyne.KeyI:
		d.show(chatPage)
		d.chooseImage()
	case fyne.KeyComma:
		d.show(settingsPage)
	case fyne.KeySpace:
		d.speak()
	case fyne.KeyQ, fyne.KeyW:
		d.Quit()
	default:
		return false
	}
	return true
}

// escape goes one step back.
func (d *Shell) escape() {
	switch {
	case ui.Repeats(): // the next step may be another one than the person means
	case d.dismiss():
	case d.open:
		d.fold(false)
	case d.page == filesPage && d.files.View.Escape():
	case d.page == modelsPage && d.models.Back():
	case d.page != chatPage:
		d.show(chatPage)
	default:
		d.chat.Escape()
		d.chat.Focus(d.window.Canvas())
	}
}

// newChat opens a conversation without messages and without a draft; text and images, if any, are put into its draft.
func (d *Shell) newChat(text string, images ...store.Image) {
	d.side.search.SetText("") // the new chat would not be among what was found
	d.emptyChat((*store.Store).New, text, images...)
}

// emptyChat opens the conversation without messages that find returns.
func (d *Shell) emptyChat(find func(*store.Store) (store.Conversation, error), text string, images ...store.Image) {
	d.load("A new chat could not be created.", find, false, func() {
		d.listChanged()
		if text != "" {
			d.chat.Composer.Entry.SetText(text)
			d.chat.Composer.Entry.ToEnd()
		}
		d.chat.AttachStored(images)
	})
}

// openHit opens a conversation of the list. One that a search has found opens where the words are.
func (d *Shell) openHit(h store.Hit) {
	words := d.side.search.Text
	d.load("This chat could not be opened.", func(*store.Store) (store.Conversation, error) { return h.Conversation, nil }, false, func() {
		if h.Message != 0 {
			d.chat.Reveal(h.Message, words)
		}
	})
}

func (d *Shell) openChat(c store.Conversation) {
	d.load("This chat could not be opened.", func(*store.Store) (store.Conversation, error) { return c, nil }, false, func() {})
}

func (d *Shell) listChanged() {
	d.side.refresh()
	d.markOpen()
}

// chatMenu opens the menu of a conversation.
func (d *Shell) chatMenu(c store.Conversation, at fyne.Position) {
	ui.ShowMenu(d.window.Canvas(), fyne.NewMenu("",
		fyne.NewMenuItem("Rename", func() { d.renameChat(c) }),
		fyne.NewMenuItem("Export as Markdown", func() { d.exportChat(c) }),
		fyne.NewMenuItem("Delete", func() { d.deleteChat(c) }),
		fyne.NewMenuItemSeparator(),
		fyne.NewMenuItem("Delete all chats…", d.askDeleteAll)), at, nil)
}

func (d *Shell) renameChat(c store.Conversation) {
	d.ask("Rename this chat", c.Title, func(title string) {
		if title = strings.TrimSpace(title); title == "" {
			return
		}
		d.work.Do(func(s *store.Store) error { return s.Rename(c.ID, title) }, func(err error) {
			if err != nil {
				d.notice("The name could not be changed.", err)
				return
			}
			if c.ID == d.chat.Conversation() {
				d.chat.Renamed(title)
			}
			d.side.refresh()
		})
	})
}

// exportChat saves a conversation as Markdown, and its images in a folder beside that file.
func (d *Shell) exportChat(c store.Conversation) {
	var text bytes.Buffer
	folder := store.FileName(c.Title, "Chat") + " images"
	saved := func(path string, err error) {
		if err != nil {
			d.notice("This chat could not be exported.", err)
			return
		}
		d.hush()
		d.tell("Saved as " + models.Printable(path))
	}
	title := d.modelTitles()
	store.Ask(d.work, func(s *store.Store) ([]store.Exported, error) { return s.Export(c.ID, title, folder, &text) }, func(images []store.Exported, err error) {
		if err != nil {
			saved("", err)
			return
		}
		d.saveFile("", store.FileName(c.Title, "Chat")+".md", func(w io.Writer) error { _, err := text.WriteTo(w); return err }, func(path string, err error) {
			if err != nil {
				saved("", err)
				return
			}
			d.work.Do(func(s *store.Store) error { return writeImages(s, filepath.Join(filepath.Dir(path), folder), images) }, func(err error) { saved(path, err) })
		})
	})
}

// writeImages writes the images of an exported conversation into a folder.
func writeImages(s *store.Store, folder string, list []store.Exported) error {
	if len(list) == 0 {
		return nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, m := range list {
		data, err := s.Picture(m.Hash)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, m.File), data, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Shell) status(s chat.Status) {
	if d.closed {
		return
	}
	d.chat.Status(s)
	if d.page == modelsPage {
		d.models.Refresh()
	}
}

// change applies new settings.
func (d *Shell) change(v settings.Values) {
	old := d.values.Values()
	v.ChatModel, v.SpeechModel = old.ChatModel, old.SpeechModel
	v.FilesLanguage, v.FilesTranslate, v.Place = old.FilesLanguage, old.FilesTranslate, old.Place
	reload := v.Context != old.Context || v.Threads != old.Threads || v.KV != old.KV || v.GPUUse() != old.GPUUse()
	theme, keys, api, states := v.Theme != old.Theme, v.Hotkey != old.Hotkey, v.API != old.API, v.States != old.States
	d.set(func(values *settings.Values) { *values = v })
	if theme {
		d.setTheme()
	}
	if keys {
		d.setHotkey()
		d.settings.Refresh()
	}
	if api {
		d.switchAPI()
	}
	if states {
		d.limitStates()
	}
	if s := d.runner.Status(); reload && s.Phase != chat.NoModel {
		d.runner.Use(s.Entry, d.chatSettings(s.Entry))
	}
}

// set changes the settings and saves them.
func (d *Shell) set(edit func(*settings.Values)) {
	if err := d.values.Change(edit); err != nil {
		if d.closeStore == nil { // otherwise a card says that nothing is saved
			d.notice("The settings could not be saved.", err)
		}
	}
}

// gpuFailed tells that a GPU is not used any longer.
func (d *Shell) gpuFailed(err error) {
	d.Post(func() { d.notice(problem.Of(err).Words().Title, err) })
}

// moved tells, without taking the place of another message, that a model runs on a GPU from now on.
func (d *Shell) moved(e registry.Entry, device string) {
	d.Post(func() {
		if d.closed {
			return
		}
		d.runner.Moved()
		if len(d.side.toast.Objects) == 0 {
			d.tell(fmt.Sprintf("%s now runs on %s, where it is faster.", ui.Drawable(models.Printable(e.Title)), ui.Drawable(models.Printable(device))))
		}
	})
}

func (d *Shell) setTheme() { d.app.Settings().SetTheme(ui.Theme{Mode: d.values.Values().Theme}) }

func (d *Shell) copy(text string) { d.app.Clipboard().SetContent(text) }

func (d *Shell) showFile(path string) {
	if err := d.OpenPath(path); err != nil {
		d.notice("The folder could not be shown.", fmt.Errorf("%s: %w", path, err))
	}
}

// openLink shows the address of a link before anything leaves this computer.
func (d *Shell) openLink(link string, at fyne.Position) {
	items := []*fyne.MenuItem{fyne.NewMenuItem("Copy "+cut(link, 60), func() { d.copy(link) })}
	if u, err := url.Parse(link); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		items = append(items, fyne.NewMenuItem("Open "+cut(u.Host, 60)+" in the browser", func() {
			if err := d.OpenURL(link); err != nil {
				d.notice("The link could not be opened.", err)
			}
		}))
	}
	ui.ShowMenu(d.window.Canvas(), fyne.NewMenu("", items...), at, nil)
}

func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
