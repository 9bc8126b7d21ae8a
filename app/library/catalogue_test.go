package library

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
	"soberano/models/catalogue"
	"soberano/models/download"
	"soberano/models/registry"
)

// offers is a catalogue of three models whose downloads stop where a test says.
type offers struct {
	list []catalogue.Model
	gate chan error // ends a download

	mu      sync.Mutex
	started []string
	left    map[string]int64
}

func newOffers() *offers {
	return &offers{gate: make(chan error), left: map[string]int64{}, list: []catalogue.Model{
		{Name: "qwen3-4b", Purpose: "Questions that need several steps, in many languages.", URL: "https://hub.example/Qwen/Qwen3-4B-GGUF/resolve/1/a.gguf", SHA256: "a", Info: qwen},
		{Name: "large", Purpose: "Hard questions, on computers with 64 GB of memory or more.", URL: "https://hub.example/Big/Large-GGUF/resolve/1/b.gguf", SHA256: "b",
			Info: registry.Info{Kind: registry.Chat, Title: "Large 70B", Licence: "Apache-2.0", Parameters: 70e9, Bytes: 42_500_000_000, Context: 8192, Layers: 80, KVHeads: 8, HeadDim: 128}},
		{Name: "whisper", Purpose: "Dictation and recordings.", URL: "https://hub.example/w/resolve/1/c.bin", SHA256: "c", Info: speech},
	}}
}

func (o *offers) Models() []catalogue.Model { return o.list }

func (o *offers) Partial(m catalogue.Model) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.left[m.Name]
}

func (o *offers) Discard(m catalogue.Model) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.left, m.Name)
	return nil
}

func (o *offers) Get(ctx context.Context, m catalogue.Model, received func(download.Progress), _ func(done, total int64)) (registry.Entry, error) {
	o.mu.Lock()
	o.started = append(o.started, m.Name)
	o.left[m.Name] = m.Info.Bytes / 3
	o.mu.Unlock()
	received(download.Progress{Phase: download.Receiving, Done: m.Info.Bytes / 3, Total: m.Info.Bytes, Rate: 12e6})
	select {
	case <-ctx.Done():
		return registry.Entry{}, ctx.Err()
	case err := <-o.gate:
		if err == nil {
			_ = o.Discard(m)
		}
		return registry.Entry{Name: m.Name, Info: m.Info, Files: []registry.Stored{{SHA256: m.SHA256, Bytes: m.Info.Bytes}}}, err
	}
}

func (o *offers) begun() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.started)
}

// offering returns a stage with a catalogue, which it shows.
func offering(t *testing.T, mode ui.Mode, o Catalogue, entries ...registry.Entry) *stage {
	t.Helper()
	s := newStage(t, &scripted{entries: entries}, inspect, mode)
	s.page.Catalogue = o
	s.page.Refresh()
	s.Tap("Download models")
	return s
}

// Nothing is downloaded before the connection was allowed, which is asked once; the question names who is contacted.
func TestConsent(t *testing.T) {
	o := newOffers()
	s := offering(t, ui.Light, o)
	s.Expect("You are asked before the first one.", "Qwen3 4B Instruct", "Apache-2.0", "fits, 5.9 GB are free.", "may not fit")
	s.Tap("Download")
	s.Expect("May Soberano open a connection", "hub.example learns the address of this computer", "its page is hub.example/Qwen/Qwen3-4B-GGUF.")
	s.Tap("No connection")
	if s.allowed || len(o.begun()) > 0 || len(s.page.transfers) > 0 {
		t.Fatal("downloaded without permission")
	}
	s.Tap("Download")
	s.Tap("Allow and download")
	s.UntilShown("Downloading 33% · 0.8 of 2.5 GB · 12 MB/s · 2 min left")
	if !s.allowed || !s.online {
		t.Errorf("allowed %v, shown as online %v", s.allowed, s.online)
	}
	s.Tap("Download")
	s.Expect("Waiting for the download before it.", "You have allowed it: hub.example learns")
	o.gate <- nil
	s.Until("the second download", func() bool { return len(o.begun()) == 2 })
	o.gate <- nil
	s.Until("the end", func() bool { return len(s.added) == 2 })
	if !slices.Equal(s.added, []string{"qwen3-4b", "large"}) || s.online || len(s.page.transfers) > 0 {
		t.Errorf("added %v, online %v, %d downloads", s.added, s.online, len(s.page.transfers))
	}
	s.Tap("Allow no more downloads")
	if s.allowed {
		t.Error("still allowed")
	}
	s.Expect("You are asked before the first one.")
}

