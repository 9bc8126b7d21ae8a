package library

// Support for the tests: the importer above the page in a window in memory, a queue that stands for the UI goroutine, and a
// library that is real or scripted.

import (
	"context"
	"os"
	"path/filepath"
	"soberano/app/host"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
	"soberano/app/ui/uitest"
	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/models"
	"soberano/models/registry"
)

type stage struct {
	*uitest.Stage
	im       *Importer
	page     *Page
	used     []string
	using    map[registry.Kind]registry.Entry
	lacking  map[registry.Kind]bool // no model of that kind can be used
	added    []string
	removed  []string
	attached []string // models that got a vision encoder
	held     error    // why a model can't be closed
	allowed  bool     // downloads
	online   bool     // a download is running
	copied   string
	chosen   int
	free     int64
}

func newStage(t *testing.T, shelf library, inspect func(string) (registry.Info, error), mode ui.Mode) *stage {
	t.Helper()
	s := &stage{Stage: uitest.New(t, "library", mode), using: map[registry.Kind]registry.Entry{}, lacking: map[registry.Kind]bool{}, free: 5_900_000_000}
	c := Config{Window: frame{s.Stage, s}, Models: inUse{s}, Shelf: inspected{shelf, inspect}}
	s.page, s.im = NewPage(c), NewImporter(c)
	s.page.Take = s.im.Take
	s.page.Cards.Add(s.im.Cards)
	s.Show(s.page.Object)
	s.page.Refresh()
	t.Cleanup(func() {
		s.im.Close()
		s.page.Close()
	})
	return s
}

// frame is the window around the page.
type frame struct {
	*uitest.Stage
	s *stage
}

func (f frame) Copy(text string)            { f.s.copied = text }
func (f frame) ShowFile(string)             {}
func (f frame) Shortcut(fyne.Shortcut) bool { return false }
func (f frame) ChooseFile()                 { f.s.chosen++ }
func (f frame) Changed()                    { f.s.page.Refresh() }

// inUse implements Models for the test.
type inUse struct{ s *stage }

func (m inUse) Use(e registry.Entry) {
	m.s.used = append(m.s.used, e.Name)
	m.s.using[e.Kind] = e
	m.s.im.Refresh()
}

func (m inUse) InUse(e registry.Entry) bool  { return m.s.using[e.Kind].Name == e.Name }
func (m inUse) Added(e registry.Entry)       { m.s.added = append(m.s.added, e.Name); m.s.page.Refresh() }
func (m inUse) Removing(e registry.Entry)    { m.s.removed = append(m.s.removed, e.Name) }
func (m inUse) Removed(registry.Entry)       {}
func (m inUse) Lacking(k registry.Kind) bool { return m.s.lacking[k] }

func (m inUse) InUseFor(k registry.Kind) (registry.Entry, bool) {
	e, any := m.s.using[k]
	return e, any
}

// Fitting is that of the host; a scripted library has none of its models on the disk.
func (m inUse) Fitting(path string, entries []registry.Entry) ([]registry.Entry, error) {
	return host.Fitting(path, entries)
}

func (m inUse) Attached(e registry.Entry) { m.s.attached = append(m.s.attached, e.Name) }

func (m inUse) KV() engine.KV       { return "" }
func (m inUse) Allowed() bool       { return m.s.allowed }
func (m inUse) Allow(on bool)       { m.s.allowed = on }
func (m inUse) Downloading(on bool) { m.s.online = on }

func (m inUse) Context() int { return 0 }
func (m inUse) Free() int64  { return m.s.free }

func (m inUse) Release(context.Context, registry.Entry) error { return m.s.held }

// library is a Shelf without Inspect.
type library interface {
	List() ([]registry.Entry, []error)
	Import(ctx context.Context, path string, how registry.How, o registry.ImportOptions, progress func(done, total int64)) (registry.Entry, error)
	Verify(ctx context.Context, name string, progress func(done, total int64)) error
	Remove(name string) error
	Attach(ctx context.Context, name, path string, how registry.How, progress func(done, total int64)) (registry.Entry, error)
	Records
}

// inspected is a library whose Inspect is a function of the test.
type inspected struct {
	library
	inspect func(string) (registry.Info, error)
}

func (s inspected) Inspect(path string) (registry.Info, error) { return s.inspect(path) }

// scripted is a library in memory whose imports and checks stop where a test says.
type scripted struct {
	Records // none
	entries []registry.Entry
	broken  []error
	share   float64       // the share of an import or a check that is done when it stops
	gate    chan struct{} // a value lets it continue
}

