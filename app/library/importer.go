package library

import (
	"context"
	"fmt"
	"sync"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
	"soberano/models/registry"
)

// Shelf is the user's library: a *registry.Library, or a scripted one in tests.
type Shelf interface {
	Inspect(path string) (registry.Info, error) // recognises a file
	List() ([]registry.Entry, []error)
	Import(ctx context.Context, path string, how registry.How, o registry.ImportOptions, progress func(done, total int64)) (registry.Entry, error)
	Verify(ctx context.Context, name string, progress func(done, total int64)) error
	Remove(name string) error
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
	Added(registry.Entry)
	Removing(registry.Entry) // called before a model is removed
	// Release closes an opened model before its files are deleted; it is called from any goroutine. The error says why that is
	// not possible at present.
	Release(context.Context, registry.Entry) error
	Context() int // the context in tokens with which a chat would be opened; 0: the engine's default
	Free() int64  // free memory in bytes; 0: unknown
}

// Config holds what an Importer and a Page need.
type Config struct {
	Window
	Models
	Shelf Shelf
}

// Importer imports dropped files, one at a time, each in its own goroutine; Cards shows their progress.
type Importer struct {
	Config
	Cards   *fyne.Container
	cards   []*card
	keys    keyboard
	turn    chan struct{}
	running sync.WaitGroup
}

// NewImporter returns an importer without cards.
func NewImporter(c Config) *Importer {
	return &Importer{Config: c, Cards: ui.NewColumn(8), turn: make(chan struct{}, 1)}
}

// Drop starts the import of files or folders. The files stay where they are unless the user chooses otherwise.
func (im *Importer) Drop(paths []string) {
	for _, p := range gather(paths) {
		if im.has(p) {
			continue
		}
		c := &card{im: im, path: p, how: registry.Link, object: ui.NewColumn(0)}
		im.cards = append(im.cards, c)
		c.start()
	}
}

func (im *Importer) has(path string) bool {
	for _, c := range im.cards {
		if c.path == path {
			return true
		}
	}
	return false
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

// most is the number of cards that are shown at once. The others are shown as these are closed, but their imports don't wait
// for that.
const most = 3

// arrange shows the first cards, and the number of the others.
func (im *Importer) arrange() {
	var list []fyne.CanvasObject
	for _, c := range im.cards[:min(most, len(im.cards))] {
		list = append(list, c.object)
	}
	if n := len(im.cards) - most; n > 0 {
		list = append(list, im.others(n))
		im.keys.add("", list[most])
	}
	im.keys.swap(func() {
		im.Cards.Objects = list
		im.Changed()
		im.Cards.Refresh() // lays out objects whose height has not changed, too
	})
}

func (im *Importer) others(n int) fyne.CanvasObject {
	words := fmt.Sprintf("%d more are being added. They are shown as these are closed.", n)
	if n == 1 {
		words = "1 more is being added. It is shown as these are closed."
	}
	line := ui.NewLabel(words, ui.SmallSize, ui.Muted).Shrink(80)
	row := ui.NewRow(12, line, line)
	if im.anyDone() {
		row.Add(ui.NewButton(ui.Quiet, "Close what is ready", im.closeDone))
	}
	return ui.NewBox(ui.Surface, ui.Line, 12, 16, 8, row)
}

func (im *Importer) anyDone() bool {
	for _, c := range im.cards {
		if c.done {
			return true
		}
	}
	return false
}

// closeDone closes the cards of models that are in the library; those of failures stay.
func (im *Importer) closeDone() {
	for _, c := range append([]*card(nil), im.cards...) {
		if c.done {
			c.close()
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
		c.cancel()
	}
	im.running.Wait()
}
