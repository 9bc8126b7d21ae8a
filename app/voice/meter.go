package voice

import (
	"fmt"
	"math"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"soberano/app/ui"
)

// Button is the round microphone button: hold it to talk, or click it to start and stop. It is red only while recording.
type Button struct {
	widget.BaseWidget
	OnPress, OnRelease func()

	state            State
	focused, hovered bool
	down             bool
}

// NewButton returns a microphone button.
func NewButton(press, release func()) *Button {
	b := &Button{OnPress: press, OnRelease: release}
	b.ExtendBaseWidget(b)
	return b
}

// SetState changes the state that the colour of the button shows.
func (b *Button) SetState(s State) {
	if b.state != s {
		b.state = s
		b.Refresh()
	}
}

// MouseDown implements desktop.Mouseable.
func (b *Button) MouseDown(e *desktop.MouseEvent) {
	if e.Button == desktop.MouseButtonPrimary {
		b.press()
	}
}

// MouseUp implements desktop.Mouseable.
func (b *Button) MouseUp(*desktop.MouseEvent) { b.release() }

// MouseIn implements desktop.Hoverable.
func (b *Button) MouseIn(*desktop.MouseEvent) { b.hovered = true; b.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (b *Button) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable. It also ends the press.
func (b *Button) MouseOut() { b.hovered = false; b.Refresh(); b.release() }

// Cursor implements desktop.Cursorable.
func (b *Button) Cursor() desktop.Cursor { return desktop.PointerCursor }

// FocusGained implements fyne.Focusable.
func (b *Button) FocusGained() { b.focused = true; b.Refresh() }

// FocusLost implements fyne.Focusable.
func (b *Button) FocusLost() { b.focused = false; b.release(); b.Refresh() }

// TypedRune implements fyne.Focusable.
func (b *Button) TypedRune(rune) {}

// TypedKey passes Esc on; KeyDown gets the keys that press the button.
func (b *Button) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		ui.UnusedKey(b, k)
	}
}

// KeyDown treats Space and Enter like the mouse button, held or tapped.
func (b *Button) KeyDown(k *fyne.KeyEvent) {
	if k.Name == fyne.KeySpace || k.Name == fyne.KeyReturn || k.Name == fyne.KeyEnter {
		b.press()
	}
}

// KeyUp ends the press.
func (b *Button) KeyUp(*fyne.KeyEvent) { b.release() }

func (b *Button) press() {
	if !b.down {
		b.down = true
		b.OnPress()
	}
}

func (b *Button) release() {
	if b.down {
		b.down = false
		b.OnRelease()
	}
}

// CreateRenderer implements fyne.Widget.
func (b *Button) CreateRenderer() fyne.WidgetRenderer {
	r := &buttonRenderer{b: b, back: canvas.NewCircle(nil)}
	for range 4 {
		r.mark = append(r.mark, canvas.NewRectangle(nil))
	}
	r.Refresh()
	return r
}

type buttonRenderer struct {
	b    *Button
	back *canvas.Circle
	mark []*canvas.Rectangle // capsule, holder, the open part of the holder, stand
}

func (r *buttonRenderer) Destroy()           {}
func (r *buttonRenderer) MinSize() fyne.Size { return fyne.NewSize(38, 38) }

func (r *buttonRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.mark[1], r.mark[2], r.mark[0], r.mark[3]}
}

func (r *buttonRenderer) Layout(size fyne.Size) {
	d := min(size.Width, size.Height)
	x, y := (size.Width-d)/2, (size.Height-d)/2
	ui.Put(r.back, x, y, d, d)
	cx, cy := size.Width/2, size.Height/2
	ui.Put(r.mark[0], cx-3, cy-9, 6, 11)   // capsule
	ui.Put(r.mark[1], cx-6, cy-6, 12, 11)  // holder
	ui.Put(r.mark[2], cx-8, cy-7, 16, 6.5) // the open top of the holder
	ui.Put(r.mark[3], cx-0.75, cy+5, 1.5, 4)
}

func (r *buttonRenderer) Refresh() {
	fill, ink, line := ui.Color(ui.Surface), ui.Color(ui.Ink), ui.Color(ui.Line)
	if r.b.hovered {
		fill = ui.Color(ui.Hover)
	}
	switch r.b.state {
	case Opening, Recording:
		fill, ink, line = ui.Color(ui.Record), ui.Color(ui.OnRecord), ui.Color(ui.Record)
	case Finishing:
		fill, ink = ui.Color(ui.Tint), ui.Color(ui.Accent)
	}
	r.back.FillColor, r.back.StrokeColor, r.back.StrokeWidth = fill, line, 1
	if r.b.focused {
		r.back.StrokeColor, r.back.StrokeWidth = ui.Color(ui.Accent), 2
		if r.b.state == Recording {
			r.back.StrokeColor = ui.Color(ui.Ink)
		}
	}
	r.mark[0].FillColor, r.mark[0].CornerRadius = ink, 3
	r.mark[1].FillColor, r.mark[1].StrokeColor, r.mark[1].StrokeWidth, r.mark[1].CornerRadius = fill, ink, 1.5, 6
	r.mark[2].FillColor = fill
	r.mark[3].FillColor = ink
	r.Layout(r.b.Size())
	canvas.Refresh(r.b)
}