func (s *scripted) List() ([]registry.Entry, []error) { return s.entries, s.broken }
func (s *scripted) Remove(string) error               { return nil }

func (s *scripted) Attach(context.Context, string, string, registry.How, func(done, total int64)) (registry.Entry, error) {
	return registry.Entry{}, models.ErrNotFound
}

func (s *scripted) wait(ctx context.Context, total int64, progress func(done, total int64)) error {
	progress(int64(s.share*float64(total)), total)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.gate:
		return nil
	}
}

func (s *scripted) Import(ctx context.Context, path string, how registry.How, _ registry.ImportOptions, progress func(done, total int64)) (registry.Entry, error) {
	info, err := inspect(path)
	if err == nil {
		err = s.wait(ctx, info.Bytes, progress)
	}
	return registry.Entry{Name: "dropped " + string(info.Kind), Info: info, Linked: how == registry.Link}, err
}

func (s *scripted) Verify(ctx context.Context, name string, progress func(done, total int64)) error {
	return s.wait(ctx, 2_500_000_000, progress)
}

// inspect recognises files by their names.
func inspect(path string) (registry.Info, error) {
	switch filepath.Base(path) {
	case "qwen3-4b.gguf":
		return qwen, nil
	case "llama-70b.gguf":
		i := qwen
		i.Title, i.Parameters, i.Bytes, i.Layers, i.Licence, i.Template = "Llama 3.3 70B Instruct", 70_600_000_000, 42_500_000_000, 80, "", false
		return i, nil
	case "whisper-base":
		return speech, nil
	case "falcon.gguf":
		i := qwen
		i.Title, i.Runs, i.Reason = "Falcon 7B", false, "the family falcon is not known to this version"
		return i, nil
	case "cut.gguf":
		return registry.Info{}, models.Corrupt(path, "is cut short: tensor \"blk.17.ffn_up.weight\" should end at byte 1,911,234,560, but the file has 1,610,612,736 bytes")
	}
	return registry.Info{}, &models.FileError{Path: path, Reason: "is a web page, not a model", Kind: models.ErrUnknownFormat,
		Advice: "the link led to a page, perhaps one that asks for a sign-in or a licence: open it in a browser and download the file from there"}
}

var qwen = registry.Info{Kind: registry.Chat, Format: "gguf", Family: "llama", Title: "Qwen3 4B Instruct", Quantization: "Q4_K_M", Parameters: 4_000_000_000,
	Context: 32768, Licence: "Apache-2.0", Bytes: 2_500_000_000, Runs: true, Template: true, Layers: 36, KVHeads: 8, HeadDim: 128}

var speech = registry.Info{Kind: registry.Speech, Format: "ctranslate2", Family: "whisper", Title: "Whisper base", Quantization: "F16", Parameters: 74_000_000,
	Licence: "MIT", Bytes: 145_000_000, Runs: true}

// modelFile writes a small llama model that runs; fill varies its contents.
func modelFile(t testing.TB, dir, name string, fill byte) string {
	t.Helper()
	m := tiny.New("llama")
	m.Meta["general.name"], m.Meta["general.license"] = strings.TrimSuffix(name, ".gguf"), "mit"
	m.Meta["tokenizer.chat_template"], m.Meta["test.fill"] = "{{ messages }}", uint64(fill)
	b, err := m.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// examine inspects a file as the program does.
func examine(path string) (registry.Info, error) { return registry.Inspect(path, host.Check) }

func realStage(t *testing.T) (*stage, *registry.Library) {
	t.Helper()
	lib, err := registry.Open(t.TempDir(), host.Check)
	if err != nil {
		t.Fatal(err)
	}
	return newStage(t, lib, examine, ui.Light), lib
}

// gated is a real library whose links wait for the gate. With late they are created first and then wait, ignoring the end of
// their context.
type gated struct {
	*registry.Library
	gate chan struct{}
	late bool
}

func (h *gated) Import(ctx context.Context, path string, how registry.How, o registry.ImportOptions, progress func(done, total int64)) (registry.Entry, error) {
	if h.late {
		e, err := h.Library.Import(context.WithoutCancel(ctx), path, how, o, progress)
		<-h.gate
		return e, err
	}
	select {
	case <-ctx.Done():
		return registry.Entry{}, ctx.Err()
	case <-h.gate:
		return h.Library.Import(ctx, path, how, o, progress)
	}
}
