package library

// The tests import files through the importer and the page into a real library on disk.

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"pgregory.net/rapid"

	"soberano/app/host"
	"soberano/app/ui"
	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/models/defaults"
	"soberano/models/registry"
)

// Of a good file, a bad one and another good one, both good ones are imported, and the bad one's card says why it is not.
func TestSeveralAtOnce(t *testing.T) {
	s, lib := realStage(t)
	dir := t.TempDir()
	page := filepath.Join(dir, "model.gguf")
	if err := os.WriteFile(page, []byte("<!doctype html><html>sign in</html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.im.Drop([]string{modelFile(t, dir, "Ada one.gguf", 1), page, modelFile(t, dir, "Bäume zwei.gguf", 2)})
	s.Until("both imports", func() bool { return len(s.added) == 2 && strings.Contains(s.Words(), "web page") })
	s.Expect("model.gguf can't be used.", "model.gguf is a web page, not a model.", "Added to the library.")
	entries, broken := lib.List()
	if len(entries) != 2 || len(broken) != 0 || !entries[0].Linked || !entries[1].Linked {
		t.Fatalf("the library holds %+v, broken %v", entries, broken)
	}
	s.Tap("Copy details")
	if !strings.Contains(s.copied, page) {
		t.Errorf("the details are %q, without the path", s.copied)
	}
	s.Tap("Choose another file")
	if s.chosen != 1 || len(s.im.cards) != 2 {
		t.Errorf("asked for another file %d times, %d cards", s.chosen, len(s.im.cards))
	}
	s.Tap("Close all 2")
	if len(s.im.cards) != 0 || s.im.Cards.Visible() {
		t.Errorf("%d cards are left", len(s.im.cards))
	}
}

func TestUseNow(t *testing.T) {
	s, _ := realStage(t)
	s.im.Drop([]string{modelFile(t, t.TempDir(), "one.gguf", 1)})
	s.UntilShown("Added to the library.")
	s.Tap("Use for chat")
	if !slices.Equal(s.used, s.added) || len(s.used) != 1 || len(s.im.cards) != 0 {
		t.Fatalf("used %v, added %v, %d cards", s.used, s.added, len(s.im.cards))
	}
}

// A second model of a kind is added, and the one in use stays until the user chooses; the card names it. A first one, or one in the
// place of one that can't be used, is used at once. Cards follow a choice that is made elsewhere, and the removal of their model.
func TestWhatIsInUse(t *testing.T) {
	for path, kind := range map[string]registry.Kind{"/models/qwen3-4b.gguf": registry.Chat, "/models/whisper-base": registry.Speech} {
		other := registry.Entry{Name: "other", Info: registry.Info{Kind: kind, Title: "The other one", Runs: true}}
		start := func() (*stage, *scripted) {
			sh := &scripted{gate: make(chan struct{}, 1), entries: []registry.Entry{other}}
			s := newStage(t, sh, inspect, ui.Light)
			s.using[kind] = other
			sh.gate <- struct{}{}
			return s, sh
		}
		s, sh := start()
		s.im.Drop([]string{path})
		s.UntilShown("Added to the library. The other one is used for " + purpose[kind] + ".")
		if len(s.used) != 0 {
			t.Errorf("%s takes over: %v", path, s.used)
		}
		s.Expect(useFor[kind], "Close")
		sh.entries = append(sh.entries, s.im.cards[0].entry)
		inUse{s}.Use(s.im.cards[0].entry) // as by a menu
		s.Expect("It is used for " + purpose[kind] + ".")
		if strings.Contains(s.Words(), useFor[kind]+" Close") {
			t.Errorf("%s is in use and offered: %s", path, s.Words())
		}
		sh.entries = sh.entries[:1]
		s.im.Refresh()
		if len(s.im.cards) != 0 {
			t.Error("the card of a removed model stays")
		}

		s, sh = start()
		s.lacking[kind] = true
		<-sh.gate
		s.im.Drop([]string{path})
		s.UntilShown("Checking")
		sh.entries = append(sh.entries, registry.Entry{Name: "dropped " + string(kind), Info: registry.Info{Kind: kind, Title: "Again"}})
		sh.gate <- struct{}{}
		s.UntilShown("Added to the library. It is used for " + purpose[kind] + ".")
	}
}

// An embedding model and a reranker are added and listed below headings of their own, and not offered for use in the window.
func TestEncoders(t *testing.T) {
	s, lib := realStage(t)
	s.im.Drop([]string{tiny.New("bert").Write(t), tiny.New("qwen3-rank").Write(t)})
	s.Until("both imports", func() bool { return len(s.added) == 2 })
	s.Expect("It makes embeddings of texts and can't chat; on the command line, soberano embed uses it.",
		"It ranks documents and can't chat; on the command line, soberano rerank uses it.",
		headings[registry.Embedding], headings[registry.Reranker], "embeddings of texts", "ranking of documents")
	if words := s.Words(); strings.Contains(words, "Use for") || strings.Contains(words, "Use when ready") || strings.Contains(words, headings[registry.Chat]) || len(s.used) != 0 {
		t.Errorf("used %v, shown: %s", s.used, words)
	}
	if entries, _ := lib.List(); len(entries) != 2 || entries[0].Kind == registry.Chat || entries[1].Kind == registry.Chat {
		t.Errorf("%+v", entries)
	}
}

// A folder of Hugging Face is one model, whether the folder, its config.json or one of its files of weights is dropped.
func TestDroppedFolder(t *testing.T) {
	source := tiny.New("llama")
	source.Float32()
	dir := source.Folder(t, 2)
	for _, name := range []string{"", "config.json", "model-00002-of-00002.safetensors"} {
		s, lib := realStage(t)
		s.im.Drop([]string{filepath.Join(dir, name)})
		s.UntilShown("Added to the library.")
		s.Expect("Use for chat")
		entries, _ := lib.List()
		if len(entries) != 1 || len(entries[0].Files) != 6 || entries[0].Kind != registry.Chat || entries[0].Family != "llama" {
			t.Errorf("%q: %+v", name, entries)
		}
	}
}

// On a page that lists the models, a new model is shown once: its card closes and its row says that it was added.
func TestListedOnce(t *testing.T) {
	sh := &scripted{gate: make(chan struct{}, 1), entries: []registry.Entry{{Name: "dropped chat", Info: qwen}}}
	s := newStage(t, sh, inspect, ui.Light)
	s.im.Listed = s.page.Listed
	sh.gate <- struct{}{}
	sh.entries = nil
	s.im.Drop([]string{"/models/qwen3-4b.gguf"})
	s.UntilShown("Checking")
	sh.entries = []registry.Entry{{Name: "dropped chat", Info: qwen}}
	s.Until("the row", func() bool { return strings.Contains(s.Words(), "Added to the library.") })
	if n := strings.Count(s.Words(), qwen.Title); n != 1 || len(s.im.cards) != 0 {
		t.Errorf("the model is shown %d times, %d cards:\n%s", n, len(s.im.cards), s.Words())
	}
}

// The same file is not imported twice: the card says that it is there, and offers the model.
func TestAlreadyThere(t *testing.T) {
	s, lib := realStage(t)
	path := modelFile(t, t.TempDir(), "one.gguf", 1)
	s.im.Drop([]string{path})
	s.UntilShown("Added to the library.")
	s.Tap("Close")
	s.im.Drop([]string{path, path})
	s.UntilShown("The library has this model already, as one.")
	s.Tap("Use for chat")
	if entries, _ := lib.List(); len(entries) != 1 || !slices.Equal(s.used, []string{"one"}) {
		t.Fatalf("%d entries, used %v", len(entries), s.used)
	}
}

func TestCopyInstead(t *testing.T) {
	path := modelFile(t, t.TempDir(), "one.gguf", 1)
	lib, err := registry.Open(t.TempDir(), host.Check)
	if err != nil {
		t.Fatal(err)
	}
	shelf := &gated{Library: lib, gate: make(chan struct{})}
	s := newStage(t, shelf, examine, ui.Light)
	s.im.Drop([]string{path})
	s.UntilShown("The file stays where it is.")
	s.UntilShown("Copy instead")
	s.Tap("Copy instead")
	s.UntilShown("A copy goes into the library.")
	shelf.gate <- struct{}{}
	s.UntilShown("Added to the library.")
	e, err := lib.Find("one")
	if err != nil || e.Linked || e.Path() == path {
		t.Fatalf("%+v, %v", e, err)
	}
}

// A cancelled import leaves nothing, even if it ended at the moment of the cancellation.
func TestCancel(t *testing.T) {
	lib, err := registry.Open(t.TempDir(), host.Check)
	if err != nil {
		t.Fatal(err)
	}
	shelf := &gated{Library: lib, gate: make(chan struct{}), late: true}
	s := newStage(t, shelf, examine, ui.Light)
	s.im.Drop([]string{modelFile(t, t.TempDir(), "one.gguf", 1)})
	s.UntilShown("Copy instead")
	s.Tap("Cancel")
	if len(s.im.cards) != 0 {
		t.Error("the card is still there")
	}
	close(shelf.gate)
	s.im.running.Wait()
	if entries, _ := lib.List(); len(entries) != 0 {
		t.Errorf("the library holds %+v", entries)
	}
}

func TestSpeechFolder(t *testing.T) {
	dir := defaults.Need(t, "whisper-tiny.en")
	s, lib := realStage(t)
	s.lacking[registry.Speech] = true
	s.im.Drop([]string{filepath.Join(dir, "config.json"), filepath.Join(dir, "model.bin")})
	s.UntilShown("Added to the library. It is used for dictation.")
	entries, _ := lib.List()
	if len(entries) != 1 || entries[0].Kind != registry.Speech || entries[0].Path() != dir || len(s.used) != 1 {
		t.Fatalf("%+v, used %v", entries, s.used)
	}
}

func TestCheckAndRemove(t *testing.T) {
	s, lib := realStage(t)
	path := modelFile(t, t.TempDir(), "one.gguf", 1)
	s.im.Drop([]string{path})
	s.UntilShown("Added to the library.")
	s.Tap("Close")
	s.Tap("Verify")
	s.UntilShown("File is intact.")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1]++
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Tap("Verify")
	s.UntilShown("one.gguf has changed since it was imported")
	s.Expect("Remove the model and import it again.")

	s.Tap("Remove")
	s.Expect("Take it out of the library? The file stays where it is.")
	s.Tap("Keep it")
	s.Tap("Remove")
	s.held = &host.InUseError{Title: "One"}
	s.Tap("Remove it")
	s.UntilShown("One is still in use.")
	if entries, _ := lib.List(); len(entries) != 1 {
		t.Fatal("a model was removed that can't be closed")
	}
	s.held = nil
	s.Tap("Remove")
	s.Tap("Remove it")
	s.UntilShown("No model yet")
	if entries, _ := lib.List(); len(entries) != 0 || !slices.Equal(s.removed, []string{"one", "one"}) {
		t.Fatalf("%d entries, removed %v", len(entries), s.removed)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the linked file: %v", err)
	}
	s.Expect("No model yet")
}

// The page reports a missing file and an entry that can't be read; the other models stay usable.
func TestBrokenModels(t *testing.T) {
	root := t.TempDir()
	lib, err := registry.Open(root, host.Check)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	gone := modelFile(t, dir, "gone.gguf", 1)
	for _, path := range []string{gone, modelFile(t, dir, "here.gguf", 2)} {
		if _, err := lib.Import(t.Context(), path, registry.Link, registry.ImportOptions{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(root, "models", "odd")
	if err := errors.Join(os.Mkdir(bad, 0o755), os.WriteFile(filepath.Join(bad, "entry.json"), []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, lib, examine, ui.Light)
	s.UntilShown("gone.gguf is no longer at " + dir)
	s.Expect("Put it back, or remove the model", "here", "One model in the library can't be read.", "odd is a broken entry")
	s.Shot("broken")
	if n := strings.Count(s.Words(), "Use for chat"); n != 1 {
		t.Errorf("%d models are offered, want the one that is there", n)
	}
	s.Tap("Remove") // of the broken entry, which is the first one
	s.Expect("Remove it and delete its files from the library? A linked file stays where it is.")
	s.Tap("Remove it")
	if _, broken := lib.List(); len(broken) != 0 {
		t.Errorf("still broken: %v", broken)
	}
}

// A button keeps the focus when the page is drawn again, and in a question the harmless answer has the focus first.
func TestKeyboard(t *testing.T) {
	s := newStage(t, &scripted{entries: []registry.Entry{{Name: "a", Info: qwen}, {Name: "b", Info: speech}}}, inspect, ui.Light)
	label := func() string {
		b, _ := s.Win.Canvas().Focused().(*ui.Button)
		if b == nil {
			return "nothing"
		}
		return b.Label
	}
	s.Win.Canvas().Focus(s.Button("Verify"))
	s.page.Refresh()
	if got := s.Win.Canvas().Focused(); got != fyne.Focusable(s.Button("Verify")) {
		t.Errorf("after a refresh the focus is on %s", label())
	}
	s.Win.Canvas().Focus(s.Button("Remove"))
	test.Type(s.Button("Remove"), "") // a button ignores text
	s.Key(fyne.KeySpace)
	if got := label(); got != "Keep it" {
		t.Errorf("the question begins with %s", got)
	}
	s.Key(fyne.KeySpace)
	if got := label(); got == "nothing" {
		t.Error("the focus is lost")
	}
}

func TestProgressText(t *testing.T) {
	for _, c := range []struct {
		done, total int64
		past        time.Duration
		want        string
	}{
		{1_600_000_000, 2_500_000_000, 3556 * time.Millisecond, "Checking 64% · 1.6 of 2.5 GB · 2 s left"},
		{1_000_000, 98_000_000, 500 * time.Millisecond, "Checking 1% · 1 of 98 MB"},
		{10_000_000_000, 40_000_000_000, 100 * time.Second, "Checking 25% · 10.0 of 40.0 GB · 5 min left"},
		{1, 3, 2 * time.Hour, "Checking 33% · 1 of 3 bytes · 4 h left"},
		{5, 5, time.Second, "Finishing…"},
		{0, 0, 0, "Finishing…"},
	} {
		if got := progressText("Checking", c.done, c.total, c.past); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// The parts of the bar never exceed it, whatever sizes a file gives, and the text never forbids a model.
func TestMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := registry.Info{Kind: registry.Chat, Bytes: rapid.Int64Range(0, 1<<42).Draw(t, "bytes"), Parameters: rapid.Int64Range(0, 1<<42).Draw(t, "parameters"),
			Layers: rapid.IntRange(0, 1000).Draw(t, "layers"), KVHeads: rapid.IntRange(0, 1000).Draw(t, "heads"), HeadDim: rapid.IntRange(0, 1000).Draw(t, "dim"),
			Context: rapid.IntRange(0, 1<<20).Draw(t, "context")}
		free := rapid.Int64Range(0, 1<<42).Draw(t, "free")
		m := estimate(i, rapid.IntRange(0, 1<<20).Draw(t, "tokens"), engine.KV(rapid.SampledFrom(engine.KVs()).Draw(t, "kv")), free)
		var sum float32
		for _, p := range m.Bar() {
			if p.Share < 0 {
				t.Fatalf("%+v", m)
			}
			sum += p.Share
		}
		fits, text := m.Sum() <= free, m.Text()
		if sum > 1.001 || strings.Contains(text, ": fits") != (free > 0 && fits) || strings.Contains(text, "may not fit") != (free > 0 && !fits) {
			t.Fatalf("%v of the bar, %q for %+v", sum, text, m)
		}
	})
}

// The card of the file that was dropped last is the first, whatever cards are open. A file that is dropped again is tried again.
func TestNewestCardFirst(t *testing.T) {
	s, _ := realStage(t)
	raised := 0
	s.im.Raised = func() { raised++ }
	dir := t.TempDir()
	bad := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("<!doctype html><html>sign in</html>"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, name := range []string{"one.gguf", "two.gguf", "three.gguf", "four.gguf"} {
		s.im.Drop([]string{bad(name)})
		s.UntilShown(name + " can't be used.")
	}
	if words := s.Words(); strings.Contains(words, "one.gguf can't") || strings.Index(words, "four.gguf can't") > strings.Index(words, "three.gguf can't") {
		t.Errorf("shown is\n%s", words)
	}
	s.im.Drop([]string{modelFile(t, dir, "Good.gguf", 1)})
	s.UntilShown("Added to the library.")
	s.Expect("2 more files.")
	if err := os.Rename(modelFile(t, t.TempDir(), "Another.gguf", 2), filepath.Join(dir, "one.gguf")); err != nil {
		t.Fatal(err)
	}
	s.im.Drop([]string{filepath.Join(dir, "one.gguf")})
	s.Until("the second import", func() bool { return len(s.added) == 2 })
	if n := len(s.im.cards); n != 5 || raised != 6 {
		t.Errorf("%d cards, shown %d times", n, raised)
	}
	s.im.cards[0].passing.Time = time.Millisecond
	s.im.cards[0].passing.Start(s.im.cards[0].object, s.im.cards[0].close)
	s.Until("the end of a card", func() bool { return len(s.im.cards) == 4 })
}
