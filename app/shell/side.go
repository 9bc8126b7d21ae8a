package shell

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"

	"soberano/app/store"
	"soberano/app/ui"
)

const sideWidth = 256

// side is the sidebar: New chat, the search, the conversations, and the other pages at the bottom.
type side struct {
	object   fyne.CanvasObject
	newChat  *ui.Button
	search   *ui.Entry
	shown    string // the query whose hits were shown last
	list     *list
	files    *ui.Button
	models   *ui.Button
	settings *ui.Button
	trash    *ui.Button
	toast    *fyne.Container
	waiting  int  // number of files that are being transcribed or waiting
	low      bool // see lowSide
	parts    struct{ back, line, logo, name, entry, key, rule fyne.CanvasObject }

	store   *store.Store // for the goroutine of a search
	work    *store.Worker
	post    func(func())
	pending *time.Timer
	cancel  context.CancelFunc
	onError func(error)
}

func newSide(s *store.Store, work *store.Worker, post func(func())) *side {
	v := &side{store: s, work: work, post: post, list: newList(), toast: ui.NewColumn(0), search: ui.NewEntry()}
	v.newChat = ui.NewButton(ui.Primary, "New chat", nil)
	v.search.SetPlaceHolder("Search all chats")
	v.search.OnChanged = func(string) { v.later() }
	v.search.OnFocus = func(on bool) { v.showKey() }
	v.files = ui.NewButton(ui.Place, "Transcribe files", nil)
	v.models, v.settings = ui.NewButton(ui.Place, "Models", nil), ui.NewButton(ui.Place, "Settings", nil)
	v.trash = ui.NewButton(ui.Place, "Trash", nil)
	v.files.Icon, v.models.Icon, v.settings.Icon = theme.FileAudioIcon(), theme.StorageIcon(), theme.SettingsIcon()
	v.trash.Icon = theme.DeleteIcon()
	p := &v.parts
	p.back, p.line = ui.NewFill(ui.Side, 1, 1), ui.NewFill(ui.Line, 1, 1)
	logo := canvas.NewImageFromResource(ui.Icon)
	logo.FillMode, logo.ScaleMode = canvas.ImageFillContain, canvas.ImageScaleSmooth
	p.logo, p.name = logo, ui.NewLabel("Soberano", 16, ui.Ink).Strong()
	p.key, p.rule = ui.NewLabel("Ctrl K", ui.SmallSize, ui.Muted), ui.NewRule()
	v.object = &fyne.Container{Layout: &ui.Arrange{Min: fyne.NewSize(sideWidth, 300), Place: v.place},
		Objects: []fyne.CanvasObject{p.back, p.line, p.logo, p.name, v.newChat, v.search, p.key, v.list, v.toast, p.rule, v.files, v.models, v.trash, v.settings}}
	return v
}

// lowSide is the height below which the sidebar leaves out the name of the program and has two links in each line, so that the list has more space.
const lowSide = 560

func (v *side) place(size fyne.Size) {
	w := size.Width - 1
	p := &v.parts
	low := size.Height < lowSide
	ui.Put(p.back, 0, 0, w, size.Height)
	ui.Put(p.line, w, 0, 1, size.Height)
	p.logo.Show()
	p.name.Show()
	top, gap := float32(54), float32(10)
	if low {
		p.logo.Hide()
		p.name.Hide()
		top, gap = 8, 6
	}
	ui.Put(p.logo, 16, 17, 22, 22)
	ui.Put(p.name, 48, 14, w-60, 28)
	ui.Put(v.newChat, 12, top, w-24, 37)
	ui.Put(v.search, 12, top+37+gap, w-24, 37)
	k := p.key.MinSize()
	ui.Put(p.key, w-12-11-k.Width, top+37+gap+(37-k.Height)/2, k.Width, k.Height)
	bottom := v.placeLinks(w, size.Height-gap-2, low) - gap - 2
	ui.Put(p.rule, 12, bottom, w-24, 1)
	if h := ui.HeightFor(v.toast, w-24); h > 0 {
		ui.Put(v.toast, 12, bottom-h-12, w-24, h)
		bottom -= h + 12
	}
	top += 2*(37+gap) + 2
	ui.Put(v.list, 0, top, w, bottom-top-8)
}

