package library

import (
	"context"
	"sync"

	"fyne.io/fyne/v2"

	"soberano/app/look"
	"soberano/models/registry"
)

// Shelf is the user's library: *registry.Library, or a scripted one in tests.
type Shelf interface {
	List() ([]registry.Entry, []error)
	Import(ctx context.Context, path string, how registry.How, o registry.ImportOptions, progress func(done, total int64)) (registry.Entry, error)
	Verify(ctx context.Context, name string, progress func(done, total int64)) error
	Remove(name string) error
}

// Config is what imports and the page need from the window around them.
type Config struct {
	Shelf      Shelf
	Inspect    func(path string) (registry.Info, error)
	Free       func() int64 // free memory in bytes; 0: not known
	Context    func() int   // tokens that a chat would be opened with; 0: the engine's choice
	Post       func(func())
	Changed    func() // the cards have another height
	OnAdded    func(registry.Entry)
	Use        func(registry.Entry)
	InUse      func(registry.Entry) bool
	OnRemoved  func(registry.Entry)
	ChooseFile func()
	ShowFile   func(path string)
	Copy       func(text string)
}

// Importer takes dropped files; Cards shows what becomes of them.
type Importer struct {
	Config
	Cards   *fyne.Container
	cards   []*card
	turn    chan struct{}
	running sync.WaitGroup
}

// NewImporter is an importer at rest.
func NewImporter(c Config) *Importer {
	return &Importer{Config: c, Cards: look.NewColumn(8), turn: make(chan struct{}, 1)}
}

// Drop begins the import of files or folders. The files stay where they are unless the
// person chooses otherwise.
func (im *Importer) Drop(paths []string) {
	for _, p := range gather(paths) {
		if im.has(p) {
			continue
		}
		c := &card{im: im, path: p, how: registry.Link, object: look.NewColumn(0)}
		im.cards = append(im.cards, c)
		im.Cards.Add(c.object)
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
	im.Cards.Remove(c.object)
	im.Changed()
}

// Close ends all imports; what was not finished is not in the library.
func (im *Importer) Close() {
	for _, c := range im.cards {
		c.serial++
		c.cancel()
	}
	im.running.Wait()
}