// TestTransfers pauses a download, continues it, lets it fail, tries again, and deletes what has arrived.
func TestTransfers(t *testing.T) {
	o := newOffers()
	s := offering(t, ui.Light, o)
	s.allowed = true
	s.page.Refresh()
	s.Tap("Download")
	s.UntilShown("Downloading 33%")
	s.Tap("Pause")
	s.UntilShown("Paused. 0.8 of 2.5 GB are here.")
	s.Tap("Continue")
	s.Until("the second attempt", func() bool { return len(o.begun()) == 2 })
	o.gate <- &download.Error{Kind: download.WebPage, Host: "hub.example"}
	s.UntilShown("A web page came in place of the file.")
	s.Tap("Try again")
	s.Until("the third attempt", func() bool { return len(o.begun()) == 3 })
	s.Tap("All models")
	s.UntilShown("Downloading 33%") // also in the list of models
	s.Tap("Download models")
	s.Tap("Allow no more downloads")
	s.UntilShown("Paused.")
	s.Tap("Delete what has arrived")
	s.Expect("Delete the 833 MB that have arrived?")
	s.Tap("Keep it")
	s.Tap("Delete what has arrived")
	s.Tap("Remove it")
	s.Until("the deletion", func() bool { return len(s.page.transfers) == 0 })
	if o.Partial(o.list[0]) != 0 || len(s.added) > 0 {
		t.Errorf("%d bytes are left, added %v", o.Partial(o.list[0]), s.added)
	}
}

// What an earlier run of the program has left is shown, and a model that the library has is not offered.
func TestLeftovers(t *testing.T) {
	o := newOffers()
	o.left["large"] = 1_000_000_000
	mine := registry.Entry{Name: "mine", Info: qwen, Files: []registry.Stored{{SHA256: "a", Bytes: qwen.Bytes}}}
	s := offering(t, ui.Light, o, mine)
	s.UntilShown("Paused. 1.0 of 42.5 GB are here.")
	s.Expect("In the library", "Use for chat")
	s.Tap("Use for chat")
	if !slices.Equal(s.used, []string{"mine"}) {
		t.Errorf("used %v", s.used)
	}
}

// Escape leads back to the list; closing the page ends a running download.
func TestCatalogueLeads(t *testing.T) {
	s := offering(t, ui.Light, newOffers())
	if !s.page.Back() || s.page.Back() {
		t.Error("Back leads from the catalogue to the list, and no further")
	}
	s.Expect("No model yet")
	s.Tap("Download models")
	s.page.Leave()
	s.page.Refresh()
	s.Expect("No model yet")
	s.allowed = true
	s.Tap("Download models")
	s.Tap("Download")
	s.UntilShown("Downloading 33%")
}

// The question can be answered with the keyboard, and its first answer opens no connection.
func TestConsentByKeyboard(t *testing.T) {
	o := newOffers()
	s := offering(t, ui.Light, o)
	c := s.Win.Canvas()
	c.Focus(s.Button("Download"))
	s.Key(fyne.KeyReturn)
	if c.Focused() != fyne.Focusable(s.Button("No connection")) {
		t.Fatalf("the focus is on %v", c.Focused())
	}
	s.Key(fyne.KeyReturn)
	if c.Focused() != fyne.Focusable(s.Button("Download")) || len(o.begun()) > 0 {
		t.Errorf("afterwards it is on %v", c.Focused())
	}
}

// TestHub downloads a model through the page from a server on this computer into a real library.
func TestHub(t *testing.T) {
	b, err := os.ReadFile(modelFile(t, t.TempDir(), "small.gguf", 7))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) }))
	defer server.Close()
	sum := sha256.Sum256(b)
	s, lib := realStage(t)
	m := catalogue.Model{Name: "small", URL: server.URL + "/x/resolve/1/small.gguf", SHA256: hex.EncodeToString(sum[:]), Info: registry.Info{Kind: registry.Chat, Title: "Small", Licence: "MIT", Bytes: int64(len(b)), Parameters: 1, Context: 1, Layers: 1}}
	s.page.Catalogue = local{Hub{lib}, m}
	s.allowed, s.lacking[registry.Chat] = true, true
	s.page.Refresh()
	s.Tap("Download models")
	s.Tap("Download")
	s.UntilShown("In the library")
	entries, _ := lib.List()
	if len(entries) != 1 || entries[0].Linked || !slices.Equal(s.used, []string{"small"}) {
		t.Errorf("%+v; used %v", entries, s.used)
	}
	if left, _ := filepath.Glob(filepath.Join(lib.Downloads(), "*")); len(left) > 0 || strings.Contains(s.Words(), "Paused") {
		t.Errorf("%v is left", left)
	}
}

type local struct {
	Hub
	m catalogue.Model
}

func (l local) Models() []catalogue.Model { return []catalogue.Model{l.m} }

// TestCatalogueStates draws the catalogue in both themes.
func TestCatalogueStates(t *testing.T) {
	for _, mode := range []ui.Mode{ui.Light, ui.Dark} {
		o := newOffers()
		o.left["whisper"] = 100_000_000
		s := offering(t, mode, o)
		s.UntilShown("Paused. 100 of 145 MB are here.")
		s.Shot("catalogue-" + string(mode))
		s.Tap("Download")
		s.Shot("catalogue-question-" + string(mode))
		s.Tap("Allow and download")
		s.UntilShown("Downloading 33%")
		s.Tap("Download")
		s.Win.Canvas().Focus(s.Button("Pause"))
		s.Shot("catalogue-downloading-" + string(mode))
		s.Win.Resize(fyne.NewSize(600, 704))
		s.Shot("catalogue-narrow-" + string(mode))
		s.Win.Resize(fyne.NewSize(944, 704))
		o.gate <- &download.Error{Kind: download.Different, Host: "hub.example"}
		s.UntilShown("is not the file that this program knows")
		s.page.Back()
		s.Shot("catalogue-failed-list-" + string(mode))
	}
}