// placeLinks places the links to the other pages above a height, and returns that of their upper edge.
func (v *side) placeLinks(width, bottom float32, low bool) (top float32) {
	const height, gap = 34, 1
	links := []*ui.Button{v.files, v.models, v.trash, v.settings}
	v.low = low
	v.showWaiting()
	if !low {
		top = bottom - float32(len(links))*(height+gap) + gap
		for i, b := range links {
			ui.Put(b, 12, top+float32(i)*(height+gap), width-24, height)
		}
		return top
	}
	const wide = 0.57 // the share of the first column, which has the longest label
	top = bottom - 2*height - gap
	left := wide * (width - 24)
	for i, b := range []*ui.Button{v.files, v.trash} {
		ui.Put(b, 12, top+float32(i)*(height+gap), left, height)
	}
	for i, b := range []*ui.Button{v.models, v.settings} {
		ui.Put(b, 12+left+gap, top+float32(i)*(height+gap), width-24-left-gap, height)
	}
	return top
}

// showWaiting shows the number of files that are being transcribed or waiting at the link to their page.
func (v *side) showWaiting() {
	label := "Transcribe files"
	if v.waiting > 0 {
		label = fmt.Sprintf("Transcribe files · %d", v.waiting)
	}
	if v.low && v.waiting > 0 {
		label = fmt.Sprintf("Files · %d", v.waiting)
	} else if v.low {
		label = "Transcribe"
	}
	v.files.SetLabel(label)
}

func (v *side) showKey() {
	if v.search.Text == "" {
		v.parts.key.Show()
	} else {
		v.parts.key.Hide()
	}
}

// later starts a search after a pause in the typing.
func (v *side) later() {
	v.showKey()
	if v.pending != nil {
		v.pending.Stop()
	}
	v.pending = time.AfterFunc(150*time.Millisecond, func() { v.post(v.refresh) })
}

// refresh reads the conversations again, or repeats the search.
func (v *side) refresh() {
	if v.cancel != nil {
		v.cancel()
		v.cancel = nil
	}
	query := strings.TrimSpace(v.search.Text)
	if query == "" {
		store.Ask(v.work, (*store.Store).Conversations, v.listed)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	v.cancel = cancel
	go func() { // a search reads every message, so it does not run on the UI goroutine
		defer cancel()
		hits, err := v.store.Search(ctx, query)
		v.post(func() {
			switch {
			case errors.Is(err, context.Canceled) || strings.TrimSpace(v.search.Text) != query:
			case err != nil:
				v.onError(err)
			default:
				v.list.set(hits, true, time.Now())
				if query != v.shown {
					v.list.pane.Top()
				}
				v.shown = query
			}
		})
	}()
}

// listed shows all conversations, unless a search has begun meanwhile.
func (v *side) listed(all []store.Conversation, err error) {
	switch {
	case err != nil:
		v.onError(err)
		return
	case strings.TrimSpace(v.search.Text) != "":
		return
	}
	v.shown = ""
	hits := make([]store.Hit, len(all))
	for i, c := range all {
		hits[i].Conversation = c
	}
	v.list.set(hits, false, time.Now())
}

// say shows a message with actions above the links at the bottom; an empty message hides it.
func (v *side) say(words string, actions ...ui.Action) {
	v.toast.Objects = nil
	if words != "" {
		row := &fyne.Container{Layout: &ui.Wrap{Gap: 4}}
		for _, a := range actions {
			b := ui.NewButton(ui.Quiet, a.Label, a.Do)
			row.Add(b)
		}
		box := ui.NewBox(ui.Surface, ui.Line, 8, 10, 8, ui.NewColumn(4, ui.Text(words, ui.SmallSize, ui.Ink), row))
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
