package transcribe

import (
	"errors"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/problem"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/asr/transcript"
	"soberano/models"
)

// View shows one transcript, with its actions, its segments and its sound:
//
//	╭ [All transcripts]  interview.wav              [Find] [Copy all] [Export] [More] ╮
//	│                    35 min · English · whisper-base                              │
//	│ find: [……………]  3 of 12  [Previous] [Next] [Close]        (only while finding)   │
//	├──────────────────────────────────────────────────────────────────────────────────┤
//	│ 0:07  Welcome to the show.                                          (list.go)    │
//	├──────────────────────────────────────────────────────────────────────────────────┤
//	╰ [Play]  0:12 ━━━━━━━━━●──────────────────────────────────────────────── 35:02    ╯
type View struct {
	Object fyne.CanvasObject
	page   *Page
	player *player
	list   *list

	t        store.Transcript
	segments []store.Segment

	head, tools, foot *fyne.Container
	title             *ui.Label
	facts, trouble    *ui.Flow
	export, more      *ui.Button
	tracks            *ui.Button // of a film with several
	finder            *finder
	playButton        *ui.Button
	here, end         *ui.Label
	slide             *slide
	box               *fyne.Container

	told    string // what trouble says
	changes changes
	reading bool // the state of the transcript is being read
	again   bool // it must be read once more
}

// seekStep is how far one key press moves the playback.
const seekStep = 5 * time.Second

func newView(p *Page) *View {
	v := &View{page: p, title: ui.NewLabel("", 15, ui.Ink).Strong().Shrink(80), facts: ui.Text("", ui.SmallSize, ui.Muted),
		trouble: ui.Text("", ui.SmallSize, ui.Record), here: ui.NewLabel("0:00", ui.SmallSize, ui.Muted), end: ui.NewLabel("", ui.SmallSize, ui.Muted)}
	v.player = &player{open: p.Open, speak: p.Play, post: p.Post, onMove: v.moved, onFail: v.silent}
	v.list = newList(v)
	v.finder = newFinder(v)
	back := ui.NewButton(ui.Plain, "All transcripts", func() { p.Close() })
	v.export = ui.NewButton(ui.Plain, "Export", func() { p.Menu(v.formats(), v.export) })
	v.tracks = ui.NewButton(ui.Plain, "Tracks", func() { p.Menu(p.tracks(v.t), v.tracks) })
	v.more = ui.NewButton(ui.Plain, "More", func() { p.Menu(v.others(), v.more) })
	v.tools = &fyne.Container{Layout: &ui.Wrap{Gap: 8}, Objects: []fyne.CanvasObject{
		ui.NewButton(ui.Plain, "Find", v.Find), ui.NewButton(ui.Plain, "Copy all", v.copyAll), v.export,
		v.tracks, v.more}}
	v.head = &fyne.Container{Layout: &headLayout{v: v, back: back}, Objects: []fyne.CanvasObject{back, v.title, v.facts, v.tools}}
	v.playButton = ui.NewButton(ui.Primary, "Play", v.PlayPause)
	v.slide = newSlide(func(share float32) { v.player.seek(time.Duration(float64(share) * float64(v.length()))) },
		func(by int) { v.player.seek(min(v.length(), v.player.at+time.Duration(by)*seekStep)) })
	v.foot = ui.NewRow(12, v.slide, v.playButton, v.here, v.slide, v.end)
	v.trouble.Hide()
	rule, rule2 := ui.NewRule(), ui.NewRule()
	v.box = &fyne.Container{Objects: []fyne.CanvasObject{v.head, v.finder.object, v.trouble, rule, v.list, rule2, v.foot}}
	v.box.Layout = &ui.Arrange{Min: fyne.NewSize(200, 200), Place: func(size fyne.Size) {
		y := float32(12)
		for _, o := range []fyne.CanvasObject{v.head, v.finder.object, v.trouble} {
			if o.Visible() {
				w := size.Width - 48
				if o == v.finder.object {
					w = min(w, findWide)
				}
				h := ui.HeightFor(o, w)
				ui.Put(o, 24, y, w, h)
				y += h + 10
			}
		}
		ui.Put(rule, 0, y, size.Width, 1)
		bottom := size.Height
		if v.foot.Visible() {
			bottom -= 60
			ui.Put(v.foot, 24, bottom+12, size.Width-48, 36)
			ui.Put(rule2, 0, bottom, size.Width, 1)
		}
		ui.Put(v.list, 0, y+1, size.Width, bottom-y-1)
	}}
	v.Object = v.box
	return v
}

