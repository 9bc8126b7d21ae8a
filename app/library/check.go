package library

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/models"
	"soberano/models/registry"
)

// check is a comparison of a model's files with the hashes taken at its import.
type check struct {
	cancel context.CancelFunc
	began  time.Time
	line   *ui.Label
	bar    *ui.Bar
}

// verify starts a check.
func (p *Page) verify(e registry.Entry) {
	ctx, cancel := context.WithCancel(context.Background())
	c := &check{cancel: cancel, began: time.Now(), line: ui.NewLabel("Verifying…", ui.SmallSize, ui.Ink).Shrink(80), bar: ui.NewBar(100, 10)}
	p.checks[e.Name] = c
	delete(p.says, e.Name)
	p.Refresh()
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		defer cancel()
		var last time.Time
		err := p.Shelf.Verify(ctx, e.Name, func(done, total int64) {
			if now := time.Now(); now.Sub(last) > 100*time.Millisecond {
				last = now
				p.Post(func() { c.progress("Verifying", done, total) })
			}
		})
		stopped := ctx.Err() != nil
		p.Post(func() { p.verified(e.Name, c, err, stopped) })
	}()
}

func (c *check) progress(verb string, done, total int64) {
	if total > 0 {
		c.line.Set(progressText(verb, done, total, time.Since(c.began)))
		c.bar.Set(ui.Part{Share: float32(done) / float32(total), Color: ui.Accent})
	}
}

func (p *Page) verified(name string, c *check, err error, stopped bool) {
	if p.checks[name] != c {
		return
	}
	delete(p.checks, name)
	if !stopped {
		p.says[name] = checked(err)
	}
	p.Refresh()
}

// checked returns the result of a check as text.
func checked(err error) string {
	if err != nil {
		return problem.Text(err)
	}
	return "File is intact."
}

// resultText says what the last verification of a model has found.
func resultText(v registry.Verification) string {
	at := v.At.Local().Format("2 January 2006")
	if v.Damage == "" {
		return "Verified on " + at + ": intact."
	}
	return "Verified on " + at + ", and damage was found: " + problem.Sentence(v.Damage)
}

// examine looks whether the files of the models exist, and what their last verifications have found. It does so outside the UI goroutine: on a network drive that is not
// reachable this can take long.
func (p *Page) examine(entries []registry.Entry) {
	if p.looking {
		return
	}
	p.looking = true
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		missing, results := map[string]error{}, map[string]registry.Verification{}
		for _, e := range entries {
			if !e.Saved() {
				continue
			}
			if err := e.Check(); err != nil {
				missing[e.Name] = err
			} else if v, known := e.Verification(); known {
				results[e.Name] = v
			}
		}
		p.Post(func() { p.examined(missing, results) })
	}()
}

func (p *Page) examined(missing map[string]error, results map[string]registry.Verification) {
	p.looking = false
	same := func(a, b registry.Verification) bool { return a.At.Equal(b.At) && a.Damage == b.Damage }
	if !maps.EqualFunc(missing, p.missing, func(a, b error) bool { return a.Error() == b.Error() }) || !maps.EqualFunc(results, p.results, same) {
		p.missing, p.results = missing, results
		p.draw(p.Shelf.List())
	}
}

// brokenCard says what is wrong with an entry that can't be read, and offers to remove it.
func (p *Page) brokenCard(err error) (name string, o fyne.CanvasObject) {
	card := ui.Problem{Title: "One model in the library can't be read.", Why: problem.Text(err)}
	var file *models.FileError
	if errors.As(err, &file) {
		name = filepath.Base(file.Path)
	} else {
		card.Title = "Not all of the library can be read."
	}
	if failed := p.says["broken "+name]; failed != "" {
		card.Why += " " + failed
	}
	if name != "" && p.asks == "broken "+name {
		box := card.Card()
		box.Content.(*fyne.Container).Add(ui.Spacer(1, 4))
		box.Content.(*fyne.Container).Add(p.question("Remove it and delete its files from the library? A linked file stays where it is.", func() { p.removeBroken(name) }))
		return name, box
	}
	if name != "" {
		card.Actions = append(card.Actions, ui.Action{Label: "Show the folder", Do: func() { p.ShowFile(file.Path) }},
			ui.Action{Label: "Remove", Do: func() { p.ask("broken " + name) }})
	}
	card.Actions = append(card.Actions, ui.Action{Label: "Copy details", Do: func() { p.Copy(models.PrintableLines(err.Error())) }})
	return name, card.Card()
}

func (p *Page) removeBroken(name string) {
	p.asks = ""
	if err := p.Shelf.Remove(name); err != nil {
		p.says["broken "+name] = problem.Text(err)
	}
	p.Refresh()
}
