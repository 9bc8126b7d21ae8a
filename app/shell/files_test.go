package shell

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"soberano/app/settings"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/asr"
	"soberano/asr/audio"
)

// wav creates a recording of silence.
func wav(t *testing.T, name string, length time.Duration) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(audio.WriteWAV(f, asr.SampleRate, make([]float32, int(length.Seconds()*asr.SampleRate))), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A recording dropped on any page is transcribed, and a model dropped with it goes to the library.
func TestDropRecordings(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol, base)
		s.dress(m)
		s.fill()
		s.ready()
		memo := wav(t, "voice memo.wav", 6*time.Second)
		s.dropped([]fyne.URI{fileURI(memo), fileURI("/models/Qwen3-4B.gguf")})
		s.q.until(t, "the model's card", func() bool { return strings.Contains(s.words(), "Checking 64%") })
		s.tap("Cancel")
		s.side.files.OnTapped()
		s.q.until(t, "the words", func() bool { return strings.Contains(s.words(), "And so, my fellow Americans.") })
		s.expect(s.shot("transcribe-shell-"+string(m)), "Transcribe files", "Back to the chat", "voice memo.wav", "6 s")
		s.escape()
		if s.page != chatPage {
			t.Errorf("Escape leads to %s", s.page)
		}
		s.win.Canvas().Unfocus()
		s.dropped([]fyne.URI{fileURI(memo)})
		s.q.until(t, "the second transcript", func() bool {
			return s.page == filesPage && strings.Count(s.words(), "voice memo.wav") == 2 && s.files.Waiting() == 0
		})
		list, err := s.store.Transcripts()
		if err != nil || len(list) != 2 || list[0].State != store.Complete {
			t.Fatalf("%+v, %v", list, err)
		}
		s.win.Resize(fyne.NewSize(480, 760))
		s.shot("transcribe-shell-narrow-" + string(m))
	})
}

// On the Transcribe page, files that are neither recordings nor models are named there, and the page stays. Files that are named
// like models are reported on the Models page.
func TestDropStrays(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol, base)
		s.dress(m)
		s.ready()
		stray := func(name string) fyne.URI {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, []byte("Dear Ada"), 0o600); err != nil {
				t.Fatal(err)
			}
			return fileURI(path)
		}
		memo := wav(t, "memo.wav", time.Second)
		drop := func(uris ...fyne.URI) {
			s.dropped(uris)
			s.sorting.Wait()
			s.q.settle()
		}
		drop(fileURI(memo), stray("words.txt"), fileURI(t.TempDir()))
		if s.page != filesPage {
			t.Fatalf("shown is %s", s.page)
		}
		s.q.until(t, "the transcript", func() bool { return !strings.Contains(s.words(), "In the queue") })
		s.expect(s.shot("stray-"+string(m)), "“words.txt” is not a recording.", "” holds no recording and no model.", "Documents can't be read yet.", "memo.wav")
		drop(stray("words.txt"))
		s.expect(s.words(), "“words.txt” is not a recording.")
		drop(stray("a.txt"), stray("b.txt"), stray("c.txt"), stray("d.txt"), stray("e.txt"))
		s.expect(s.words(), "“a.txt”, “b.txt”, “c.txt” and 2 more are not recordings.")
		drop(fileURI(memo))
		if strings.Contains(s.words(), "not a recording") {
			t.Error("it is said for ever")
		}
		s.q.until(t, "the transcript", func() bool { return !strings.Contains(s.words(), "In the queue") })
		list, err := s.store.Transcripts()
		if err != nil {
			t.Fatal(err)
		}
		s.tapTranscript(list[0].ID)
		drop(stray("words.txt"))
		s.expect(s.words(), "“words.txt” is not a recording.", "Copy all")
		if s.page != filesPage {
			t.Errorf("shown is %s", s.page)
		}
		drop(stray("words.gguf"))
		if s.page != modelsPage {
			t.Errorf("of what is called a model %s says what it is", s.page)
		}
		drop(stray("words.txt"))
		s.q.until(t, "the library's word", func() bool { return strings.Contains(s.words(), "words.txt") })
		if s.page != modelsPage {
			t.Errorf("shown is %s", s.page)
		}
	})
}

