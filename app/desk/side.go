package desk

// The left side: New chat, the search, the conversations, and the places at the bottom.

import (
	"context"
	"errors"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"

	"soberano/app/look"
	"soberano/app/store"
)

const sideWidth = 256

// side is the column at the left.
type side struct {
	object   fyne.CanvasObject
	newChat  *look.Button
	search   *look.Entry
	list     *list
	files    *look.Button
	models   *look.Button
	settings *look.Button
	toast    *fyne.Container
	parts    struct{ back, line, logo, name, entry, key, rule fyne.CanvasObject }

	store   *store.Store
	post    func(func())
	pending *time.Timer
	cancel  context.CancelFunc
	onError func(error)
}

func newSide(s *store.Store, post func(func())) *side {
	v := &side{store: s, post: post, list: newList(), toast: look.NewColumn(0), search: look.NewEntry()}
	v.newChat = look.NewButton(look.Primary, "New chat", nil)
	v.search.SetPlaceHolder("Search all chats")
	v.search.OnChanged = func(string) { v.later() }
	v.search.OnFocus = func(on bool) { v.showKey() }
	v.files = look.NewButton(look.Place, "Transcribe files", nil)
	v.models, v.settings = look.NewButton(look.Place, "Models", nil), look.NewButton(look.Place, "Settings", nil)
	v.files.Icon, v.models.Icon, v.settings.Icon = theme.FileAudioIcon(), theme.StorageIcon(), theme.SettingsIcon()
	p := &v.parts
	p.back, p.line = look.NewFill(look.Side, 1, 1), look.NewFill(look.Line, 1, 1)
	logo := canvas.NewImageFromResource(look.Icon)
	logo.FillMode, logo.ScaleMode = canvas.ImageFillContain, canvas.ImageScaleSmooth
	p.logo, p.name = logo, look.NewLabel("Soberano", 16, look.Ink).Strong()
	p.key, p.rule = look.NewLabel("Ctrl K", look.SmallSize, look.Muted), look.NewRule()
	v.object = &fyne.Container{Layout: &look.Arrange{Min: fyne.NewSize(sideWidth, 300), Place: v.place},
		Objects: []fyne.CanvasObject{p.back, p.line, p.logo, p.name, v.newChat, v.search, p.key, v.list, v.toast, p.rule, v.files, v.models, v.settings}}
	return v
}

func (v *side) place(size fyne.Size) {
	w := size.Width - 1
	p := &v.parts
	look.Put(p.back, 0, 0, w, size.Height)
	look.Put(p.line, w, 0, 1, size.Height)
	look.Put(p.logo, 16, 17, 22, 22)
	look.Put(p.name, 48, 14, w-60, 28)
	look.Put(v.newChat, 12, 54, w-24, 37)
	look.Put(v.search, 12, 101, w-24, 37)
	k := p.key.MinSize()
	look.Put(p.key, w-12-11-k.Width, 101+(37-k.Height)/2, k.Width, k.Height)
	bottom := size.Height - 12
	look.Put(v.settings, 12, bottom-34, w-24, 34)
	look.Put(v.models, 12, bottom-34-35, w-24, 34)
	look.Put(v.files, 12, bottom-34-2*35, w-24, 34)
	bottom -= 34 + 2*35 + 12
	look.Put(p.rule, 12, bottom, w-24, 1)
	if h := look.HeightFor(v.toast, w-24); h > 0 {
		look.Put(v.toast, 12, bottom-h-12, w-24, h)
		bottom -= h + 12
	}
	look.Put(v.list, 0, 150, w, bottom-150-8)
}

func (v *side) showKey() {
	if v.search.Text == "" {
		v.parts.key.Show()
	} else {
		v.parts.key.Hide()
	}
}

// later searches when the typing has paused.
func (v *side) later() {
	v.showKey()
	if v.pending != nil {
		v.pending.Stop()
	}
	v.pending = time.AfterFunc(150*time.Millisecond, func() { v.post(v.refresh) })
}

// refresh reads the conversations again, or what is searched for.
func (v *side) refresh() {
	if v.cancel != nil {
		v.cancel()
		v.cancel = nil
	}
	query := strings.TrimSpace(v.search.Text)
	if query == "" {
		all, err := v.store.Conversations()
		if err != nil {
			v.onError(err)
			return
		}
		hits := make([]store.Hit, len(all))
		for i, c := range all {
			hits[i].Conversation = c
		}
		v.list.set(hits, false, time.Now())
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	v.cancel = cancel
	go func() { // a search reads every message: not on the UI goroutine
		defer cancel()
		hits, err := v.store.Search(ctx, query)
		v.post(func() {
			switch {
			case errors.Is(err, context.Canceled) || strings.TrimSpace(v.search.Text) != query:
			case err != nil:
				v.onError(err)
			default:
				v.list.set(hits, true, time.Now())
			}
		})
	}()
}

// say shows a line with something to do about it, above the places; empty words take it away.
func (v *side) say(words string, actions ...look.Action) {
	v.toast.Objects = nil
	if words != "" {
		row := &fyne.Container{Layout: &look.Wrap{Gap: 4}}
		for _, a := range actions {
			b := look.NewButton(look.Quiet, a.Label, a.Do)
			row.Add(b)
		}
		box := look.NewBox(look.Surface, look.Line, 8, 10, 8, look.NewColumn(4, look.Text(words, look.SmallSize, look.Ink), row))
		v.toast.Objects = []fyne.CanvasObject{box}
	}
	v.object.Refresh()
}

// close ends a search.
func (v *side) close() {
	if v.pending != nil {
		v.pending.Stop()
	}
	if v.cancel != nil {
		v.cancel()
	}
}