// Strip shows the level of the microphone, the time, and the action that ends the recording.
type Strip struct {
	Object  fyne.CanvasObject
	Sending bool   // a message is sent when the last words have been written
	Target  string // where the words go, if it is not where the strip is; ""
	Plain   bool   // no keys and clicks are named
	NoEsc   bool   // Esc does something else
	bars    *bars
	time    *ui.Label
	hint    *ui.Label
}

// NewStrip returns a strip without levels.
func NewStrip() *Strip {
	s := &Strip{bars: newBars(), time: ui.NewLabel("", ui.SmallSize, ui.Muted), hint: ui.NewLabel("", ui.SmallSize, ui.Muted)}
	s.Object = &fyne.Container{Layout: stripLayout{s}, Objects: []fyne.CanvasObject{s.bars, s.time, s.hint}}
	return s
}

// stripLayout gives the texts the width they need and the bars the rest; in a narrow window the hint is left out first.
type stripLayout struct{ s *Strip }

func (l stripLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(120, 30) }

func (l stripLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	x := size.Width
	for _, o := range []*ui.Label{l.s.hint, l.s.time} {
		m := o.MinSize()
		if x-m.Width-10 < 60 {
			o.Resize(fyne.NewSize(0, 0))
			o.Move(fyne.NewPos(-1000, 0))
			continue
		}
		x -= m.Width
		ui.Put(o, x, (size.Height-m.Height)/2, m.Width, m.Height)
		x -= 10
	}
	ui.Put(l.s.bars, 0, 0, x, size.Height)
}

// Show shows the state of t.
func (s *Strip) Show(t *Talk) {
	if t.State() == Opening {
		s.bars.clear()
		s.time.Set("")
	}
	s.hint.Set(s.words(t))
	s.Object.Refresh()
}

// words returns what is happening, where the words go, and how to end it.
func (s *Strip) words(t *Talk) string {
	var list []string
	if s.Target != "" {
		list = append(list, s.Target)
	}
	keys := "Esc discards"
	switch {
	case t.State() == Opening:
		list, keys = append(list, "Opening the microphone…"), ""
	case t.State() == Finishing && s.Sending:
		list, keys = append(list, "Sent when the last words are written"), "Esc cancels"
	case t.State() == Finishing:
		list = append(list, "Writing the last words…")
	case t.Lost():
		list = append(list, "some sound was lost")
	case t.Latched() && !s.Plain:
		list = append(list, "click to finish")
	case !s.Plain:
		list = append(list, "release to finish")
	}
	if keys != "" && !s.Plain && !s.NoEsc {
		list = append(list, keys)
	}
	return strings.Join(list, " · ")
}

// Level adds a measurement of the level.
func (s *Strip) Level(t *Talk, level float32, since time.Duration) {
	s.bars.add(level)
	text := fmt.Sprintf("%d:%02d", int(since.Minutes()), int(since.Seconds())%60)
	if t.Language() != "" {
		text += " · " + t.Language()
	}
	if text != s.time.Text {
		s.time.Text = text
		s.Object.Refresh()
	}
}

// bars shows the level of the last seconds, the newest at the right.
type bars struct {
	widget.BaseWidget
	levels []float32
}

const barCount = 46

func newBars() *bars {
	b := &bars{levels: make([]float32, barCount)}
	b.ExtendBaseWidget(b)
	return b
}

func (b *bars) clear() {
	clear(b.levels)
	b.Refresh()
}

func (b *bars) add(level float32) {
	copy(b.levels, b.levels[1:])
	b.levels[barCount-1] = level
	b.Refresh()
}

func (b *bars) CreateRenderer() fyne.WidgetRenderer {
	r := &barsRenderer{b: b}
	for range barCount {
		r.rects = append(r.rects, canvas.NewRectangle(nil))
	}
	r.Refresh()
	return r
}

type barsRenderer struct {
	b     *bars
	rects []*canvas.Rectangle
}

func (r *barsRenderer) Destroy()           {}
func (r *barsRenderer) MinSize() fyne.Size { return fyne.NewSize(70, 30) }

func (r *barsRenderer) Objects() []fyne.CanvasObject {
	o := make([]fyne.CanvasObject, len(r.rects))
	for i := range r.rects {
		o[i] = r.rects[i]
	}
	return o
}

// Layout shows as many of the newest bars as fit.
func (r *barsRenderer) Layout(size fyne.Size) {
	const wide, gap = 4, 3
	n := min(barCount, int((size.Width+gap)/(wide+gap)))
	for i, rect := range r.rects {
		k := i - (barCount - n)
		if k < 0 {
			rect.Hide()
			continue
		}
		rect.Show()
		// Speech peaks between -50 and 0 dB; that range is scaled to the height.
		db := 20 * math.Log10(float64(max(r.b.levels[i], 1e-5)))
		h := max(4, float32(min(1, max(0, (db+50)/50)))*size.Height)
		ui.Put(rect, float32(k)*(wide+gap), (size.Height-h)/2, wide, h)
	}
}

func (r *barsRenderer) Refresh() {
	for _, rect := range r.rects {
		rect.FillColor, rect.CornerRadius = ui.Color(ui.Record), 2
	}
	r.Layout(r.b.Size())
	canvas.Refresh(r.b)
}
