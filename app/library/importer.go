package library

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/filekind"
	"soberano/app/ui"
	"soberano/engine"
	"soberano/models/registry"
)

// Shelf is the user's library: a *registry.Library, or a scripted one in tests.
type Shelf interface {
	Inspect(path string) (registry.Info, error) // recognises a file
	List() ([]registry.Entry, []error)
	Import(ctx context.Context, path string, how registry.How, o registry.ImportOptions, progress func(done, total int64)) (registry.Entry, error)
	Verify(ctx context.Context, name string, progress func(done, total int64)) error
	Remove(name string) error
	// Attach makes a file the vision encoder of a model.
	Attach(ctx context.Context, name, path string, how registry.How, progress func(done, total int64)) (registry.Entry, error)
	Records
}

// Window is what imports and the page need from the window around them.
type Window interface {
	ui.Window
	ChooseFile() // asks for a model file
	Changed()    // the cards have another height
}

// Models are the operations on models outside the library.
type Models interface {
	Use(registry.Entry)
	InUse(registry.Entry) bool
	InUseFor(registry.Kind) (registry.Entry, bool) // the model of that kind that is in use
	// Lacking reports whether no model of that kind is in use, or one that can't be used. It is called from any goroutine.
	Lacking(registry.Kind) bool
	Added(registry.Entry)
	// Fitting returns the models to which a vision encoder belongs; it is called from any goroutine.
	Fitting(path string, entries []registry.Entry) ([]registry.Entry, error)
	Attached(registry.Entry) // called after a vision encoder was added to a model
	Removing(registry.Entry) // called before a model is removed
	Removed(registry.Entry)  // called after that, or after it failed
	// Release closes an opened model before its files are deleted; it is called from any goroutine. The error says why that is
	// not possible at present.
	Release(context.Context, registry.Entry) error
	KV() engine.KV // how keys and values of a chat would be stored
	Allowed() bool // the person has allowed connections for downloads of models
	Allow(bool)
	Downloading(bool) // called when the first connection is about to be opened, and when the last download has ended
	Context() int     // the context in tokens with which a chat would be opened; 0: the engine's default
	Free() int64      // free memory in bytes; 0: unknown
}

// Config holds what an Importer and a Page need.
type Config struct {
	Window
	Models
	Shelf     Shelf
	Catalogue Catalogue // nil: no models can be downloaded
}

// Importer imports the files dropped on one page, one at a time, each in its own goroutine; Cards shows their progress.
type Importer struct {
	Config
	Cards *fyne.Container
	// Listed is called instead of showing the card of a new model, on a page that lists the models anyway; it may be nil.
	Listed  func(registry.Entry)
	Raised  func() // called when there are new cards, which are above the others, to show them; may be nil
	cards   []*card
	keys    keyboard
	turn    chan struct{}
	running sync.WaitGroup
}

// NewImporter returns an importer without cards.
func NewImporter(c Config) *Importer {
	im := &Importer{Config: c, Cards: ui.NewColumn(8), turn: make(chan struct{}, 1)}
	im.Cards.Hide()
	return im
}

// Another returns an importer for another page. The imports of both wait for each other.
func (im *Importer) Another() *Importer {
	other := NewImporter(im.Config)
	other.turn = im.turn
	return other
}

// Drop starts the import of files or folders. The files stay where they are unless the user chooses otherwise. The cards of the files
// that were dropped last come first; that of a file which is dropped again starts anew, unless it is being imported.
func (im *Importer) Drop(paths []string) {
	var found []filekind.Found
	for _, p := range filekind.Gather(paths) {
		found = append(found, filekind.Found{Path: p})
	}
	im.Take(found)
}

