package transcribe

// The page: what to do, the queue, and what was written down. An opened transcript takes
// its place (view.go).

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/problem"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/asr"
	"soberano/models"
)

// Page is the Transcribe page.
type Page struct {
	Config
	Object  fyne.CanvasObject
	Queue   *Queue
	View    *View // the opened transcript
	pane    *ui.Pane
	foot    *fyne.Container // what was deleted; below the list, wherever that is scrolled to
	cards   map[int64]*card
	pasts   map[int64]*past
	gone    []store.Transcript // what was deleted last
	words   string             // a problem of the page's own
	all     []store.Transcript // as they were read last
	reading bool               // all is being read
	again   bool               // and is to be read once more
	opening int                // transcripts that were begun to be opened
	most    int                // how many of the finished ones are listed

	clear     *ui.Button // of all that have failed
	translate *ui.Check  // one for all drawings, so that the keyboard stays on it
}

// mostWaiting is how many of those that wait are shown.
const mostWaiting = 20

// fewFailed is how many failed files are removed one by one.
const fewFailed = 2

// some is how many finished transcripts are listed at first.
const some = 50

// NewPage is the page; Refresh fills it.
func NewPage(c Config) *Page {
	p := &Page{Config: c, Queue: NewQueue(c), pane: ui.NewPane(), cards: map[int64]*card{}, pasts: map[int64]*past{}, most: some}
	p.clear = ui.NewButton(ui.Quiet, "", nil)
	p.translate = ui.NewCheck("Translate to English", c.SetTranslate)
	p.View = newView(p)
	p.View.Object.Hide()
	p.foot = ui.NewColumn(0)
	p.Object = &fyne.Container{Layout: &ui.Arrange{Min: fyne.NewSize(200, 80), Place: p.place}, Objects: []fyne.CanvasObject{p.pane.Object, p.foot, p.View.Object}}
	p.Queue.OnState = p.stateChanged
	p.Queue.OnProgress = p.progressed
	return p
}

// place is the layout: the list, or an opened transcript over it.
func (p *Page) place(s fyne.Size) {
	ui.Put(p.View.Object, 0, 0, s.Width, s.Height)
	bottom := s.Height
	if len(p.foot.Objects) > 0 {
		w := min(ui.ColumnWidth, s.Width-48)
		h := ui.HeightFor(p.foot, w)
		bottom -= h + 24
		ui.Put(p.foot, (s.Width-w)/2, bottom+12, w, h)
	}
	ui.Put(p.pane.Object, 0, 0, s.Width, bottom)
}

// showGone shows what was deleted and how to take that back, or takes that away.
func (p *Page) showGone() {
	p.foot.Objects = nil
	if n := len(p.gone); n > 0 {
		text := fmt.Sprintf("“%s” is deleted.", models.Printable(p.gone[0].Title))
		if n > 1 {
			text = fmt.Sprintf("%d files are removed.", n)
		}
		words := ui.NewLabel(text, ui.SmallSize, ui.Ink).Shrink(80)
		p.foot.Add(ui.NewBox(ui.Surface, ui.Line, 10, 14, 6, ui.NewRow(8, words, words,
			ui.NewButton(ui.Quiet, "Undo", p.undo), ui.NewButton(ui.Quiet, "Close", func() { p.gone = nil; p.Refresh() }))))
	}
	p.place(p.Object.Size())
	p.foot.Refresh()
}

// Add puts dropped or chosen recordings into the queue.
func (p *Page) Add(paths []string) {
	p.Close()
	p.do(func() error { return p.Queue.Add(paths) }, "The files could not be put into the queue")
}

// do has work done that uses the store, and then shows its error and what has become of the list.
func (p *Page) do(work func() error, what string) {
	p.Work.Do(func(*store.Store) error { return work() }, func(err error) {
		p.say(err, what)
		p.Refresh()
	})
}

// Refuse says which dropped files are no recordings: where one is looking.
func (p *Page) Refuse(paths []string) {
	if len(paths) == 0 {
		return
	}
	words := refused(paths)
	if p.View.shown() {
		p.View.tell(words)
		return
	}
	p.words = words
	p.Refresh()
}

