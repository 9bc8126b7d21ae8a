package transcribe

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/problem"
	"soberano/app/store"
	"soberano/app/ui"
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
	passing *ui.Passing        // ends the offer to undo that
	words   string             // a problem of the page itself
	added   []string           // files that were added and are to be brought into view
	all     []store.Transcript // from the last reading
	reading bool               // all is being read
	again   bool               // all must be read once more
	opening int                // number of transcripts whose opening was begun
	most    int                // the number of finished transcripts that are listed
	edits   *edits             // those that could not be stored

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
	if c.Retry == 0 {
		c.Retry = retryTime
	}
	p := &Page{Config: c, Queue: NewQueue(c), pane: ui.NewPane(), cards: map[int64]*card{}, pasts: map[int64]*past{}, most: some, passing: ui.NewPassing(c.Post)}
	p.edits = &edits{page: p, texts: map[place]string{}}
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

// Add adds dropped or chosen recordings to the queue.
func (p *Page) Add(paths []string) {
	p.Close()
	p.words = "" // and not later, when other files that were dropped with these may have been refused
	store.Ask(p.Work, func(*store.Store) ([]string, error) { return p.Queue.Add(paths) }, func(already []string, err error) {
		p.added = paths
		switch {
		case err != nil:
			p.say(err, "The files could not be added to the queue")
		case len(already) > 0:
			p.words = strings.TrimSpace(queuedAlready(already) + " " + p.words)
		}
		p.Refresh()
	})
}

// queuedAlready says that files are in the queue already.
func queuedAlready(paths []string) string {
	if len(paths) == 1 {
		return Names(paths) + " is in the queue already."
	}
	return Names(paths) + " are in the queue already."
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

// refused says that files are not recordings.
func refused(paths []string) string {
	if len(paths) == 1 {
		return Names(paths) + " is not a recording."
	}
	return Names(paths) + " are not recordings."
}

// Names names the first few of several files, and says how many others there are.
func Names(paths []string) string {
	const few = 3
	var names []string
	for _, path := range paths[:min(few, len(paths))] {
		names = append(names, "“"+models.Printable(filepath.Base(path))+"”")
	}
	switch n := len(paths); {
	case n == 1:
		return names[0]
	case n <= few:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	default:
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), n-few)
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

// StoreAll stores an edit that is not finished, and tries once more to store those that could not be.
func (p *Page) StoreAll() {
	p.View.list.commit()
	p.edits.again()
}

// Unstored reports whether there are edits that could not be stored.
func (p *Page) Unstored() bool { return len(p.edits.texts) > 0 }

// End ends the queue and the sound for good.
func (p *Page) End() {
	p.edits.end()
	p.passing.Stop()
	p.View.close()
	p.View.player.close()
	p.Queue.Close()
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
