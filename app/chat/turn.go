package chat

import (
	"cmp"
	"fmt"
	"strings"

	"fyne.io/fyne/v2"

	"soberano/app/markdown"
	"soberano/app/problem"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/engine"
)

// long is the number of characters above which a message is shown folded.
const long = 3000

// bubble shows a message of the user in a bubble at the right, with its actions below it.
func (s *Screen) bubble(m store.Message) *asked {
	b := &asked{unfold: func() {}}
	b.object = ui.NewLazy(func(width float32) float32 {
		return ui.GuessLines(m.Content[:min(len(m.Content), long)], max(560, width*0.5)-2*14) + 2*10 + footHeight + heightOf(m.Images)
	}, func() fyne.CanvasObject { return s.newBubble(b, m) })
	return b
}

func (s *Screen) newBubble(b *asked, m store.Message) fyne.CanvasObject {
	text := m.Content
	flow := ui.NewFlow(ui.Span{Text: text})
	flow.Preserve = true
	flow.Selection, flow.Before, flow.Whole = s.thread.Selection, "\n\n", func() string { return text }
	var parts []fyne.CanvasObject
	pictures, wide := s.inBubble(m.Images)
	if pictures != nil {
		parts = append(parts, pictures)
	}
	if text != "" {
		parts = append(parts, flow)
	}
	runes := []rune(text)
	if len(runes) > long {
		short := strings.TrimSpace(string(runes[:600])) + "…"
		flow.Spans = []ui.Span{{Text: short}}
		var fold *ui.Button
		folded := true
		words := []string{fmt.Sprintf("Show all %s characters", grouped(len(runes))), "Show less"}
		fold = ui.NewButton(ui.Quiet, words[0], func() {
			folded = !folded
			if folded {
				flow.Set(ui.Span{Text: short})
				fold.SetLabel(words[0])
			} else {
				flow.Set(ui.Span{Text: text})
				fold.SetLabel(words[1])
			}
			s.thread.Changed(false)
		})
		parts = append(parts, ui.NewRow(0, nil, fold))
		b.unfold = func() {
			if folded {
				fold.OnTapped()
			}
		}
	}
	box := ui.NewBox(ui.Tint, "", 14, 14, 10, ui.NewColumn(6, parts...))
	box.Bubble = true
	bubble := &fyne.Container{Layout: &right{flow: flow, folds: len(runes) > long, least: wide}, Objects: []fyne.CanvasObject{box}}
	list := []fyne.CanvasObject{bubble}
	if note := s.missing(text); note != nil {
		list = append(list, note)
	}
	return ui.NewColumn(4, append(list, s.questionFoot(m))...)
}

// questionFoot returns the actions of a message of the user.
func (s *Screen) questionFoot(m store.Message) fyne.CanvasObject {
	list := append(versions(m, "Message", s.otherQuestion), ui.NewButton(ui.Quiet, "Edit", func() { s.edit(m) }))
	return &fyne.Container{Layout: &aligned{gap: 8, share: 1}, Objects: []fyne.CanvasObject{&fyne.Container{Layout: &ui.Wrap{Gap: 8}, Objects: list}}}
}

// asked is a shown message of the user.
type asked struct {
	object *ui.Lazy
	unfold func() // shows all of a long message
}

// right is a layout that places a bubble at the right, no wider than what is in it.
type right struct {
	flow  *ui.Flow
	folds bool
	least float32 // of what is beside the text
}

func (r *right) width(all float32) float32 {
	w := max(r.flow.NaturalWidth(), r.least) + 2*14 + 1
	if r.folds {
		w = all
	}
	return min(w, all*0.78, max(560, all*0.5))
}

func (r *right) HeightFor(o []fyne.CanvasObject, width float32) float32 {
	return ui.HeightFor(o[0], r.width(width))
}

func (r *right) Layout(o []fyne.CanvasObject, size fyne.Size) {
	w := r.width(size.Width)
	ui.Put(o[0], size.Width-w, 0, w, size.Height)
}

func (r *right) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }

// answer shows an answer, finished or not, with its actions below it.
type answer struct {
	object *fyne.Container
	view   *markdown.View
	foot   *fyne.Container
	speed  *ui.Label
	stop   *ui.Button
	source string   // the text of the answer
	filled bool     // it shows a text or the progress of a job
	lazy   *ui.Lazy // holds object in the thread; nil of an answer that is being written
}

// footHeight is about the height of the actions below an answer.
const footHeight = 32

func (s *Screen) newAnswer() *answer {
	a := &answer{view: markdown.NewView(), speed: ui.NewLabel("", ui.SmallSize, ui.Muted)}
	a.view.OnCopy, a.view.OnLink = s.Copy, s.OpenLink
	a.view.OnFold = func() { s.thread.Changed(false) }
	a.view.Selection = s.thread.Selection
	a.view.Whole = func() string { return cmp.Or(markdown.WithoutThoughts(a.source), a.source) }
	a.stop = ui.NewButton(ui.Quiet, "Stop (Esc)", s.Stop)
	a.foot = &fyne.Container{Layout: &ui.Wrap{Gap: 8}}
	a.object = ui.NewColumn(8, a.view, a.foot)
	return a
}

