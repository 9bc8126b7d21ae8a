package chat

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"fyne.io/fyne/v2"

	"soberano/app/host"
	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/app/voice"
	"soberano/models"
	"soberano/models/apr"
)

// The numbers of parameters below which a model is described as very small and as small.
const (
	verySmall = 400_000_000
	small     = 1_300_000_000
)

// smallness says how small a model is, and what that means for its answers; "" for a larger one and for one of unknown size.
func smallness(parameters int64) (words, answers string) {
	switch {
	case parameters <= 0 || parameters >= small:
		return "", ""
	case parameters < verySmall:
		return "a very small model", "often wrong"
	}
	return "a small model", "sometimes wrong"
}

// welcome returns the content of an empty conversation: one line, and advice depending on the state of the model.
func (s *Screen) welcome() fyne.CanvasObject {
	status := s.Runner.Status()
	title := ui.Text("What can I help with?", ui.TitleSize, ui.Ink)
	title.Heavy, title.Align = true, fyne.TextAlignCenter
	lines := []string{"Everything stays on this computer."}
	var below fyne.CanvasObject
	if status.Phase == NoModel {
		title.Spans[0].Text = "No model yet"
		lines = []string{"Drop a model file (GGUF) anywhere on this window, or choose one.", "Everything stays on this computer."}
		below = centred(ui.NewButtons([]ui.Action{{Label: "Choose a file", Do: s.ImportFile}, {Label: "Models", Do: s.ChooseModel}}))
	} else if status.Phase == Broken {
		// the card below says what is wrong
	} else if status.Entry.Note != "" {
		lines = append(lines, status.Entry.Note)
	} else if words, answers := smallness(status.Entry.Parameters); words != "" {
		lines = append(lines, fmt.Sprintf("%s is %s: fast, but %s. Drop a larger one (a GGUF file) on this window and choose it.", status.Entry.Title, words, answers))
	}
	if status.Phase == Ready && !status.Info.Template {
		lines = append(lines, "This model's file does not say in which form messages are given to it (it has no chat template), so a common form is used (ChatML). If its answers look odd, choose another model.")
	}
	if status.Phase == Ready && status.Info.Warning != "" {
		lines = append(lines, models.PrintableLines(status.Info.Warning))
	}
	column := ui.NewColumn(12, ui.Spacer(1, 96), title)
	for _, line := range lines {
		f := ui.Text(line, ui.TextSize, ui.Muted)
		f.Align = fyne.TextAlignCenter
		column.Add(f)
	}
	if below != nil {
		column.Add(ui.Spacer(1, 4))
		column.Add(below)
	}
	column.Layout.(*ui.Column).Most = 460
	return column
}

func centred(o fyne.CanvasObject) fyne.CanvasObject {
	return &fyne.Container{Layout: &aligned{gap: 10, share: 0.5}, Objects: []fyne.CanvasObject{o}}
}

// aligned is a layout of one row of buttons that wraps; share is the part of the free width at its left.
type aligned struct{ gap, share float32 }

func (a *aligned) width(o fyne.CanvasObject, most float32) float32 {
	w := float32(1) // for rounding
	for i, b := range o.(*fyne.Container).Objects {
		if i > 0 {
			w += a.gap
		}
		w += b.MinSize().Width
	}
	return min(w, most)
}

// HeightFor returns the height of the row at that width.
func (a *aligned) HeightFor(o []fyne.CanvasObject, width float32) float32 {
	return ui.HeightFor(o[0], a.width(o[0], width))
}

// Layout places the row.
func (a *aligned) Layout(o []fyne.CanvasObject, size fyne.Size) {
	w := a.width(o[0], size.Width)
	ui.Put(o[0], (size.Width-w)*a.share, 0, w, size.Height)
}

// MinSize is that of the row.
func (a *aligned) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }

