package shell

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"soberano/app/ui"
)

const pageHeadHeight = 56

// pageHead is the line above the pages Transcribe, Models and Settings.
type pageHead struct {
	object      *fyne.Container
	title       *ui.Label
	chats, back *ui.Button
	rule        *ui.Fill
}

func newPageHead(chats, back func()) *pageHead {
	h := &pageHead{title: ui.NewLabel("", 15, ui.Ink).Strong(), chats: ui.NewButton(ui.Plain, "Chats", chats),
		back: ui.NewButton(ui.Plain, "Back to the chat", back), rule: ui.NewRule()}
	h.chats.Hide()
	h.object = &fyne.Container{Layout: &ui.Arrange{Min: fyne.NewSize(300, pageHeadHeight), Place: h.place},
		Objects: []fyne.CanvasObject{h.title, h.chats, h.back, h.rule}}
	return h
}

func (h *pageHead) set(title string) {
	h.title.Set(title)
	h.object.Refresh()
}

func (h *pageHead) setNarrow(on bool) {
	if on {
		h.chats.Show()
	} else {
		h.chats.Hide()
	}
	h.object.Refresh()
}

func (h *pageHead) place(size fyne.Size) {
	x := float32(24)
	if h.chats.Visible() {
		w := h.chats.MinSize().Width
		ui.Put(h.chats, 12, 10, w, 36)
		x = 12 + w + 12
	}
	w := h.back.MinSize().Width
	ui.Put(h.back, size.Width-24-w, 10, w, 36)
	ui.Put(h.title, x, 16, size.Width-x-w-40, 24)
	ui.Put(h.rule, 0, pageHeadHeight-1, size.Width, 1)
}

// scrim darkens the page behind the sidebar in a narrow window; a click on it hides the sidebar.
type scrim struct {
	widget.BaseWidget
	tapped func()
}

func newScrim(tapped func()) *scrim {
	s := &scrim{tapped: tapped}
	s.ExtendBaseWidget(s)
	return s
}

// Tapped hides the sidebar.
func (s *scrim) Tapped(*fyne.PointEvent) { s.tapped() }

// CreateRenderer implements fyne.Widget.
func (s *scrim) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(canvas.NewRectangle(color.NRGBA{A: 110}))
}
