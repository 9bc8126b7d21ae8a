package transcribe

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

// Page is the Transcribe page: buttons, the queue, and the finished transcripts. An opened transcript (View) covers it.
type Page struct {
	Config
	Object  fyne.CanvasObject
	Queue   *Queue
	View    *View // the opened transcript
	pane    *ui.Pane
	foot    *fyne.Container // a note about deleted transcripts, below the list and always visible
	cards   map[int64]*card
	pasts   map[int64]*past
	gone    []store.Transcript // the transcripts that were deleted last
	words   string             // a problem of the page itself
	all     []store.Transcript // from the last reading
	reading bool               // all is being read
	again   bool               // all must be read once more
	opening int                // number of transcripts whose opening was begun
	most    int                // the number of finished transcripts that are listed

	clear     *ui.Button // removes all failed files
	translate *ui.Check  // the same widget in all drawings, so that it keeps the focus
}

// mostWaiting is the number of waiting files that are shown.
const mostWaiting = 20

// fewFailed is the number of failed files up to which they are removed one by one.
const fewFailed = 2

// some is the number of finished transcripts that are listed at first.
const some = 50

// NewPage returns the page; Refresh fills it.
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

// place lays out the list, or an opened transcript instead of it.
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

// showGone shows which transcripts were deleted and a button for undoing that, or hides this note.
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

// Add adds dropped or chosen recordings to the queue.
func (p *Page) Add(paths []string) {
	p.Close()
	p.do(func() error { return p.Queue.Add(paths) }, "The files could not be added to the queue")
}

// do runs work that uses the store, and then shows its error and the list.
func (p *Page) do(work func() error, what string) {
	p.Work.Do(func(*store.Store) error { return work() }, func(err error) {
		p.say(err, what)
		p.Refresh()
	})
}

// Refuse shows which dropped files are not recordings, and why; why may be "".
func (p *Page) Refuse(paths []string, why string) {
	if len(paths) == 0 {
		return
	}
	words := strings.TrimSpace(refused(paths) + " " + why)
	if p.View.shown() {
		p.View.tell(words)
		return
	}
	p.words = words
	p.Refresh()
}

// refused lists the first few files.
func refused(paths []string) string {
	const few = 3
	var names []string
	for _, path := range paths[:min(few, len(paths))] {
		names = append(names, "“"+models.Printable(filepath.Base(path))+"”")
	}
	switch n := len(paths); {
	case n == 1:
		return names[0] + " is not a recording."
	case n <= few:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1] + " are not recordings."
	default:
		return fmt.Sprintf("%s and %d more are not recordings.", strings.Join(names, ", "), n-few)
	}
}

// say shows a problem on the page.
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

// Waiting returns how many files were waiting or being transcribed at the last Refresh.
func (p *Page) Waiting() int {
	n := 0
	for _, t := range p.all {
		if t.State == store.Waiting || t.State == store.Partial {
			n++
		}
	}
	return n
}

// Refresh reads the list again. Calls during a reading lead to one further reading.
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

// order returns the group of a file in the queue: first the file being transcribed, then the waiting ones, in the order in
// which they were added (the list has the latest first), then those that ended early.
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

// empty returns the content of the page without any transcript.
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

// middle is a layout that centres one object horizontally.
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

// untranslated returns the reason why further files can't be translated; "" if they can.
func (p *Page) untranslated() string {
	if model := p.englishOnly(); model != "" {
		return model + " supports English only and can't translate. A multilingual speech model can."
	}
	return ""
}

// buttons returns the buttons for choosing files, their language, and whether they are translated.
func (p *Page) buttons() fyne.CanvasObject {
	words := "Language: detect automatically"
	if code := p.Language(); code != "" {
		words = "Language: " + asr.LanguageName(code)
	}
	language := ui.NewButton(ui.Plain, words, nil)
	language.Light = true
	language.OnTapped = func() { p.Menu(p.languages(), language) }
	return &fyne.Container{Layout: &ui.Wrap{Gap: 10}, Objects: []fyne.CanvasObject{
		ui.NewButton(ui.Primary, "Choose a file", p.ChooseFile), language, p.translation()}}
}

// translation returns the check box for translation in its present state.
func (p *Page) translation() fyne.CanvasObject {
	can := p.englishOnly() == ""
	p.translate.Set(can && p.Translate(), can)
	return p.translate
}