// hints sets the composer's hints for the state of the model.
func (s *Screen) hints(status Status) {
	place, hint := "Write a message, or hold Ctrl+Space and speak", "Drop a model file anywhere"
	if s.Talk == nil {
		place = "Write a message"
	}
	switch status.Phase {
	case NoModel, Broken:
		place = "Write a message. It is answered when a model is ready."
	case Loading:
		hint = loadingWords(status)
	default:
		if words, answers := smallness(status.Entry.Parameters); words != "" {
			hint = problem.Sentence(words+", "+answers) + " Drop a larger one anywhere."
		}
		if !status.Info.Template {
			hint = "This model may answer oddly: its file does not say in which form it takes messages"
		}
	}
	if s.Talk != nil && s.Talk.Lost() {
		hint = "Some sound was lost: the computer was too busy while you spoke"
	}
	if s.Talk != nil && s.Talk.State() != voice.Idle {
		hint = ""
		if s.dictating(s.conversation.ID) {
			place = "" // the words follow
		}
	}
	s.Composer.SetHints(place, hint)
}

// loadingWords describes the progress of loading the chosen model.
func loadingWords(s Status) string {
	if percent := int(100 * s.Share); percent > 0 {
		return fmt.Sprintf("Loading %s… %d%%", s.Entry.Title, percent)
	}
	return "Loading " + s.Entry.Title + "…"
}

// showBroken adds the card of a model that could not be loaded at the end of the thread.
func (s *Screen) showBroken(status Status) {
	if s.trial != nil {
		s.thread.Remove(s.trial)
		s.trial = nil
	}
	if status.Phase != Broken {
		return
	}
	path := status.Entry.Path()
	details := models.PrintableLines(fmt.Sprintf("%s\n%s\n%v", status.Entry.Title, path, status.Err))
	p := ui.Problem{Title: "This model could not be loaded.", Why: problem.Text(status.Err), Actions: []ui.Action{{Label: "Try again", Do: s.Runner.Again},
		{Label: "Choose another model", Do: s.ChooseModel}, {Label: "Show the file", Do: func() { s.ShowFile(path) }},
		{Label: "Copy details", Do: func() { s.Copy(details) }}}}
	if errors.Is(status.Err, apr.ErrPassword) {
		p.Title, p.Actions[0].Label = "This model needs its password.", "Enter the password"
	}
	if _, full := errors.AsType[*host.MemoryError](status.Err); full {
		p.Why += " If you load it anyway, the computer may become slow, or the system may end the program; what you have written is kept."
		p.Actions = slices.Insert(p.Actions, 1, ui.Action{Label: "Load it anyway", Do: s.Runner.Anyway})
	}
	s.trial = p.Card()
	s.thread.Add(s.trial)
}

// unsavedWords says why something could not be stored, and once what to do about it.
func unsavedWords(err error) string {
	words := problem.Of(err).Words()
	return words.Why + " " + cmp.Or(words.Do, "Check the free space and the permissions of the folder, then try again.")
}

// unsaved reports that something could not be stored, once for each reason, and tries again later.
func (s *Screen) unsaved(err error) {
	p := ui.Problem{Title: "What was written last could not be saved.", Why: unsavedWords(err) + " It is kept in this window, and saved as soon as that is possible; until then messages stay in the entry and are not sent."}
	p.Actions = []ui.Action{{Label: "Save again", Do: s.StoreAll}, {Label: "Copy details", Do: func() { s.Copy(err.Error()) }}}
	if s.Folder != "" {
		p.Actions = slices.Insert(p.Actions, 1, ui.Action{Label: "Show the folder", Do: func() { s.ShowFile(s.Folder) }})
	}
	if !s.notices.Shown(p) {
		s.closeUnsaved()
		s.closeUnsaved = s.Notice(p)
	}
	s.retryLater()
}

// Notice shows a card above the composer until it is closed, by the user or by close.
func (s *Screen) Notice(p ui.Problem) (close func()) {
	close = s.notices.Show(p)
	s.Raise(s.notices.Object)
	return close
}