// headLayout places the buttons beside the title, or below it if there is not enough space.
type headLayout struct {
	v    *View
	back *ui.Button
}

func (h *headLayout) place(width float32, put bool) float32 {
	v, gap := h.v, float32(14)
	b := h.back.MinSize()
	tools := float32(-8)
	for _, o := range v.tools.Objects {
		if o.Visible() {
			tools += o.MinSize().Width + 8
		}
	}
	left, room := b.Width+gap, width-b.Width-gap
	beside := room-tools-gap >= 180
	if beside {
		room -= tools + gap
	}
	facts := v.facts.HeightFor(room)
	height := max(b.Height, 22+facts)
	if put {
		ui.Put(h.back, 0, 0, b.Width, b.Height)
		ui.Put(v.title, left, -1, room, 22)
		ui.Put(v.facts, left, 21, room, facts)
	}
	if beside {
		if put {
			ui.Put(v.tools, width-tools, 0, tools+1, 36)
		}
		return height
	}
	t := ui.HeightFor(v.tools, width)
	if put {
		ui.Put(v.tools, 0, height+10, width, t)
	}
	return height + 10 + t
}

func (h *headLayout) HeightFor(_ []fyne.CanvasObject, width float32) float32 {
	return h.place(width, false)
}
func (h *headLayout) Layout(_ []fyne.CanvasObject, s fyne.Size) { h.place(s.Width, true) }
func (h *headLayout) MinSize([]fyne.CanvasObject) fyne.Size     { return fyne.NewSize(200, 40) }
func (v *View) length() time.Duration                           { return max(v.t.Length, v.t.Heard) }
func (v *View) layout()                                         { v.box.Layout.Layout(nil, v.box.Size()) }
func (v *View) shown() bool                                     { return v.Object.Visible() }

// open shows a transcript from its beginning.
func (v *View) open(w written) {
	v.close()
	v.finder.end() // before its matches become invalid
	if v.t.ID != w.ID {
		v.changes = changes{}
	}
	v.t, v.segments = w.Transcript, w.segments
	v.page.edits.apply(w.ID, v.segments)
	v.player.path, v.player.track, v.player.at = v.t.Path, v.t.Track, 0
	v.tell("")
	v.foot.Hidden = v.page.Silent
	v.fresh()
	v.list.begin()
	v.moved()
	v.layout()
}

// close stores an edit and ends the sound.
func (v *View) close() {
	v.list.commit()
	v.player.halt()
}

// fresh shows the facts about the recording.
func (v *View) fresh() {
	t := v.t
	v.title.Set(models.Printable(t.Title))
	_, _, several := tracksOf(t)
	v.tracks.Hidden = !several
	var facts []string
	add := func(s string) {
		if s != "" {
			facts = append(facts, s)
		}
	}
	if t.Length > 0 {
		add(long(t.Length))
	}
	add(transcript.Tongue(t.Language, t.Translate))
	if t.Model != "" {
		add(v.page.ModelTitle(t.Model))
	}
	add(date(t.Created, time.Now()))
	switch id, now := v.page.Queue.Now(); {
	case t.State == store.Partial && id == t.ID:
		facts = []string{now.Text()}
	case t.State == store.Stopped:
		add("stopped at " + clock(t.Heard))
	case t.State == store.Failed:
		add("ends at " + clock(t.Heard) + ": " + wrong(t))
	case t.State != store.Complete:
		add("not finished")
	default:
		add(wrong(t))
	}
	v.facts.Set(ui.Span{Text: strings.Join(facts, " · "), Color: ui.Muted})
	v.end.Set(clock(v.length()))
	v.layout()
}

// tell shows an error message below the title; "" hides it.
func (v *View) tell(words string) { v.line(words, ui.Record) }

// note shows another message in the same place.
func (v *View) note(words string) { v.line(words, ui.Ink) }

func (v *View) line(words string, ink fyne.ThemeColorName) {
	v.told = words
	v.trouble.Hidden = words == ""
	v.trouble.Set(ui.Span{Text: words, Color: ink})
	v.layout()
}

func (v *View) silent(err error) {
	v.tell("It can't be played. " + problem.OfFile(v.t.Path, err).Text())
}