// refused names the first few files.
func refused(paths []string) string {
	const few = 3
	var names []string
	for _, path := range paths[:min(few, len(paths))] {
		names = append(names, "“"+models.Printable(filepath.Base(path))+"”")
	}
	switch n := len(paths); {
	case n == 1:
		return names[0] + " is no recording."
	case n <= few:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1] + " are no recordings."
	default:
		return fmt.Sprintf("%s and %d more are no recordings.", strings.Join(names, ", "), n-few)
	}
}

// say keeps a problem to be shown on the page.
func (p *Page) say(err error, what string) {
	p.words = ""
	if err != nil {
		p.words = what + ". " + problem.Text(err)
	}
}

func (p *Page) stateChanged() {
	p.Refresh()
	p.View.stateChanged()
}

func (p *Page) progressed(id int64) {
	if c := p.cards[id]; c != nil {
		c.progress()
	}
	p.View.progressed(id)
}

// Waiting is how many files wait or are under way, as of the last Refresh.
func (p *Page) Waiting() int {
	n := 0
	for _, t := range p.all {
		if t.State == store.Waiting || t.State == store.Partial {
			n++
		}
	}
	return n
}

// Refresh reads the list again. While one reading is under way, others wait and become one.
func (p *Page) Refresh() {
	if p.reading {
		p.again = true
		return
	}
	p.reading = true
	store.Ask(p.Work, (*store.Store).Transcripts, func(all []store.Transcript, err error) {
		p.reading = false
		if err != nil {
			p.say(err, "The transcripts could not be read")
		}
		p.all = all
		p.Changed()
		p.draw(all)
		if p.again {
			p.again = false
			p.Refresh()
		}
	})
}

func (p *Page) draw(all []store.Transcript) {
	var queue, done []store.Transcript
	for _, t := range all {
		if t.State == store.Complete {
			done = append(done, t)
		} else {
			queue = append(queue, t)
		}
	}
	slices.SortStableFunc(queue, func(a, b store.Transcript) int { return order(a) - order(b) })
	var list []fyne.CanvasObject
	if len(all) == 0 {
		list = p.empty()
	} else {
		list = append(list, ui.Text(dropWords, ui.TextSize, ui.Muted), p.buttons())
		if words := p.untranslated(); words != "" {
			list = append(list, ui.Text(words, ui.SmallSize, ui.Muted))
		}
	}
	list = append(list, p.notices()...)
	list = append(list, p.queued(queue)...)
	list = append(list, p.finished(done)...)
	p.pane.Keep(list...)
	p.showGone()
}

// order: what is under way comes first, then what waits, in the order in which it came (the
// list has the latest first), then what ended too early.
func order(t store.Transcript) int {
	switch t.State {
	case store.Partial:
		return -1 << 30
	case store.Waiting:
		return int(t.ID) - 1<<29
	}
	return 0
}

const dropWords = "Drop audio or video files anywhere on this window. Nothing leaves this computer."

// empty is what the page says before there is any transcript.
func (p *Page) empty() []fyne.CanvasObject {
	line := ui.Text("Turn recordings into text", ui.TitleSize, ui.Ink)
	note := ui.Text(dropWords, ui.TextSize, ui.Muted)
	line.Align, note.Align = fyne.TextAlignCenter, fyne.TextAlignCenter
	list := []fyne.CanvasObject{ui.Spacer(1, 80), line, note, &fyne.Container{Layout: middle{}, Objects: []fyne.CanvasObject{p.buttons()}}}
	if words := p.untranslated(); words != "" {
		why := ui.Text(words, ui.SmallSize, ui.Muted)
		why.Align = fyne.TextAlignCenter
		list = append(list, why)
	}
	return list
}

// middle centres one thing in the width.
type middle struct{}

func (middle) HeightFor(o []fyne.CanvasObject, w float32) float32 { return ui.HeightFor(o[0], w) }
func (middle) MinSize(o []fyne.CanvasObject) fyne.Size            { return o[0].MinSize() }
func (middle) Layout(o []fyne.CanvasObject, s fyne.Size) {
	var w float32
	for i, b := range o[0].(*fyne.Container).Objects {
		if i > 0 {
			w += 10
		}
		w += b.MinSize().Width
	}
	w = min(w, s.Width)
	ui.Put(o[0], (s.Width-w)/2, 0, w, s.Height)
}

// untranslated says why the next files can't be translated; "" if they can.
func (p *Page) untranslated() string {
	if model := p.englishOnly(); model != "" {
		return model + " knows English only, so it can't translate. A speech model of many languages can."
	}
	return ""
}