// languages returns the menu of languages, by name.
func (p *Page) languages() *fyne.Menu {
	item := func(words, code string) *fyne.MenuItem {
		i := fyne.NewMenuItem(words, func() { p.SetLanguage(code); p.Refresh() })
		i.Checked = code == p.Language()
		return i
	}
	items := []*fyne.MenuItem{item("Detect automatically", ""), fyne.NewMenuItemSeparator()}
	codes := slices.Clone(p.Languages)
	slices.SortFunc(codes, func(a, b string) int { return strings.Compare(asr.LanguageName(a), asr.LanguageName(b)) })
	for _, code := range codes {
		items = append(items, item(asr.LanguageName(code), code))
	}
	return fyne.NewMenu("", items...)
}

// notices returns the messages above the queue: why it is waiting, and what failed.
func (p *Page) notices() (list []fyne.CanvasObject) {
	if err := p.Queue.Blocked(); err != nil && p.Waiting() > 0 {
		card := ui.Problem{Title: "The files are waiting: the speech model could not be opened.", Why: problem.Text(err), Actions: []ui.Action{
			{Label: "Try again", Do: p.Queue.Kick}, {Label: "All models", Do: p.ShowModels}, {Label: "Copy details", Do: func() { p.Copy(models.PrintableLines(err.Error())) }}}}
		if problem.Of(err).Code == problem.NoSpeechModel {
			card = ui.Problem{Title: "The files are waiting: there is no speech model yet.", Why: "Drop a Whisper model, a folder or file, anywhere on this window. Transcription then starts by itself.",
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

// unfinished returns the heading of the files that were stopped or failed; many failed ones can be removed at once.
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

// queued returns the cards of the unfinished files. A card exists as long as its file is listed, so that its buttons keep the
// focus.
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
			list = append(list, ui.Text(fmt.Sprintf("%d more files are waiting.", wait-mostWaiting), ui.SmallSize, ui.Muted))
		}
	}
	for id := range p.cards {
		if !keep[id] {
			delete(p.cards, id)
		}
	}
	return list
}

// finished returns the rows of the finished transcripts.
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
		if r == nil || r.t != t { // an unchanged row keeps the focus
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

// open reads a transcript and shows it, unless another one was opened meanwhile.
func (p *Page) open(id int64) {
	p.View.close() // this stores an edit before the transcript is read
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

// Close returns from a transcript to the list; false: the list was already shown.
func (p *Page) Close() bool {
	if !p.View.Object.Visible() {
		return false
	}
	p.View.Object.Hide() // first, so that the page reports an edit that can't be stored
	p.View.close()
	p.pane.Object.Show()
	p.Focus(nil) // the object that had the focus is hidden
	p.Refresh()
	p.Changed()
	return true
}

// Scroll scrolls the list, or the opened transcript, by a share of its height.
func (p *Page) Scroll(share float32) {
	if p.View.shown() {
		p.View.list.rows.Page(share)
	} else {
		p.pane.Page(share)
	}
}

// Leave is called when another page is shown: it pauses the sound and stores an edit.
func (p *Page) Leave() {
	if p.View.shown() {
		p.View.list.commit()
		if p.View.player.playing {
			p.View.player.pause()
		}
	}
}

// End ends the queue and the sound for good.
func (p *Page) End() {
	p.View.close()
	p.View.player.close()
	p.Queue.Close()
}

// remove deletes transcripts and offers to undo that.
func (p *Page) remove(list ...store.Transcript) {
	p.Close()
	store.Ask(p.Work, func(*store.Store) (gone []store.Transcript, err error) {
		for _, t := range list {
			switch e := p.Queue.Delete(t.ID); {
			case e == nil:
				gone = append(gone, t)
			case !errors.Is(e, store.ErrNotFound): // which means that it was deleted twice at once, by a key that is held
				err = e
			}
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
	}, "The transcript could not be restored")
}

// date formats the time of a transcript for the list.
func date(t, now time.Time) string {
	if y, m, d := t.Date(); y == now.Year() && m == now.Month() && d == now.Day() {
		return "today " + t.Format("15:04")
	}
	if t.Year() == now.Year() {
		return t.Format("2 January")
	}
	return t.Format("2 January 2006")
}