// A dropped folder stands for the recordings in it and in its subfolders; one without any is said to have none.
func TestDropFolders(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	dir := t.TempDir()
	sub, empty := filepath.Join(dir, "sub", "deeper"), filepath.Join(dir, "emptydir")
	for _, d := range []string{sub, empty} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{wav(t, "top.wav", time.Second): dir, wav(t, "below.wav", time.Second): sub} {
		if err := os.Rename(from, filepath.Join(to, filepath.Base(from))); err != nil {
			t.Fatal(err)
		}
	}
	drop := func(path string) {
		s.dropped([]fyne.URI{fileURI(path)})
		s.sorting.Wait()
		s.q.settle()
	}
	drop(empty)
	s.expect(s.words(), "“emptydir” holds no recording and no model.")
	if s.page != chatPage {
		t.Errorf("shown is %s", s.page)
	}
	drop(dir)
	s.q.until(t, "the recordings", func() bool { return strings.Contains(s.words(), "top.wav") && strings.Contains(s.words(), "below.wav") })
	drop(empty)
	s.expect(s.words(), "“emptydir” holds no recording and no model.", "top.wav")
	if s.page != filesPage {
		t.Errorf("shown is %s", s.page)
	}
}

// A document that is dropped is said to be one that can't be read yet, on the page on which it was dropped; nothing else
// happens.
func TestDropDocuments(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol, base)
		s.dress(m)
		s.ready()
		dir := t.TempDir()
		write := func(name, content string) fyne.URI {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			return fileURI(path)
		}
		const zip = "PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00"
		for _, page := range []string{chatPage, modelsPage, settingsPage} {
			for name, content := range map[string]string{"report.pdf": "%PDF-1.7\n", "letter.docx": zip + "[Content_Types].xml", "sums.ods": zip + "mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
				"old.doc": "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "notes.rtf": "{\\rtf1", "notes.txt": "Dear Ada"} {
				s.show(page)
				s.dropped([]fyne.URI{write(name, content)})
				s.sorting.Wait()
				s.q.settle()
				s.expect(s.words(), "“"+name+"” can't be read.", "Documents can't be read yet.")
				if s.page != page || strings.Contains(s.words(), "GGUF form") {
					t.Errorf("%s on %s leads to %s:\n%s", name, page, s.page, s.words())
				}
				s.tap("Close")
			}
		}
		s.show(chatPage)
		s.dropped([]fyne.URI{write("report.pdf", "%PDF-1.7\n"), write("b.pdf", "%PDF-1.7\n")})
		s.sorting.Wait()
		s.q.settle()
		s.expect(s.shot("drop-document-"+string(m)), "“report.pdf” and “b.pdf” can't be read.", "Copy the text that you need and paste it into a message.")
		s.dropped([]fyne.URI{write("memo.wav", "RIFF\x24\x00\x00\x00WAVEfmt "), write("Qwen3-4B.gguf", "GGUF\x03\x00\x00\x00"), write("letter.pdf", "%PDF-1.7\n")})
		s.sorting.Wait()
		s.q.settle()
		s.expect(s.words(), "letter.pdf", "Documents can't be read yet.")
		s.show(filesPage)
		s.dropped([]fyne.URI{write("note.md", "# A note"), write("empty", ""), fileURI(filepath.Join(dir, "gone")), write("data", "\x00\x01\x02")})
		s.sorting.Wait()
		s.q.settle()
		s.expect(s.words(), "“note.md”, “empty”, “gone” and 1 more are not recordings.", "“note.md”: Documents can't be read yet.", "“empty”: The file is empty.", "“gone”: The file is not there.")
	})
}

