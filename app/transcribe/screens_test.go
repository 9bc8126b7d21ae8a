package transcribe

// The tests draw every state in both themes to build/screens, for inspection by a person.

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/problem"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/asr/audio"
	"soberano/asr/mic"
	"soberano/models/registry"
)

func TestStates(t *testing.T) {
	for _, mode := range []ui.Mode{ui.Light, ui.Dark} {
		t.Run(string(mode), func(t *testing.T) {
			name := func(s string) string { return s + "-" + string(mode) }
			t.Run("empty", func(t *testing.T) {
				s := newStage(t, mode, nil)
				s.Expect("Turn recordings into text", "Drop audio or video files anywhere", "Choose a file", "Language: detect automatically")
				s.Tap("Choose a file")
				if s.chosen != 1 {
					t.Error("the button does nothing")
				}
				s.Shot(name("empty"))
				s.Win.Resize(fyne.NewSize(480, 640))
				s.Shot(name("empty-narrow"))
				s.Tap("Language: detect automatically")
				s.Expect("Detect automatically", "Cantonese", "Persian")
				s.Shot(name("languages"))
				s.Win.Canvas().Overlays().Top().Hide()
				s.title, s.languages = "Whisper base.en", registry.EnglishAlone
				s.page.Refresh()
				s.Expect("Whisper base.en supports English only and can't translate. A multilingual speech model can.")
				s.Shot(name("english-only-narrow"))
				s.Win.Resize(fyne.NewSize(944, 704))
				s.Shot(name("english-only"))
				s.title, s.languages = "Whisper base", registry.ManyLanguages
				s.english = true
				s.page.Refresh()
				s.Win.Canvas().Focus(s.page.translate)
				s.Expect("Translate to English")
				s.Shot(name("translate"))
			})
			t.Run("queue", func(t *testing.T) {
				s := newStage(t, mode, nil)
				s.model.gate = make(chan struct{})
				bad := s.file("cut off.wav", time.Minute)
				s.files[bad].fail = &audio.Error{Path: bad, At: 1634, Kind: audio.CutOff, Reason: "the file is cut off: 1284094 bytes of audio are missing", Err: io.ErrUnexpectedEOF}
				s.page.Add([]string{bad, "/home/ada/Recordings/moved.flac", s.file("board meeting, second part of three, with the treasurer's report.flac", 95*time.Minute), s.file("interview.wav", 35*time.Minute+20*time.Second)})
				s.english = true
				s.page.Add([]string{s.file("voice memo 12.m4a", 42*time.Second)})
				s.UntilShown("The file is cut off: 1,284,094 bytes of audio are missing (at byte 1,634).", "is not at /home/ada/Recordings/moved.flac.", "Transcribing 0%")
				for range 160 {
					s.model.gate <- struct{}{}
					s.Settle()
				}
				s.UntilShown("Transcribing 28%")
				s.page.Queue.now.began = time.Now().Add(-4 * time.Minute)
				s.page.progressed(s.page.Queue.now.id)
				s.Expect("In the queue", "26:", "of 1:35:00", "min left", "1 h 35 min", "waiting", "into English · waiting, number 2", "Cancel", "Try again", "Show the file", "Remove")
				s.Shot(name("queue"))
				s.Win.Resize(fyne.NewSize(480, 860))
				s.Shot(name("queue-narrow"))
				s.Tap("Cancel")
				s.UntilShown("Stopped at 26:", "The text so far is kept.", "Continue")
				s.Shot(name("stopped"))
			})
			t.Run("no model", func(t *testing.T) {
				s := newStage(t, mode, nil)
				s.noModel = noModel
				s.page.Add([]string{s.file("interview.wav", 35*time.Minute)})
				s.UntilShown("The files are waiting: there is no speech model yet.", "All models")
				s.Shot(name("no-model"))
				s.mu.Lock()
				s.noModel = brokenModel
				s.mu.Unlock()
				s.page.Queue.Kick()
				s.UntilShown("The files are waiting: the speech model could not be opened.", "is cut short", "Try again")
				s.Shot(name("broken-model"))
				s.mu.Lock()
				s.noModel = nil
				s.mu.Unlock()
				s.Tap("Try again")
				s.state("interview.wav", store.Complete)
			})
			t.Run("transcript", func(t *testing.T) {
				s := newStage(t, mode, nil)
				s.page.Add([]string{s.file("Podcast with a boat builder.flac", 12*time.Minute)})
				s.state("Podcast with a boat builder.flac", store.Complete)
				s.model.heard, s.english = "de", true
				s.page.Add([]string{s.file("silence.wav", 0), s.file("Gespräch mit dem Hafenmeister.mp3", 9*time.Minute)})
				s.state("Gespräch mit dem Hafenmeister.mp3", store.Complete)
				s.model.heard = ""
				s.UntilShown("Transcripts", "9 min · into English · today", "No words were recognized.", "Welcome to the show.", "today")
				s.Shot(name("list"))
				s.page.open(3)
				s.Expect("9 min · German, translated to English · whisper base")
				s.Shot(name("translated"))
				s.page.open(1)
				s.Expect("Podcast with a boat builder.flac", "12 min · English · whisper base", "0:00", "0:10", "My guest has built four of them.", "Find", "Copy all", "Export", "More", "Play")
				s.page.View.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
				s.Shot(name("transcript"))
				s.page.View.PlayFrom(20 * time.Second)
				s.Until("the sound", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.speaker != nil })
				s.speaker.to(2500 * time.Millisecond)
				s.UntilShown("0:22", "Pause")
				s.Shot(name("playing"))
				s.page.View.PlayPause()
				s.page.View.Find()
				s.page.View.finder.entry.SetText("THE")
				s.Expect("2 of 120", "Previous", "Next")
				s.Shot(name("find"))
				s.page.View.finder.entry.SetText("zebra")
				s.Expect("Nothing found")
				s.page.View.Escape()
				s.page.View.list.edit(2)
				s.Shot(name("edit"))
				s.page.View.Escape()
				s.Tap("Export")
				s.Expect("Subtitles (SubRip) .srt", "Markdown .md", "Lyrics (LRC) .lrc")
				s.Shot(name("export"))
				s.Win.Canvas().Overlays().Top().Hide()
				s.Win.Resize(fyne.NewSize(480, 760))
				s.page.View.Find()
				s.page.View.finder.entry.SetText("boat")
				s.Shot(name("transcript-narrow"))
				s.page.View.Escape()
				s.page.View.list.edit(2)
				s.Shot(name("edit-narrow"))
				s.page.View.tell("It can't be played. " + problem.Text(mic.ErrNoSpeaker))
				s.Shot(name("silent-narrow"))
				s.Tap("More")
				s.Expect("Rename…", "Transcribe again", "Show the file", "Delete")
				s.Win.Canvas().Overlays().Top().Hide()
				s.page.View.others().Items[3].Action()
				s.Expect("“Podcast with a boat builder.flac” is deleted.", "Undo")
				s.Shot(name("deleted"))
				s.Win.Resize(fyne.NewSize(944, 704))
				s.Tap("Undo")
				s.UntilShown("Welcome to the show.")
			})
			t.Run("long", func(t *testing.T) {
				s := newStage(t, mode, nil)
				long := fill(t, s.store, 10_000)
				began := time.Now()
				s.page.open(long)
				opened := time.Since(began)
				s.page.View.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEnd})
				s.Expect("10:09:")
				s.Shot(name("long"))
				began = time.Now()
				s.page.View.Find()
				s.page.View.finder.entry.SetText("mayor")
				t.Logf("ten thousand segments open in %v, are searched in %v", opened, time.Since(began))
				if opened > 3*time.Second && !testing.Short() {
					t.Errorf("ten thousand segments open in %v", opened)
				}
			})
		})
	}
}

// fill adds a transcript of that many segments to a store.
func fill(t *testing.T, s *store.Store, n int) int64 {
	t.Helper()
	tr, err := s.AddTranscript(store.Transcript{Path: "/home/ada/Recordings/conference day.flac", Title: "conference day.flac", State: store.Complete, Language: "en", Length: time.Duration(n) * 3660 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	var list []store.Segment
	for i := range n {
		at := time.Duration(i) * 3660 * time.Millisecond
		list = append(list, store.Segment{Start: at, End: at + 3*time.Second, Text: strings.TrimSpace(fmt.Sprintf("%s %d", said[i%len(said)], i))})
	}
	if err := s.AddSegments(tr.ID, list...); err != nil {
		t.Fatal(err)
	}
	return tr.ID
}
