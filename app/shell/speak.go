package shell

import (
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/chat"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/voice"
)

// speakKey handles a key that goes down or up where no entry has the focus. On a page without an entry, Ctrl+Space shows the chat,
// into which the words go.
func (d *Shell) speakKey(k *fyne.KeyEvent, down bool) {
	if down && k.Name == fyne.KeySpace && chat.Control() {
		d.showEntry()
	}
	d.chat.SpeakKey(k, down)
}

// showEntry shows the chat, where the words of a dictation that is about to begin are seen, unless a dialog or menu is open.
func (d *Shell) showEntry() {
	c := d.window.Canvas()
	if talk := d.chat.Talk; talk == nil || talk.State() != voice.Idle || c.Overlays().Top() != nil {
		return
	}
	if d.page != chatPage {
		d.show(chatPage)
	}
	d.chat.Focus(c)
}

// speak handles Ctrl+Space where no key events arrive, for example while a button has the focus. It moves the focus to the entry of
// the chat, so that releasing the keys ends the recording. Where that is impossible, in a dialog, it works like a click, and the words go
// into the entry of the dialog that has the focus. The shortcut repeats while the keys are held, and only the first one counts.
func (d *Shell) speak() {
	if talk := d.chat.Talk; talk != nil && !d.hears() && time.Since(d.spoke) > time.Second {
		d.showEntry()
		var place voice.Place // the chat
		if d.window.Canvas().Overlays().Top() != nil {
			place = d.entryPlace()
		}
		talk.PressFor(place)
		if !d.hears() {
			talk.Release()
		}
	}
	d.spoke = time.Now()
}

// hears reports whether the object with the focus gets the keys of dictation.
func (d *Shell) hears() bool {
	switch f := d.window.Canvas().Focused().(type) {
	case nil, *list, *voice.Button:
		return true
	case *ui.Entry:
		return f.OnKeyDown != nil
	}
	return false
}

// talkBar shows a recording on the pages where the composer of the chat is not seen, and stops it.
//
//	╭ ▮▮▯▮▮▯▮ 0:04 · English                          [Show the chat] [Stop] ╮
//	│ Recording into the chat “Letter to the landlord”.                      │
//	╰                                                                        ╯
type talkBar struct {
	object *ui.Box
	strip  *voice.Strip
	words  *ui.Label
	said   string // what words says without partial text
	chat   *ui.Button
	stop   *ui.Button
}

func newTalkBar(d *Shell) *talkBar {
	b := &talkBar{strip: voice.NewStrip(), words: ui.NewLabel("", ui.SmallSize, ui.Muted).Shrink(60)}
	b.strip.Plain = true
	b.chat = ui.NewButton(ui.Quiet, "Show the chat", func() { d.openChat(store.Conversation{ID: d.chat.TargetChat()}) })
	b.stop = ui.NewButton(ui.Primary, "Stop", func() { d.chat.Talk.Finish() })
	row := ui.NewRow(10, b.strip.Object, b.strip.Object, b.chat, b.stop)
	b.object = ui.NewBox(ui.Surface, ui.Record, 10, 14, 8, ui.NewColumn(4, row, b.words))
	b.object.Hide()
	return b
}

// watch shows the bar while there is a dictation, in addition to what the chat shows.
func (b *talkBar) watch(d *Shell, t *voice.Talk) {
	state, level := t.OnState, t.OnLevel
	t.OnState = func(s voice.State) {
		if s == voice.Recording {
			d.closeDictationError()
		}
		state(s)
		d.showTalk()
	}
	t.OnLevel = func(l float32, since time.Duration) {
		level(l, since)
		d.sounds(l)
		if b.object.Visible() {
			b.strip.Level(t, l, since)
		}
	}
}

// showTalk shows or hides the bar.
func (d *Shell) showTalk() {
	t, b := d.chat.Talk, d.bar
	was := b.object.Visible()
	if t == nil || t.State() == voice.Idle || d.page == chatPage {
		b.object.Hide()
	} else {
		b.show(t, d.chat.Target(), d.chat.TargetChat() != 0)
	}
	if was != b.object.Visible() {
		d.place(d.Object.Size())
	}
}

func (b *talkBar) show(t *voice.Talk, target string, ours bool) {
	b.strip.Show(t)
	b.said = "Recording " + target
	b.stop.Show()
	if t.State() == voice.Finishing {
		b.said = "Writing the last words " + target
		b.stop.Hide()
	}
	b.partial("")
	if ours {
		b.chat.Show()
	} else {
		b.chat.Hide()
	}
	b.object.Show()
	b.object.Refresh()
}

// partial shows text that may still change.
func (b *talkBar) partial(text string) {
	if text == "" {
		b.words.Set(b.said + ".")
		return
	}
	b.words.Set(b.said + ": " + text)
}

// place puts the bar at the bottom of a page, and returns how much of the height it takes.
func (b *talkBar) place(left float32, size fyne.Size) float32 {
	if !b.object.Visible() {
		return 0
	}
	w := min(ui.ColumnWidth, size.Width-left-2*12)
	h := b.object.HeightFor(w)
	ui.Put(b.object, left+(size.Width-left-w)/2, size.Height-h-12, w, h)
	return h + 2*12
}