// Take is Drop for models of other programs, which get the names that they have there.
func (im *Importer) Take(found []filekind.Found) {
	var dropped []*card
	for _, f := range found {
		c := im.of(f.Path)
		switch {
		case slices.Contains(dropped, c):
			continue
		case c == nil || c.ended:
			if c != nil {
				c.close()
			}
			c = &card{im: im, path: f.Path, options: f.Options(), how: registry.Link, object: ui.NewColumn(0), passing: ui.NewPassing(im.Post)}
			c.passing.Time = passingTime
		}
		dropped = append(dropped, c)
	}
	im.cards = append(dropped, slices.DeleteFunc(im.cards, func(c *card) bool { return slices.Contains(dropped, c) })...)
	for _, c := range dropped {
		if c.serial == 0 {
			c.start()
		}
	}
	im.arrange()
	if im.Raised != nil {
		im.Raised()
	}
}

// passingTime is how long the card of a model stays that was added to the library.
const passingTime = 2 * time.Minute

// of returns the card of a file; nil if there is none.
func (im *Importer) of(path string) *card {
	for _, c := range im.cards {
		if c.path == path {
			return c
		}
	}
	return nil
}

func (im *Importer) remove(c *card) {
	for i, have := range im.cards {
		if have == c {
			im.cards = append(im.cards[:i], im.cards[i+1:]...)
			break
		}
	}
	im.arrange()
}

// most is the number of cards that are shown at once, those of the files that were dropped last. The others are shown as these are
// closed, but their imports don't wait for that.
const most = 3

// arrange shows the first cards, and below them the number of the others and a button that closes all that have ended.
func (im *Importer) arrange() {
	var list []fyne.CanvasObject
	for _, c := range im.cards[:min(most, len(im.cards))] {
		list = append(list, c.object)
	}
	if o := im.foot(len(im.cards) - most); o != nil {
		list = append(list, o)
		im.keys.add("", o)
	}
	im.keys.swap(func() {
		im.Cards.Objects, im.Cards.Hidden = list, len(list) == 0
		im.Changed()
		im.Cards.Refresh() // lays out objects whose height has not changed, too
	})
}

// foot returns the line below the cards while others more are not shown, or several can be closed; nil if neither is so.
func (im *Importer) foot(others int) fyne.CanvasObject {
	words := ""
	switch {
	case others == 1:
		words = "1 more file. Its card is shown when another is closed."
	case others > 1:
		words = fmt.Sprintf("%d more files. Their cards are shown when others are closed.", others)
	}
	line := ui.NewLabel(words, ui.SmallSize, ui.Muted).Shrink(80)
	row := ui.NewRow(12, line, line)
	if n := im.ended(); n > 1 {
		row.Add(ui.NewButton(ui.Quiet, fmt.Sprintf("Close all %d", n), im.closeEnded))
	} else if words == "" {
		return nil
	}
	return row
}

// ended returns the number of cards whose import has ended, well or not.
func (im *Importer) ended() (n int) {
	for _, c := range im.cards {
		if c.ended {
			n++
		}
	}
	return n
}

// closeEnded closes the cards of all imports that have ended.
func (im *Importer) closeEnded() {
	for _, c := range append([]*card(nil), im.cards...) {
		if c.ended {
			c.close()
		}
	}
}

// Refresh is called when another model was chosen or a model was removed: the cards show what is in use, and the card of a model
// that is no longer in the library is closed.
func (im *Importer) Refresh() {
	names := im.names()
	for _, c := range append([]*card(nil), im.cards...) {
		switch {
		case c.entry.Name == "":
		case !names[c.entry.Name]:
			c.close()
		default:
			c.showReady()
		}
	}
}

// names returns the names of the models in the library.
func (im *Importer) names() map[string]bool {
	entries, _ := im.Shelf.List() // broken entries are shown on the Models page
	names := map[string]bool{}
	for _, e := range entries {
		names[e.Name] = true
	}
	return names
}

// Close ends all imports; an unfinished one leaves nothing in the library.
func (im *Importer) Close() {
	for _, c := range im.cards {
		c.serial++
		c.passing.Stop()
		c.cancel()
	}
	im.running.Wait()
}