// buttons choose files, the language of the next ones, and whether they are translated.
func (p *Page) buttons() fyne.CanvasObject {
	words := "Language: heard from the audio"
	if code := p.Language(); code != "" {
		words = "Language: " + asr.LanguageName(code)
	}
	language := ui.NewButton(ui.Plain, words, nil)
	language.Light = true
	language.OnTapped = func() { p.Menu(p.languages(), language) }
	return &fyne.Container{Layout: &ui.Wrap{Gap: 10}, Objects: []fyne.CanvasObject{
		ui.NewButton(ui.Primary, "Choose a file", p.ChooseFile), language, p.translation()}}
}

// translation is whether the next files are translated, as it is now.
func (p *Page) translation() fyne.CanvasObject {
	can := p.englishOnly() == ""
	p.translate.Set(can && p.Translate(), can)
	return p.translate
}

// languages are those that can be chosen, by name.
func (p *Page) languages() *fyne.Menu {
	item := func(words, code string) *fyne.MenuItem {
		i := fyne.NewMenuItem(words, func() { p.SetLanguage(code); p.Refresh() })
		i.Checked = code == p.Language()
		return i
	}
	items := []*fyne.MenuItem{item("Heard from the audio", ""), fyne.NewMenuItemSeparator()}
	codes := slices.Clone(p.Languages)
	slices.SortFunc(codes, func(a, b string) int { return strings.Compare(asr.LanguageName(a), asr.LanguageName(b)) })
	for _, code := range codes {
		items = append(items, item(asr.LanguageName(code), code))
	}
	return fyne.NewMenu("", items...)
}

// notices are what stands above the queue: what keeps it waiting, what went wrong.
func (p *Page) notices() (list []fyne.CanvasObject) {
	if err := p.Queue.Blocked(); err != nil && p.Waiting() > 0 {
		card := ui.Problem{Title: "The files wait: the speech model could not be used.", Why: problem.Text(err), Actions: []ui.Action{
			{Label: "Try again", Do: p.Queue.Kick}, {Label: "All models", Do: p.ShowModels}, {Label: "Copy details", Do: func() { p.Copy(models.PrintableLines(err.Error())) }}}}
		if problem.Of(err).Code == problem.NoSpeechModel {
			card = ui.Problem{Title: "The files wait: there is no speech model yet.", Why: "Drop a Whisper model, a folder or file, anywhere on this window. The files are written down as soon as it is there.",
				Actions: []ui.Action{{Label: "All models", Do: p.ShowModels}}}
		}
		list = append(list, card.Card())
	}
	if p.words != "" {
		list = append(list, ui.Problem{Title: p.words, Actions: []ui.Action{{Label: "Close", Do: func() { p.words = ""; p.Refresh() }}}}.Card())
	}
	return list
}

func heading(words string) []fyne.CanvasObject {
	return []fyne.CanvasObject{ui.Spacer(1, 2), ui.NewLabel(words, ui.SmallSize, ui.Muted).Strong()}
}

// unfinished heads what was stopped or has failed; many failed ones can be removed at once.
func (p *Page) unfinished(rest []store.Transcript) []fyne.CanvasObject {
	head := heading("Not finished")
	failed := slices.DeleteFunc(slices.Clone(rest), func(t store.Transcript) bool { return t.State != store.Failed })
	if len(failed) <= fewFailed {
		return head
	}
	p.clear.SetLabel(fmt.Sprintf("Remove all %d that failed", len(failed)))
	p.clear.OnTapped = func() { p.remove(failed...) }
	words := head[1]
	return []fyne.CanvasObject{head[0], ui.NewRow(8, words, words, p.clear)}
}

