package transcribe

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"fyne.io/fyne/v2"

	"soberano/app/problem"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/asr"
	"soberano/models"
)

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
	p.showAdded(all, list)
}

// showAdded scrolls to a message of the page, or else to the first of the files that were added last.
func (p *Page) showAdded(all []store.Transcript, shown []fyne.CanvasObject) {
	i := slices.IndexFunc(all, func(t store.Transcript) bool { return slices.Contains(p.added, t.Path) })
	if i < 0 {
		return // they are not read yet
	}
	added := p.added
	p.added = nil
	p.pane.Top()
	if p.words != "" {
		return
	}
	for _, o := range shown { // in their order on the page
		for _, t := range all {
			if c := p.cards[t.ID]; c != nil && c.object == o && slices.Contains(added, t.Path) {
				p.pane.Reveal(o)
				return
			}
		}
	}
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
		switch _, unstored := errors.AsType[*unstoredError](err); {
		case unstored:
			card = ui.Problem{Title: "The files are waiting: what is transcribed can't be saved.", Why: problem.Text(err) + " It is tried again every few seconds, and goes on where it stopped.",
				Actions: []ui.Action{{Label: "Try again", Do: p.Queue.Kick}, {Label: "Copy details", Do: func() { p.Copy(models.PrintableLines(err.Error())) }}}}
		case problem.Of(err).Code == problem.NoSpeechModel:
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
		if r == nil || !reflect.DeepEqual(r.t, t) { // an unchanged row keeps the focus
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
