package library

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
	"soberano/app/ui/uitest"
	"soberano/models/registry"
)

// related returns a stage over a real library with the models "base" and "mine", which was fine-tuned from base, and shows the details of mine.
func related(t *testing.T, mode ui.Mode) (*stage, *registry.Library) {
	t.Helper()
	lib, err := registry.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, name := range []string{"base", "mine", "other"} {
		if _, err := lib.Import(t.Context(), modelFile(t, dir, name+".gguf", byte(i)), registry.Copy, registry.ImportOptions{Name: name, Title: strings.ToUpper(name)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := lib.SetParents("mine", []registry.Parent{{Relation: registry.Quantized, Name: "base", How: "type Q4_K_M"}, {Relation: registry.Merged, Name: "Some/Model-7B"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := lib.SetParents("base", []registry.Parent{{Relation: registry.FineTuned, Name: "Maker/Base-1B"}}); err != nil {
		t.Fatal(err)
	}
	if err := lib.SetCard("mine", "---\nlicense: mit\n---\n# Mine\n\nIt is good at **tests**.\n\n- one\n- two"); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, lib, examine, mode)
	s.details("mine")
	return s, lib
}

// details opens the details of a model as the button of its row does.
func (s *stage) details(name string) {
	s.T.Helper()
	s.page.openDetails(name)
	s.UntilShown("About this model")
}

func (s *stage) typed(text string) { uitest.TypeRunes(s.Win.Canvas(), text) }

func find(t *testing.T, l *registry.Library, name string) registry.Entry {
	t.Helper()
	e, err := l.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestNames adds a name with the keyboard, takes one from another model, and removes it.
func TestNames(t *testing.T) {
	s, lib := related(t, ui.Light)
	if _, err := lib.Alias("other", "best", false); err != nil {
		t.Fatal(err)
	}
	s.Win.Canvas().Focus(s.page.details["mine"].alias)
	s.typed("mine:tiny")
	s.Key(fyne.KeyReturn)
	s.UntilShown("Remove mine:tiny")
	if e := find(t, lib, "mine"); !e.Is("mine:tiny") || s.page.details["mine"].alias.Text != "" {
		t.Errorf("its names are %v; the entry has %q", e.Aliases, s.page.details["mine"].alias.Text)
	}
	s.Win.Canvas().Focus(s.page.details["mine"].alias)
	s.typed("best")
	s.Tap("Add the name")
	s.UntilShown("Take it from other")
	s.Tap("Take it from other")
	s.UntilShown("Remove best")
	s.Tap("Remove mine:tiny")
	s.Until("the removal", func() bool {
		e := find(t, lib, "mine")
		return !e.Is("mine:tiny") && e.Is("best") && !s.page.details["mine"].busy
	})
	s.Win.Canvas().Focus(s.page.details["mine"].alias)
	s.typed("not a name")
	s.Key(fyne.KeyReturn)
	s.Until("the reason", func() bool { return s.page.details["mine"].failed != nil })
	if s.page.details["mine"].alias.Text != "not a name" {
		t.Error("what was typed is gone")
	}
}

// TestStages offers the allowed moves only.
func TestStages(t *testing.T) {
	s, lib := related(t, ui.Light)
	s.Expect("This one is in no stage.", "Move to production")
	s.Tap("Move to development")
	s.UntilShown("This model is in the stage development.")
	if words := s.Words(); strings.Contains(words, "Move to production") || !strings.Contains(words, "Move to staging") || find(t, lib, "mine").Stage != registry.Development {
		t.Errorf("after development: %s", words)
	}
}

// TestCard edits the text about a model; a text that was begun is there again when the page is left and opened.
func TestCard(t *testing.T) {
	s, lib := related(t, ui.Light)
	s.Expect("It is good at tests")
	if strings.Contains(s.Words(), "license: mit") {
		t.Error("the metadata of the card are shown")
	}
	s.Tap("Edit the text")
	d := s.page.details["mine"]
	if s.Win.Canvas().Focused() != fyne.Focusable(d.text) || !strings.HasPrefix(d.text.Text, "---") {
		t.Fatalf("the entry has %q", d.text.Text)
	}
	s.typed("New. ")
	begun := d.text.Text
	s.page.Back()
	s.details("mine")
	if d = s.page.details["mine"]; d.text == nil || d.text.Text != begun {
		t.Fatal("the text that was begun is gone")
	}
	s.Tap("Save")
	s.UntilShown("Edit the text")
	e := find(t, lib, "mine")
	if card, err := e.Card(); err != nil || card != begun {
		t.Errorf("the card is %q, %v", card, err)
	}
	if s.page.Unsaved() != nil {
		t.Error("a text that is stored counts as unsaved")
	}
	s.Tap("Edit the text")
	s.typed("Closed. ")
	if store := s.page.Unsaved(); store == nil || store() != nil { // as when the window is closed
		t.Error("the text that was begun is not stored")
	}
	e = find(t, lib, "mine")
	if card, err := e.Card(); err != nil || !strings.Contains(card, "Closed. ") {
		t.Errorf("the card is %q, %v", card, err)
	}
	s.Tap("Cancel")
	s.Tap("Edit the text")
	s.typed("x")
	s.Tap("Cancel")
	s.Expect("Edit the text")
	s.page.Back()
	s.details("mine")
	if s.page.details["mine"].text != nil {
		t.Error("a text that was cancelled is there again")
	}
}

// TestLineage draws the tree, and leads to related models that the library has.
func TestLineage(t *testing.T) {
	s, lib := related(t, ui.Light)
	s.Expect("quantized from base (type Q4_K_M)", "merged from Some/Model-7B", "fine-tuned from Maker/Base-1B")
	s.Tap("Details of base")
	s.UntilShown("From it came:")
	s.Tap("Details of mine")
	s.UntilShown("quantized from base")
	if err := lib.Remove("mine"); err != nil {
		t.Fatal(err)
	}
	s.page.Refresh()
	s.Expect("Add a model")
	s.details("other")
	s.Expect("It is not known from which model it came", "There is no text about this model.")
}

// TestDetailStates draws the details in both themes.
func TestDetailStates(t *testing.T) {
	for _, mode := range []ui.Mode{ui.Light, ui.Dark} {
		s, lib := related(t, mode)
		if _, err := lib.Alias("mine", "mine:tiny", false); err != nil {
			t.Fatal(err)
		}
		s.page.Refresh()
		s.Shot("details-" + string(mode))
		s.Win.Canvas().Focus(s.Button("Edit the text"))
		s.Shot("details-below-" + string(mode))
		s.Tap("Edit the text")
		s.Shot("details-edit-" + string(mode))
		s.Win.Resize(fyne.NewSize(600, 704))
		s.Win.Canvas().Focus(s.Button("All models"))
		s.Shot("details-narrow-" + string(mode))
	}
}

// TestCardChangedElsewhere checks that neither of two texts is lost if one is stored elsewhere while the other one is edited.
func TestCardChangedElsewhere(t *testing.T) {
	s, lib := related(t, ui.Light)
	stored := func() string {
		t.Helper()
		e := find(t, lib, "mine")
		card, err := e.Card()
		if err != nil {
			t.Fatal(err)
		}
		return card
	}
	change := func(text string) {
		t.Helper()
		if err := lib.SetCard("mine", text); err != nil {
			t.Fatal(err)
		}
	}
	edit := func() *detail {
		t.Helper()
		s.Tap("Edit the text")
		s.typed("Mine. ")
		return s.page.details["mine"]
	}
	d := edit()
	mine := d.text.Text
	change("From a terminal.")
	s.Tap("Save")
	s.UntilShown("This text was changed elsewhere while you edited it")
	s.Shot("details-both")
	s.Expect("From a terminal.", "Save mine", "Put the other below mine", "Use the other")
	if stored() != "From a terminal." || d.text.Text != mine {
		t.Errorf("stored is %q, the entry has %q", stored(), d.text.Text)
	}
	change("From a terminal again.")
	s.Tap("Save mine")
	s.UntilShown("From a terminal again.")
	s.Tap("Put the other below mine")
	s.Tap("Save")
	s.UntilShown("Edit the text")
	if want := joined(mine, "From a terminal again."); stored() != want {
		t.Errorf("both are %q, expected %q", stored(), want)
	}
	edit()
	change("Third.")
	s.page.Back()
	s.details("mine") // it notices when it is shown
	s.UntilShown("Use the other", "Third.")
	s.Tap("Save mine")
	s.UntilShown("Edit the text")
	if !strings.Contains(stored(), mine) || strings.Contains(stored(), "Third.") {
		t.Errorf("the text that was chosen is stored as %q", stored())
	}
	edit()
	change("Fourth.")
	for range 2 { // as when the window is closed, and stays
		if store := s.page.Unsaved(); store == nil || store() != nil || strings.Count(stored(), "Fourth.") != 1 || !strings.Contains(stored(), mine) {
			t.Errorf("at the end the text is %q", stored())
		}
	}
	s.page.openDetails("mine")
	s.UntilShown("Use the other", "Fourth.")
	s.Tap("Use the other")
	s.Expect("Fourth.", "Edit the text")
}

// TestLongCard checks that a text of which only a part is shown says so, and that its end can be seen.
func TestLongCard(t *testing.T) {
	for name, text := range map[string]string{"one": strings.Repeat("hello ", 500_000), "many": strings.Repeat("hello there\n\n", 5000)} {
		s, lib := related(t, ui.Light)
		if err := lib.SetCard("mine", text); err != nil {
			t.Fatal(err)
		}
		s.page.openDetails("mine")
		s.Until("the text", func() bool { return len(s.page.details["mine"].card) == len(text) })
		s.page.Scroll(1e6)
		s.Shot("details-long-" + name)
		s.Expect("hello", "The text is longer. “Edit the text” has all of it.")
	}
}
