package library

import (
	"context"
	"errors"
	"slices"

	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/models/catalogue"
	"soberano/models/download"
	"soberano/models/registry"
)

// Catalogue offers models that can be downloaded: a Hub, or a scripted one in tests. Get, Partial and Discard are called from any goroutine.
type Catalogue interface {
	Models() []catalogue.Model
	// Get downloads a model and adds it to the library. What has arrived is kept when ctx ends.
	Get(ctx context.Context, m catalogue.Model, received func(download.Progress), added func(done, total int64)) (registry.Entry, error)
	Partial(m catalogue.Model) int64 // how many bytes an earlier Get has left
	Discard(m catalogue.Model) error // deletes them
}

// Hub is the catalogue of the program.
type Hub struct{ Library *registry.Library }

func (h Hub) fetcher() *download.Fetcher { return &download.Fetcher{Folder: h.Library.Downloads()} }

// Models implements Catalogue.
func (h Hub) Models() []catalogue.Model {
	list, _ := catalogue.Models() // a test excludes an error
	return list
}

// Get implements Catalogue.
func (h Hub) Get(ctx context.Context, m catalogue.Model, received func(download.Progress), added func(done, total int64)) (registry.Entry, error) {
	return catalogue.Get(ctx, h.Library, h.fetcher(), m, received, added)
}

// Partial implements Catalogue.
func (h Hub) Partial(m catalogue.Model) int64 { return h.fetcher().Partial(m.File()) }

// Discard implements Catalogue.
func (h Hub) Discard(m catalogue.Model) error { return h.fetcher().Discard(m.File()) }

// transfer is the download of one model. Its fields are used by the UI goroutine only.
//
//	waiting ──▶ running ──▶ in the library
//	               ├──▶ paused: stopped by the person, continued by the person
//	               └──▶ failed: why, and what to do
type transfer struct {
	model   catalogue.Model
	state   transferState
	failed  error
	partial int64 // bytes that are there while it is paused
	cancel  context.CancelFunc
	line    *ui.Label
	bar     *ui.Bar
}

type transferState int

const (
	paused transferState = iota
	waiting
	running
	deleting // what has arrived
	failed
)

// transferOf returns the download of a model; nil if there is none.
func (p *Page) transferOf(m catalogue.Model) *transfer {
	i := slices.IndexFunc(p.transfers, func(t *transfer) bool { return t.model.Name == m.Name })
	if i < 0 {
		return nil
	}
	return p.transfers[i]
}

// download puts a model, whose connection the person has allowed, at the end of the line of downloads.
func (p *Page) download(m catalogue.Model) {
	t := p.transferOf(m)
	if t == nil {
		t = &transfer{model: m}
	}
	p.transfers = append(slices.DeleteFunc(p.transfers, func(o *transfer) bool { return o == t }), t)
	t.state, t.failed = waiting, nil
	p.next()
	p.Refresh()
}

// next starts the first download that waits, if none is running.
func (p *Page) next() {
	for _, t := range p.transfers {
		if t.state == running {
			return
		}
	}
	if i := slices.IndexFunc(p.transfers, func(t *transfer) bool { return t.state == waiting }); i >= 0 {
		p.run(p.transfers[i])
	}
}

func (p *Page) run(t *transfer) {
	ctx, cancel := context.WithCancel(p.ctx)
	t.state, t.cancel = running, cancel
	p.Downloading(true)
	t.line, t.bar = ui.NewLabel("Connecting…", ui.SmallSize, ui.Ink).Shrink(80), ui.NewBar(100, 10)
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		defer cancel()
		e, err := p.Catalogue.Get(ctx, t.model, func(now download.Progress) { p.Post(func() { t.received(now) }) },
			func(done, total int64) { p.Post(func() { t.show("Adding it to the library…", done, total) }) })
		partial, lacking := p.Catalogue.Partial(t.model), err == nil && p.Lacking(e.Kind)
		p.Post(func() { p.ran(t, e, err, partial, lacking) })
	}()
}

// received shows the progress of a download.
func (t *transfer) received(now download.Progress) {
	words := map[download.Phase]string{download.Checking: "Reading what is here already…", download.Connecting: "Connecting…", download.Waiting: "No connection. Trying again…"}[now.Phase]
	if words == "" {
		words = "Downloading " + now.String()
	}
	t.show(words, now.Done, now.Total)
}

func (t *transfer) show(words string, done, total int64) {
	t.line.Set(words)
	t.bar.Set(ui.Part{Share: float32(done) / float32(max(1, total)), Color: ui.Accent})
}

// ran is called when a download has ended; lacking says that no model of its kind could be used before.
func (p *Page) ran(t *transfer, e registry.Entry, err error, partial int64, lacking bool) {
	t.partial = partial
	switch {
	case err == nil:
		p.transfers = slices.DeleteFunc(p.transfers, func(o *transfer) bool { return o == t })
		p.says[e.Name] = "Downloaded and added to the library."
		if lacking {
			p.Use(e)
		}
		p.Added(e)
	case errors.Is(err, context.Canceled):
		p.rest(t)
	default:
		t.state, t.failed = failed, err
	}
	p.next()
	p.Downloading(slices.ContainsFunc(p.transfers, func(o *transfer) bool { return o.state == running }))
	p.Refresh()
}

// pause stops a download; what has arrived is kept.
func (p *Page) pause(t *transfer) {
	if t.state == running {
		t.line.Set("Stopping…")
		t.cancel()
		return
	}
	p.rest(t)
	p.Refresh()
}

// rest shows a download that does not run as paused, or no longer if nothing has arrived.
func (p *Page) rest(t *transfer) {
	if t.state, t.failed = paused, nil; t.partial == 0 {
		p.transfers = slices.DeleteFunc(p.transfers, func(o *transfer) bool { return o == t })
	}
}

// discard deletes what has arrived of a download that does not run.
func (p *Page) discard(t *transfer) {
	t.state, p.asks = deleting, ""
	p.Refresh()
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		err := p.Catalogue.Discard(t.model)
		p.Post(func() {
			if t.state, t.failed = failed, err; err == nil {
				p.transfers = slices.DeleteFunc(p.transfers, func(o *transfer) bool { return o == t })
			}
			p.Refresh()
		})
	}()
}

// leftovers shows as paused what downloads of earlier runs of the program have left.
func (p *Page) leftovers() {
	if p.sought || p.Catalogue == nil {
		return
	}
	p.sought = true
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		found := map[string]int64{}
		for _, m := range p.Catalogue.Models() {
			found[m.Name] = p.Catalogue.Partial(m)
		}
		p.Post(func() {
			for _, m := range p.Catalogue.Models() {
				if n := found[m.Name]; n > 0 && p.transferOf(m) == nil {
					p.transfers = append(p.transfers, &transfer{model: m, partial: n})
				}
			}
			p.Refresh()
		})
	}()
}

// words says why a download failed.
func (t *transfer) words() string { return problem.Text(t.failed) }