// stateChanged is called after a change in the queue.
func (v *View) stateChanged() {
	if v.shown() {
		v.reread()
	}
}

// progressed shows the progress of a file, if its transcript is shown.
func (v *View) progressed(id int64) {
	if v.shown() && id == v.t.ID {
		v.reread()
	}
}

// reread reads the state of the transcript and the new segments. Calls during a reading lead to one further reading.
func (v *View) reread() {
	if v.reading {
		v.again = true
		return
	}
	v.reading = true
	id, first := v.t.ID, len(v.segments)
	store.Ask(v.page.Work, func(s *store.Store) (w written, err error) {
		if w.Transcript, err = s.Transcript(id); err == nil {
			w.segments, err = s.Segments(id, first)
		}
		return w, err
	}, func(w written, err error) {
		v.reading = false
		switch here := v.shown() && v.t.ID == id && len(v.segments) == first; {
		case !here, errors.Is(err, store.ErrNotFound): // it was deleted
		case err != nil:
			v.tell("The transcript could not be read. " + problem.Text(err))
		default:
			v.t = w.Transcript
			v.grown(w.segments)
			v.fresh()
		}
		if v.again {
			v.again = false
			v.stateChanged()
		}
	})
}

// grown adds new segments.
func (v *View) grown(more []store.Segment) {
	if len(more) > 0 {
		v.segments = append(v.segments, more...)
		v.t.Heard = more[len(more)-1].End
		v.finder.again()
		v.list.rows.Grown(v.list.editing < 0)
	}
}

// Escape discards an edit, or else ends finding, or else closes the transcript. It returns false if none is open.
func (v *View) Escape() bool {
	switch {
	case !v.shown():
		return false
	case v.list.editing >= 0:
		v.list.discard()
	case v.finder.object.Visible():
		v.finder.end()
		v.page.Focus(v.list)
	default:
		v.page.Close()
	}
	return true
}

// PlayPause plays from the present position, or pauses.
func (v *View) PlayPause() {
	if v.page.Silent || !v.shown() {
		return
	}
	if v.player.playing {
		v.player.pause()
		return
	}
	at := v.player.at
	if end := v.length(); end > 0 && at >= end-200*time.Millisecond {
		at = 0 // at the end, play from the beginning
	}
	v.PlayFrom(at)
}

// PlayFrom plays from a position.
func (v *View) PlayFrom(at time.Duration) {
	if v.page.Silent {
		return
	}
	v.tell("")
	v.player.play(at)
}

// moved shows the position of the sound.
func (v *View) moved() {
	label := "Play"
	if v.player.playing {
		label = "Pause"
	}
	v.playButton.SetLabel(label)
	here := clock(v.player.at)
	if v.player.going && v.player.slow {
		here = "going to " + here
	}
	v.here.Set(here)
	if end := v.length(); end > 0 {
		v.slide.set(float32(min(1, v.player.at.Seconds()/end.Seconds())))
	}
	v.foot.Refresh()
	v.list.playingAt(v.player.at, v.player.playing)
}

// at returns the segment at a position: the last one that has begun, -1 before the first.
func (v *View) at(d time.Duration) int {
	n, _ := slices.BinarySearchFunc(v.segments, d+1, func(s store.Segment, d time.Duration) int { return int(min(1, max(-1, s.Start-d))) })
	return n - 1
}

// edit replaces the text of a segment by the user's. The caller stores it.
func (v *View) edit(i int, text string) {
	if was := v.segments[i].Text; was != text {
		v.record(v.segments[i].Number, was, text)
		v.segments[i].Text = text
		v.finder.again()
	}
}

// write replaces and stores the text of a segment.
func (v *View) write(i int, text string) {
	v.segments[i].Text = text
	v.finder.again()
	v.store(i, text)
}

// store stores the text of a segment.
func (v *View) store(i int, text string) {
	v.page.edits.store(place{v.t.ID, v.segments[i].Number}, text)
}

// oneLine returns a text with its words separated by single spaces.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// unstored reports a change that could not be stored: at the transcript, or on the page if the user has left the transcript.
func (v *View) unstored(id int64, err error, what string) {
	if v.shown() && v.t.ID == id {
		v.tell(what + ". " + problem.Text(err))
		return
	}
	v.page.say(err, what)
	v.page.Refresh()
}