// queued are the cards of what is not finished; a card lives as long as its file is there, so
// that the keyboard stays on its buttons.
func (p *Page) queued(queue []store.Transcript) (list []fyne.CanvasObject) {
	keep := map[int64]bool{}
	wait := 0
	for i, t := range queue {
		if i == 0 && order(t) < 0 {
			list = append(list, heading("In the queue")...)
		} else if order(t) == 0 && (i == 0 || order(queue[i-1]) < 0) {
			list = append(list, p.unfinished(queue[i:])...)
		}
		keep[t.ID] = true
		c := p.cards[t.ID]
		if c == nil {
			c = newCard(p)
			p.cards[t.ID] = c
		}
		if t.State == store.Waiting {
			wait++
		}
		c.show(t, wait)
		if wait <= mostWaiting || t.State != store.Waiting {
			list = append(list, c.object)
		} else if i+1 == len(queue) || queue[i+1].State != store.Waiting {
			list = append(list, ui.Text(fmt.Sprintf("%d more wait. They are shown as these are done.", wait-mostWaiting), ui.SmallSize, ui.Muted))
		}
	}
	for id := range p.cards {
		if !keep[id] {
			delete(p.cards, id)
		}
	}
	return list
}

// finished are the rows of what is written down.
func (p *Page) finished(done []store.Transcript) (list []fyne.CanvasObject) {
	if len(done) == 0 {
		return nil
	}
	list = heading("Transcripts")
	rows := ui.NewColumn(8)
	for i, t := range done {
		if i == p.most {
			break
		}
		r := p.pasts[t.ID]
		if r == nil || r.t != t { // else the keyboard stays on it
			r = newPast(p, t)
			p.pasts[t.ID] = r
		}
		rows.Add(r)
	}
	list = append(list, rows)
	if more := len(done) - p.most; more > 0 {
		list = append(list, ui.NewRow(0, nil, ui.NewButton(ui.Plain, fmt.Sprintf("Show %d more", more), func() { p.most += 500; p.Refresh() })))
	}
	return list
}

// open reads a transcript and shows it, unless another is opened meanwhile.
func (p *Page) open(id int64) {
	p.View.close() // what is edited is stored before it is read
	p.opening++
	turn := p.opening
	store.Ask(p.Work, func(s *store.Store) (w written, err error) {
		if w.Transcript, err = s.Transcript(id); err == nil {
			w.segments, err = s.Segments(id, 0)
		}
		return w, err
	}, func(w written, err error) {
		switch {
		case turn != p.opening:
		case err != nil:
			p.say(err, "The transcript could not be opened")
			p.Refresh()
		default:
			p.opened(w)
		}
	})
}

// written is a transcript with its segments.
type written struct {
	store.Transcript
	segments []store.Segment
}

func (p *Page) opened(w written) {
	p.View.open(w)
	p.pane.Object.Hide()
	p.View.Object.Show()
	p.Focus(p.View.list)
	p.Changed()
}

// Close goes back from a transcript to the list; false: the list is shown already.
func (p *Page) Close() bool {
	if !p.View.Object.Visible() {
		return false
	}
	p.View.close()
	p.View.Object.Hide()
	p.pane.Object.Show()
	p.Focus(nil) // what had it is out of sight
	p.Refresh()
	p.Changed()
	return true
}

// Leave is called when another page is shown: the sound pauses, an edit is kept.
func (p *Page) Leave() {
	if p.View.shown() {
		p.View.list.commit()
		if p.View.player.playing {
			p.View.player.pause()
		}
	}
}

// End ends the queue and the sound, for good.
func (p *Page) End() {
	p.View.close()
	p.View.player.close()
	p.Queue.Close()
}

// remove deletes transcripts and offers to take that back.
func (p *Page) remove(list ...store.Transcript) {
	p.Close()
	store.Ask(p.Work, func(*store.Store) (gone []store.Transcript, err error) {
		for _, t := range list {
			if e := p.Queue.Delete(t.ID); e != nil {
				err = e
				continue
			}
			gone = append(gone, t)
		}
		return gone, err
	}, func(gone []store.Transcript, err error) {
		p.say(err, "The transcript could not be deleted")
		if len(gone) > 0 {
			p.gone = gone
		}
		p.Refresh()
	})
}

func (p *Page) undo() {
	gone := p.gone
	p.gone = nil
	p.do(func() (err error) {
		for _, t := range gone {
			err = errors.Join(err, p.Queue.Restore(t.ID))
		}
		return err
	}, "The transcript could not be brought back")
}

// date is when a transcript was made, as one reads it in a list.
func date(t, now time.Time) string {
	if y, m, d := t.Date(); y == now.Year() && m == now.Month() && d == now.Day() {
		return "today " + t.Format("15:04")
	}
	if t.Year() == now.Year() {
		return t.Format("2 January")
	}
	return t.Format("2 January 2006")
}
