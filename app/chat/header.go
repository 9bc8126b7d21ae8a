package chat

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
	"soberano/models"
	"soberano/models/registry"
)

// headerHeight includes the line below the header.
const headerHeight = 56

// Header is the line above a conversation: its title, the model, how full the context is, and that nothing leaves this
// computer.
type Header struct {
	Object  fyne.CanvasObject
	Model   *ui.Button // opens the model menu
	chats   *ui.Button // shown only while the sidebar is hidden
	title   *ui.Label
	word    *ui.Label
	meter   *ui.Bar
	count   *ui.Label
	offline *fyne.Container
	state   *ui.Label // in offline
	rule    *ui.Fill
	narrow  bool
	detail  string // after the model's name, if there is space
}

// NewHeader returns a header without a conversation.
func NewHeader(chats, choose func()) *Header {
	h := &Header{
		chats: ui.NewButton(ui.Plain, "Chats", chats),
		title: ui.NewLabel("New chat", 15, ui.Ink).Strong(),
		Model: ui.NewButton(ui.Plain, "No model", choose),
		word:  ui.NewLabel("context", ui.SmallSize, ui.Muted),
		meter: ui.NewBar(90, 6),
		count: ui.NewLabel("", ui.SmallSize, ui.Muted),
		rule:  ui.NewRule(),
	}
	h.Model.Light, h.detail = true, "▾"
	dot := ui.NewFill(ui.Accent, 9, 9)
	dot.Radius = 4.5
	h.state = ui.NewLabel("offline", ui.SmallSize, ui.Accent).Strong()
	h.offline = ui.NewRow(4, nil, dot, h.state)
	h.chats.Hide()
	h.Object = &fyne.Container{Layout: &ui.Arrange{Min: fyne.NewSize(300, headerHeight), Place: h.place},
		Objects: []fyne.CanvasObject{h.chats, h.title, h.Model, h.word, h.meter, h.count, h.offline, h.rule}}
	return h
}

// Downloading says whether a model is being downloaded; otherwise the program is offline.
func (h *Header) Downloading(on bool) {
	h.state.Set("offline")
	if on {
		h.state.Set("downloading")
	}
	h.Object.Refresh()
}

// SetNarrow shows or hides the button that opens the sidebar.
func (h *Header) SetNarrow(on bool) {
	h.narrow = on
	if on {
		h.chats.Show()
	} else {
		h.chats.Hide()
	}
	h.Object.Refresh()
}

// SetTitle shows the title of the conversation.
func (h *Header) SetTitle(title string) {
	if title == "" {
		title = "New chat"
	}
	h.title.Set(title)
	h.Object.Refresh()
}

// SetStatus shows the model and its state.
func (h *Header) SetStatus(s Status) {
	h.Model.Label, h.detail = "No model", "▾"
	if s.Phase != NoModel {
		h.Model.Label = s.Entry.Title
		h.detail = strings.Join(append(marks(s), "▾"), " ")
	}
	h.Model.Detail = ""
	h.Object.Refresh()
}

func marks(s Status) []string {
	switch s.Phase {
	case Loading:
		return []string{"loading…"}
	case Broken:
		return []string{"could not be loaded"}
	}
	if m := Marks(s.Entry); m != "" {
		return []string{m, ""}
	}
	return nil
}

// Marks returns the text after a model's name: "Q4_1 · included".
func Marks(e registry.Entry) string {
	var list []string
	if e.Quantization != "" {
		list = append(list, e.Quantization)
	}
	if e.Included {
		list = append(list, "included")
	}
	return strings.Join(list, " · ")
}

// SetContext shows that used of the context's tokens are in use; of 0: unknown.
func (h *Header) SetContext(used, of int) {
	switch {
	case of <= 0:
		h.count.Text = ""
		h.meter.Set()
	case used <= 0:
		h.count.Text = grouped(of) + " tokens"
		h.meter.Set()
	default:
		h.count.Text = fmt.Sprintf("%s of %s", grouped(used), grouped(of))
		color := ui.Accent
		if share := float32(used) / float32(of); share > 0.9 {
			color = ui.Record
		}
		h.meter.Set(ui.Part{Share: min(1, float32(used)/float32(of)), Color: color})
	}
	h.Object.Refresh()
}

func (h *Header) place(size fyne.Size) {
	detail := h.detail
	if size.Width < 640 {
		detail = "▾"
	}
	if h.Model.Detail != detail {
		h.Model.Detail = detail
		h.Model.Refresh()
	}
	mid := func(o fyne.CanvasObject, x, w float32) {
		m := o.MinSize()
		ui.Put(o, x, (headerHeight-1-m.Height)/2, w, m.Height)
	}
	ui.Put(h.rule, 0, headerHeight-1, size.Width, 1)
	x, edge := float32(24), size.Width-24
	if h.narrow {
		x, edge = 12, size.Width-12
		w := h.chats.MinSize().Width
		mid(h.chats, x, w)
		x += w + 12
	}
	show := func(o fyne.CanvasObject, on bool, gap float32) {
		if !on {
			o.Hide()
			return
		}
		o.Show()
		w := o.MinSize().Width
		edge -= w
		mid(o, edge, w)
		edge -= gap
	}
	known := h.count.Text != ""
	show(h.offline, size.Width >= 400, 16)
	show(h.count, known && size.Width >= 560, 8)
	show(h.meter, known && size.Width >= 680, 8)
	show(h.word, known && size.Width >= 760, 0)
	room := max(0, edge-16-x)
	title, model := h.title.MinSize().Width, h.Model.MinSize().Width
	if title+16+model > room { // the title is shortened first, to a third of the space, then the model's name
		title = min(title, max(room/3, room-16-model))
		model = min(model, max(0, room-16-title))
	}
	mid(h.title, x, title)
	mid(h.Model, x+title+16, model)
}

func grouped(n int) string { return models.Grouped(n) }