// running shows the progress of a job.
func (a *answer) running(p progress, status Status) {
	a.filled, a.source = true, p.message.Content
	a.view.Set(p.blocks, p.stage == writing)
	text := ""
	switch {
	case p.stage == waiting && status.Phase == Ready:
		text = "Reading…"
	case p.stage == waiting && status.Phase == Loading:
		text = loadingWords(status)
	case p.stage == waiting:
		text = "Your message is answered when a model is ready."
	case p.stage == reading:
		text = "Reading…"
	default:
		text = speed(p.usage)
	}
	a.speed.Text = text
	if len(a.object.Objects) > 2 { // the card or the note of the answer that is tried again
		a.object.Objects = []fyne.CanvasObject{a.view, a.foot}
		a.object.Refresh()
	}
	if len(a.foot.Objects) != 2 || a.foot.Objects[1] != a.stop {
		a.foot.Objects = []fyne.CanvasObject{a.speed, a.stop}
	}
	a.foot.Refresh()
}

// finished shows an answer that is not being written, and its actions, which are about this answer, whatever follows it.
func (s *Screen) finished(a *answer, m store.Message, blocks []markdown.Block) {
	a.filled, a.source = true, m.Content
	a.view.Set(blocks, false)
	a.object.Objects = []fyne.CanvasObject{a.view, a.foot}
	a.foot.Objects = nil
	if strings.TrimSpace(m.Content) != "" {
		var button *ui.Button
		button = ui.NewButton(ui.Quiet, "Copy answer", func() { s.Copy(a.view.Whole()); button.SetLabel("Copied") })
		a.foot.Objects = append(a.foot.Objects, button)
	}
	if words := ending(m); words != "" {
		a.foot.Objects = append(a.foot.Objects, remark(words))
	}
	if m.State != store.Cut && m.State != store.Failed { // which have a card
		a.foot.Objects = append(a.foot.Objects, ui.NewButton(ui.Quiet, "Try again", func() { s.again(m) }))
	}
	a.foot.Objects = append(a.foot.Objects, versions(m, "Answer", s.other)...)
	if note := s.missing(m.Content); note != nil {
		a.object.Objects = []fyne.CanvasObject{a.view, note, a.foot}
	}
	if card := s.trouble(m); card != nil {
		a.object.Objects = append(a.object.Objects, card)
	}
	a.object.Refresh()
}

// remark returns a line of text beside the buttons of a message.
func remark(words string) fyne.CanvasObject {
	return ui.NewLabel(words, ui.SmallSize, ui.Muted)
}

// versions returns the buttons that show the other versions of an answer or a question.
func versions(m store.Message, what string, show func(m store.Message, by int)) (list []fyne.CanvasObject) {
	if m.Versions < 2 {
		return nil
	}
	list = append(list, remark(fmt.Sprintf("%s %d of %d", what, m.Version, m.Versions)))
	if m.Version > 1 {
		list = append(list, ui.NewButton(ui.Quiet, "Earlier "+strings.ToLower(what), func() { show(m, -1) }))
	}
	if m.Version < m.Versions {
		list = append(list, ui.NewButton(ui.Quiet, "Later "+strings.ToLower(what), func() { show(m, 1) }))
	}
	return list
}

// ending says how an answer ended, if its text does not show that.
func ending(m store.Message) string {
	switch {
	case m.State == store.Stopped:
		return strings.TrimSpace("Stopped. " + m.Problem.Text())
	case m.State == store.Partial && m.Content == "":
		return "Not answered."
	case m.State == store.Partial:
		return "Not finished: the program ended while this was written."
	case m.State == store.Complete && (m.Problem.Code == problem.ImagesLeftOut || m.Problem.Code == problem.MessagesLeftOut):
		return m.Problem.Text()
	case m.State == store.Complete && strings.TrimSpace(m.Content) == "":
		return "The model gave an empty answer."
	}
	return ""
}

// trouble returns the card of an answer that failed or did not fit into the context.
func (s *Screen) trouble(m store.Message) fyne.CanvasObject {
	if m.State != store.Cut && m.State != store.Failed {
		return nil
	}
	wrong := failure(m)
	words := wrong.Words()
	p := ui.Problem{Title: cmp.Or(words.Title, "This answer failed."), Why: wrong.Text()}
	another := ui.Action{Label: "Choose another model", Do: s.ChooseModel}
	switch {
	case wrong.Code == problem.ContextFull:
		p.Actions = []ui.Action{{Label: "New chat", Do: func() { s.NewChat("", nil) }}, another}
	case wrong.Code == problem.MessageAlone:
		p.Actions = []ui.Action{another}
	case wrong.Code == problem.MessageTooLong:
		p.Actions = []ui.Action{{Label: "New chat with this message", Do: func() { s.newWith(m.Turn) }}, another}
	default:
		p.Actions = []ui.Action{{Label: "Try again", Do: func() { s.again(m) }}, another, {Label: "Copy details", Do: func() { s.Copy(m.Note) }}}
	}
	return p.Card()
}

// failure returns why a message failed or was cut; for a row of an older schema version, as far as its note tells.
func failure(m store.Message) problem.Problem {
	switch {
	case m.Problem.Code != problem.None:
		return m.Problem
	case m.State == store.Cut:
		return problem.Problem{Code: problem.ContextFull}
	}
	return problem.OfNote(m.Note)
}

// speed formats the speed of generation.
func speed(u engine.Usage) string {
	if u.GenerateSeconds <= 0 || u.Generated < 2 {
		return "Writing…"
	}
	rate := float64(u.Generated) / u.GenerateSeconds
	if rate < 10 {
		return fmt.Sprintf("%.1f tokens a second", rate)
	}
	return fmt.Sprintf("%.0f tokens a second", rate)
}
