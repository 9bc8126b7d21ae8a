package library

// The tests draw every state in both themes to build/screens.

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
	"soberano/models"
	"soberano/models/registry"
)

var shelf = []registry.Entry{
	{Name: "smollm2-135m", Included: true, Info: registry.Info{Kind: registry.Chat, Family: "llama", Title: "SmolLM2 135M Instruct", Quantization: "Q4_1",
		Parameters: 135_000_000, Context: 2048, Licence: "Apache-2.0", Bytes: 98_000_000, Runs: true, Template: true}},
	{Name: "qwen3", Linked: true, Info: qwen},
	{Name: "falcon", Info: registry.Info{Kind: registry.Chat, Family: "falcon", Title: "Falcon 7B with a name that is far too long for its line, as makers like to write", Quantization: "Q4_0",
		Parameters: 7_200_000_000, Context: 2048, Bytes: 4_100_000_000, Reason: "the family falcon is not known to this version"}},
	{Name: "whisper-base", Included: true, Info: speech},
}

func TestStates(t *testing.T) {
	for _, mode := range []ui.Mode{ui.Light, ui.Dark} {
		t.Run(string(mode), func(t *testing.T) {
			name := func(s string) string { return s + "-" + string(mode) }
			stage := func(t *testing.T, entries ...registry.Entry) (*stage, *scripted) {
				sh := &scripted{entries: entries, share: 0.64, gate: make(chan struct{})}
				return newStage(t, sh, inspect, mode), sh
			}
			t.Run("empty", func(t *testing.T) {
				s, _ := stage(t)
				s.Expect("No model yet", "Drop a GGUF or APR file", "Add a model")
				s.Shot(name("empty"))
			})
			t.Run("list", func(t *testing.T) {
				s, sh := stage(t, shelf...)
				s.using[registry.Chat], s.using[registry.Speech] = shelf[0], shelf[3]
				s.page.Refresh()
				s.Expect("For chat", "For dictation and recordings", "In use", "98 MB · included", "2.5 GB · linked", "It can't be run by this version. The family falcon")
				s.Win.Canvas().Focus(s.Button("Use for chat"))
				s.Shot(name("list"))
				s.Win.Resize(fyne.NewSize(600, 704))
				s.Shot(name("list-narrow"))
				s.Win.Resize(fyne.NewSize(944, 704))
				s.Tap("Verify")
				s.UntilShown("Verifying 64% · 1.6 of 2.5 GB")
				s.Expect("Cancel")
				s.Tap("Remove")
				s.Expect("Remove it and delete its files from the library?")
				s.Shot(name("checking"))
				sh.gate <- struct{}{}
				s.UntilShown("File is intact.")
				sh.broken = []error{&models.FileError{Path: "/data/models/odd", Reason: "is a broken entry of the library: entry.json names no files", Advice: "remove it and import the model again", Kind: models.ErrCorrupt},
					errors.New("the library can't be read: permission denied")}
				s.page.Refresh()
				s.Expect("odd is a broken entry of the library. Remove it and import the model again. In detail: entry.json names no files.", "The library can't be read")
				s.Shot(name("broken"))
			})
			t.Run("importing", func(t *testing.T) {
				s, sh := stage(t, shelf[0])
				s.im.Drop([]string{"/models/qwen3-4b.gguf"})
				s.UntilShown("Checking 64% · 1.6 of 2.5 GB")
				s.Expect("Qwen3 4B Instruct", "4.0 billion parameters · 4,096 of up to 32,768 tokens of context · Apache-2.0", "conversation 326 MB at 4,096 tokens", "5.9 GB free: fits",
					"The file stays where it is.", "Copy instead", "Cancel")
				s.Shot(name("importing"))
				s.Win.Resize(fyne.NewSize(600, 704))
				s.Shot(name("importing-narrow"))
				s.Tap("Use when ready")
				s.Expect("Will be used")
				sh.gate <- struct{}{}
				s.Until("the model to be used", func() bool { return len(s.used) == 1 })
			})
			t.Run("ready", func(t *testing.T) {
				s, sh := stage(t, shelf[0])
				s.im.Drop([]string{"/models/qwen3-4b.gguf", "/models/whisper-base"})
				s.UntilShown("Waiting for the other model…")
				s.using[registry.Speech] = shelf[3]
				sh.gate <- struct{}{}
				sh.gate <- struct{}{}
				s.Until("both", func() bool { return len(s.added) == 2 })
				s.Expect("Added to the library. Whisper base is used for dictation.", "Use for chat", "Use for dictation")
				s.Shot(name("ready"))
			})
			t.Run("memory", func(t *testing.T) {
				s, _ := stage(t, shelf[0])
				s.im.Drop([]string{"/models/llama-70b.gguf"})
				s.UntilShown("Checking 64%")
				s.Expect("5.9 GB free: may not fit. Close other programs, or choose a smaller model.", "licence not stated", "no chat template")
				s.Shot(name("may-not-fit"))
				s.Tap("Cancel")
				s.free = 0
				s.im.Drop([]string{"/models/llama-70b.gguf"})
				s.UntilShown("Checking 64%")
				if strings.Contains(s.Words(), "free") {
					t.Errorf("free memory is not known, but said:\n%s", s.Words())
				}
				s.Shot(name("free-unknown"))
			})
			t.Run("failed", func(t *testing.T) {
				s, _ := stage(t, shelf[0])
				s.im.Drop([]string{"/models/cut.gguf", "/models/page.gguf", "/models/falcon.gguf"})
				s.UntilShown("page.gguf can't be used.")
				s.UntilShown("Falcon 7B can't be run by this version.")
				s.UntilShown("cut.gguf could not be added.")
				s.Expect("cut.gguf is cut short", "Download it again.", "page.gguf is a web page, not a model.", "open it in a browser")
				s.Shot(name("failed"))
				s.Win.Resize(fyne.NewSize(600, 704))
				s.Shot(name("failed-narrow"))
			})
			t.Run("many", func(t *testing.T) {
				s, _ := stage(t)
				var paths []string
				for n := range 9 {
					paths = append(paths, fmt.Sprintf("/models/%d.txt", n))
				}
				s.im.Drop(append(paths, "/models/qwen3-4b.gguf"))
				s.UntilShown("2.txt can't be used.")
				s.Expect("7 more files.")
				s.Shot(name("many"))
				for range 9 {
					s.UntilShown("can't be used.")
					s.Tap("Close")
				}
				s.UntilShown("Checking 64%")
			})
		})
	}
}