// The choices for recordings are kept, also when other settings change.
func TestFilesChoices(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.show(filesPage)
	filesFrame{frame{s.Shell}}.SetLanguage("de")
	s.walk(func(o fyne.CanvasObject) {
		if c, ok := o.(*ui.Check); ok && c.Label == "Translate to English" {
			c.Tapped(nil)
		}
	})
	s.change(settings.Values{Theme: ui.Dark})
	v, err := settings.Load(s.Data)
	if err != nil || v.FilesLanguage != "de" || !v.FilesTranslate || v.Theme != ui.Dark {
		t.Errorf("kept %+v, %v", v, err)
	}
	s.files.Add([]string{wav(t, "a.wav", time.Second)})
	list, err := s.store.Transcripts()
	if err != nil || len(list) != 1 || !list[0].Translate || list[0].Asked != "de" {
		t.Errorf("in the queue: %+v, %v", list, err)
	}
}

// Ctrl+T shows the page, Ctrl+F finds in an opened transcript, Escape goes back step by step.
func TestTranscribeKeys(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	press := func(k fyne.KeyName) {
		s.shortcut(&desktop.CustomShortcut{KeyName: k, Modifier: fyne.KeyModifierShortcutDefault})
	}
	press(fyne.KeyT)
	if s.page != filesPage {
		t.Fatalf("Ctrl+T shows %s", s.page)
	}
	s.files.Add([]string{wav(t, "a.wav", time.Second)})
	s.q.until(t, "the transcript", func() bool { return strings.Contains(s.words(), "today") })
	list, err := s.store.Transcripts()
	if err != nil {
		t.Fatal(err)
	}
	s.files.View.PlayPause() // no transcript is open, so nothing happens
	s.tapTranscript(list[0].ID)
	s.expect(s.words(), "Ask not.", "Copy all")
	press(fyne.KeyF)
	s.expect(s.words(), "Previous")
	s.escape()
	s.escape()
	s.expect(s.words(), "Drop audio or video files", "Transcripts")
	if s.win.Canvas().Focused() != nil {
		t.Error("what is out of sight has the keyboard")
	}
	s.escape()
	if s.page != chatPage {
		t.Errorf("three times Escape leads to %s", s.page)
	}
}

// tapTranscript opens a transcript like a tap on its row.
func (s *stage) tapTranscript(id int64) {
	s.t.Helper()
	var found fyne.Tappable
	s.walk(func(o fyne.CanvasObject) {
		if f, ok := o.(interface {
			fyne.Tappable
			Transcript() int64
		}); ok && f.Transcript() == id {
			found = f
		}
	})
	if found == nil {
		s.t.Fatalf("transcript %d is not listed:\n%s", id, s.words())
	}
	found.Tapped(&fyne.PointEvent{})
}

// A model is chosen while the goroutine that transcribes reads the settings; the race detector finds an access without the lock.
func TestChooseModelWhileSettingsAreRead(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			files := filesFrame{frame{s.Shell}}
			files.Words()
			files.Language()
			files.Translate()
		}
	}()
	s.use(base)
	s.use(smol)
	<-done
	s.q.settle()
}

// Of several things that are dropped together, each that can't be opened is told, on the page that is shown at last.
func TestDropTogether(t *testing.T) {
	s := newStageOf(t, "", true, smol, base)
	s.ready()
	s.q.until(t, "the first chat", func() bool { return s.chat.Conversation() != 0 })
	dir := t.TempDir()
	write := func(name, content string) fyne.URI {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
		return fileURI(path)
	}
	settled := func() {
		s.sorting.Wait()
		s.q.until(t, "the end", func() bool { return len(s.q) == 0 })
		s.flush()
		s.q.settle()
	}
	memo := fileURI(wav(t, "memo.wav", time.Second))
	s.dropped([]fyne.URI{write("empty", ""), memo})
	settled()
	s.q.until(t, "the recording", func() bool { return strings.Contains(s.words(), "memo.wav") })
	s.expect(s.words(), "“empty” is not a recording.", "The file is empty.")
	write("texts/a.txt", "Dear Ada")
	s.dropped([]fyne.URI{memo, write("broken.gguf", "GGUF"), fileURI(filepath.Join(dir, "texts"))})
	settled()
	s.expect(s.words(), "“texts” holds no recording and no model.")
}
