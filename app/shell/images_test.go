package shell

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"soberano/app/host"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/ui/uitest"
	"soberano/engine"
)

// photo writes a picture that differs with its name, and returns its path.
func photo(t *testing.T, dir, name string, width, height int) string {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.Set(x, y, color.RGBA{byte(200 * x / width), byte(40*len(name) + 120*y/height), byte(90 + 30*(x/20%2)), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return written(t, dir, name, b.Bytes())
}

func written(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// dropFiles drops files on the window.
func (s *stage) dropFiles(paths ...string) {
	s.t.Helper()
	var uris []fyne.URI
	for _, p := range paths {
		uris = append(uris, fileURI(p))
	}
	s.dropped(uris)
	s.sorting.Wait()
	s.q.settle()
}

// attached waits until the message that is being written has so many images.
func (s *stage) attached(n int) {
	s.t.Helper()
	s.q.until(s.t, fmt.Sprintf("%d images", n), func() bool { return s.removes() == n && !strings.Contains(s.words(), "Reading") })
}

// removes returns the number of buttons that remove an image.
func (s *stage) removes() (n int) {
	s.walk(func(o fyne.CanvasObject) {
		if b, ok := o.(*ui.Button); ok && b.Label == "Remove" {
			n++
		}
	})
	return n
}

// pictures returns the images that are shown, in their order.
func (s *stage) pictures() (list []*ui.Picture) {
	s.walk(func(o fyne.CanvasObject) {
		if p, ok := o.(*ui.Picture); ok && p.Shown() != nil {
			list = append(list, p)
		}
	})
	return list
}

// request returns what the model was asked last.
func (s *stage) request() (r engine.Request) {
	for len(s.model.asked) > 0 {
		r = <-s.model.asked
	}
	return r
}

// seeing makes the models see.
func (s *stage) seeing() { s.sight.Store(&host.Sight{Takes: true, Projector: "mmproj.gguf"}) }

// An image that is dropped on the chat stands in the message, goes to the model with it and with every later one, and is still there
// after a restart and when the message is edited.
func TestImages(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		home, dir := t.TempDir(), t.TempDir()
		s := newStage(t, home, smol)
		s.seeing()
		s.dress(m)
		s.ready()
		s.dropFiles(photo(t, dir, "Fjord über.png", 300, 200), photo(t, dir, "b.png", 40, 90))
		s.attached(2)
		s.expect(s.shot("images-draft-"+string(m)), "Fjord über.png", "b.png", "Remove")
		s.send("What is this?")
		s.answer("A fjord.")
		r := s.request()
		if len(r.Images) != 2 || r.Images[0].Message != 0 || r.Images[0].Image.Width != 300 || r.Images[1].Image.Height != 90 {
			t.Fatalf("the model got %d images: %+v", len(r.Images), r)
		}
		if s.removes() != 0 || len(s.pictures()) != 2 {
			t.Errorf("%d images in the entry, %d shown", s.removes(), len(s.pictures()))
		}
		s.exchange("And where?", "In Norway.")
		s.send("Sure?")
		s.answer("Yes.")
		if r := s.request(); len(r.Images) != 2 || r.Images[1].Message != 0 || len(r.Messages) != 5 {
			t.Errorf("with the third message the model got %d images in %d messages", len(r.Images), len(r.Messages))
		}
		s.shot("images-sent-" + string(m))
		id := s.chat.Conversation()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}

		s = newStage(t, home, smol)
		s.seeing()
		s.dress(m)
		s.ready()
		s.openChat(store.Conversation{ID: id})
		s.q.until(t, "the images", func() bool { return len(s.pictures()) == 2 })
		for range 40 {
			s.win.Canvas().FocusNext()
			if s.win.Canvas().Focused() == fyne.Focusable(s.pictures()[0]) {
				break
			}
		}
		s.press(fyne.KeyReturn, 0)
		s.q.until(t, "the large image", func() bool { return s.win.Canvas().Overlays().Top() != nil })
		s.expect(s.shot("images-large-"+string(m)), "Fjord über.png", "Save a copy", "Close")
		s.press(fyne.KeyEscape, 0)
		if s.win.Canvas().Overlays().Top() != nil {
			t.Error("Esc does not close the large image")
		}
		s.chat.Composer.Entry.SetText("a draft")
		s.tapFirst("Edit")
		s.attached(2)
		s.press(fyne.KeyEscape, 0)
		if s.removes() != 0 || s.chat.Composer.Entry.Text != "a draft" {
			t.Errorf("after Esc the draft is %q with %d images", s.chat.Composer.Entry.Text, s.removes())
		}
		s.tapFirst("Edit")
		s.attached(2)
		s.tapFirst("Remove")
		uitest.TypeRunes(s.win.Canvas(), " Tell me.")
		s.press(fyne.KeyReturn, 0)
		s.answer("A fjord, again.")
		if r := s.request(); len(r.Images) != 1 || r.Images[0].Image.Width != 40 || r.Messages[0].Content != "What is this? Tell me." {
			t.Errorf("the edited message had %d images: %+v", len(r.Images), r.Messages)
		}
		s.tapFirst("Try again")
		s.answer("Still a fjord.")
		if r := s.request(); len(r.Images) != 1 {
			t.Errorf("tried again with %d images", len(r.Images))
		}
		s.tap("Earlier message")
		s.q.until(t, "the images of the earlier message", func() bool { return len(s.pictures()) == 2 })
	})
}

// The images of a draft stay with their chat, over a restart too, and are removed by keyboard.
func TestImagesOfDraft(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	s := newStage(t, home, smol)
	s.seeing()
	s.ready()
	one := photo(t, dir, "one.png", 30, 20)
	s.dropFiles(one, photo(t, dir, "two.png", 31, 20))
	s.attached(2)
	s.dropFiles(one)
	s.attached(2) // the same image again
	first := s.chat.Conversation()
	s.newChat("")
	if s.chat.Conversation() == first || s.removes() != 0 {
		t.Errorf("a new chat is chat %d of %d, with %d images", s.chat.Conversation(), first, s.removes())
	}
	s.openChat(store.Conversation{ID: first})
	s.attached(2)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = newStage(t, home, smol)
	s.seeing()
	s.ready()
	s.openChat(store.Conversation{ID: first})
	s.attached(2)
	s.q.until(t, "the images", func() bool { return len(s.pictures()) == 2 })
	s.chat.Focus(s.win.Canvas())
	s.win.Canvas().FocusPrevious() // from the entry to Remove
	if b, ok := s.win.Canvas().Focused().(*ui.Button); !ok || b.Label != "Remove" {
		t.Fatalf("before the entry %T has the focus", s.win.Canvas().Focused())
	}
	uitest.PressKey(s.win.Canvas(), fyne.KeySpace)
	if s.removes() != 1 || s.win.Canvas().Focused() != fyne.Focusable(s.chat.Composer.Entry) || s.chat.Composer.Entry.Text != "" {
		t.Errorf("%d images are left, %T has the focus, the entry holds %q", s.removes(), s.win.Canvas().Focused(), s.chat.Composer.Entry.Text)
	}
	s.expect(s.words(), "one.png")
	s.chat.Send() // an image without words
	s.answer("I see.")
	if r := s.request(); len(r.Images) != 1 || len(r.Messages) != 1 || r.Messages[0].Content != "" {
		t.Errorf("the model got %+v", r)
	}
	c, err := s.store.Conversation(first)
	if err != nil || c.Title != "one.png" || len(c.Images) != 0 {
		t.Errorf("the chat is %+v, %v", c, err)
	}
}

// A message that is sent while its image is being read waits for it.
func TestImagesWait(t *testing.T) {
	s := newStage(t, "", smol)
	s.seeing()
	s.ready()
	s.chat.AttachFiles([]string{photo(t, t.TempDir(), "late.png", 30, 20)}) // that it was read is posted later
	s.send("What is it?")
	if got := s.chat.Composer.Entry.Text; got != "What is it?" || s.chat.Busy() {
		t.Errorf("the entry holds %q, busy: %v", got, s.chat.Busy())
	}
	s.expect(s.words(), "Reading the image… The message is sent then.")
	s.answer("A picture.")
	if r := s.request(); len(r.Images) != 1 || r.Messages[0].Content != "What is it?" {
		t.Errorf("the model got %d images: %+v", len(r.Images), r.Messages)
	}
}

// What a model lacks is said before the message is sent; the text is answered, and the images are kept.
func TestImagesUnseen(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol)
		s.sight.Store(&host.Sight{Takes: true, Made: true, Folder: "/home/ada/models"})
		s.dress(m)
		s.ready()
		dir := t.TempDir()
		s.dropFiles(photo(t, dir, "one.png", 300, 200))
		s.attached(1)
		s.q.until(t, "the remark", func() bool { return strings.Contains(s.words(), "mmproj") })
		s.expect(s.shot("images-unseen-"+string(m)), "SmolLM2 135M sees images only with a second file, which is published with it and whose name begins with “mmproj”. That file is missing.", "/home/ada/models", "text is answered without them")
		s.send("What is it?")
		s.answer("I can't see.")
		if r := s.request(); len(r.Images) != 0 || r.Messages[0].Content != "What is it?" {
			t.Errorf("the model got %+v", r)
		}
		s.expect(s.shot("images-left-out-"+string(m)), "SmolLM2 135M can't see images: this was written without them.")
		s.sight.Store(&host.Sight{})
		s.chat.LookAgain()
		s.q.until(t, "the other remark", func() bool { return strings.Contains(s.words(), "SmolLM2 135M can't see images. Choose") })
		s.dropFiles(photo(t, dir, "two.png", 30, 20))
		s.attached(1)
		s.chat.Send()
		s.q.until(t, "the failure", func() bool { return !s.chat.Busy() })
		s.expect(s.shot("images-alone-"+string(m)), "The images can't be seen.", "Choose another model", "Try again")
		s.seeing()
		s.tap("Try again")
		s.answer("Two pictures.")
		if r := s.request(); len(r.Images) != 2 {
			t.Errorf("the model got %d images", len(r.Images))
		}
	})
}

// A file that is no image which can be read is refused with the reason, wherever it is dropped.
func TestImagesRefused(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	dir := t.TempDir()
	var bomb bytes.Buffer
	bomb.WriteString("\x89PNG\r\n\x1a\n")
	head := append([]byte("IHDR"), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 60000), 60000)...)
	head = append(head, 8, 6, 0, 0, 0)
	bomb.Write(binary.BigEndian.AppendUint32(nil, 13))
	bomb.Write(head)
	bomb.Write(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(head)))
	whole, err := os.ReadFile(photo(t, dir, "whole.png", 300, 200))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content []byte
		why     string
	}{
		"photo.heic": {[]byte("\x00\x00\x00\x20ftypheic\x00\x00\x00\x00mif1heic"), "Images of this kind can't be read."},
		"photo.jpg":  {[]byte("\xff\xd8\xff\xe0"), "The image is damaged"},
		"cut.png":    {whole[:len(whole)/2], "The image is damaged"},
		"bomb.png":   {bomb.Bytes(), "The image has 60000 × 60000 pixels"},
	} {
		for _, page := range []string{chatPage, modelsPage} {
			s.show(page)
			s.dropFiles(written(t, dir, name, c.content))
			s.q.until(t, name, func() bool { return strings.Contains(s.words(), name+" can't be attached.") })
			s.expect(s.words(), c.why)
			if s.page != chatPage || s.removes() != 0 || strings.Contains(s.words(), "Reading") {
				t.Errorf("%s is attached, or %s is shown:\n%s", name, s.page, s.words())
			}
			s.tap("Close")
		}
	}
}

// A card about the message that is being written, such as an image that can't be attached or a document, stands with its chat only,
// and goes when the message is sent or the chat is left. One whose chat was left before the image was read is shown there.
func TestCardsOfOneMessage(t *testing.T) {
	s := newStage(t, "", smol)
	s.fill()
	s.ready()
	dir := t.TempDir()
	refused := []string{"notes.pdf", "photo.heic"}
	document := written(t, dir, refused[0], []byte("%PDF-1.7\n"))
	image := written(t, dir, refused[1], []byte("\x00\x00\x00\x20ftypheic\x00\x00\x00\x00mif1heic"))
	shown := func(want bool, when string) {
		t.Helper()
		for _, name := range refused {
			if words := s.words(); strings.Contains(words, name) != want {
				t.Errorf("%s: %s is shown: %v\n%s", when, name, !want, words)
			}
		}
	}
	drop := func() {
		s.dropFiles(document)
		s.dropFiles(image)
		s.q.until(t, "the cards", func() bool { return strings.Contains(s.words(), refused[0]) && strings.Contains(s.words(), refused[1]) })
	}
	here := store.Conversation{ID: s.chat.Conversation()}
	other := s.side.list.rows[len(s.side.list.rows)-1].hit.Conversation
	drop()
	s.show(settingsPage)
	s.show(chatPage)
	shown(true, "after another page")
	s.openChat(other)
	shown(false, "in another chat")
	s.openChat(here)
	shown(false, "after the chat was left")
	drop()
	s.send("Tell me something")
	shown(false, "after the message was sent")

	s.chat.AttachFiles([]string{image, photo(t, dir, "read after it.png", 30, 20)})
	s.openChat(other)
	s.q.until(t, "the images to be read", func() bool {
		c, err := s.store.Conversation(here.ID)
		return err == nil && len(c.Images) == 1
	})
	shown(false, "in another chat, when the image was read")
	s.openChat(here)
	s.expect(s.words(), refused[1]+" can't be attached.")
}

// However many cards there are, those that are shown fit, and need no scrolling.
func TestCardsFit(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	dir := t.TempDir()
	for i := range 5 {
		name := fmt.Sprintf("photo %d.heic", i)
		s.chat.AttachFiles([]string{written(t, dir, name, []byte("\x00\x00\x00\x20ftypheic\x00\x00\x00\x00mif1heic"))})
		s.q.until(t, name, func() bool { return strings.Contains(s.words(), name) })
	}
	for _, size := range []fyne.Size{fyne.NewSize(1200, 760), fyne.NewSize(1200, 500), fyne.NewSize(640, 400), fyne.NewSize(1200, 1000)} {
		s.win.Resize(size)
		words := s.shot(fmt.Sprintf("cards-%.0fx%.0f", size.Width, size.Height))
		cards := strings.Count(words, "can't be attached.")
		s.expect(words, "photo 4.heic can't be attached.", fmt.Sprintf("%d older messages", 5-cards), "Close all 5")
		s.walk(func(o fyne.CanvasObject) {
			if scroll, ok := o.(*container.Scroll); ok && scroll.Content == s.chat.Panels && scroll.Content.MinSize().Height > scroll.Size().Height {
				t.Errorf("at %v %d cards need %v and get %v", size, cards, scroll.Content.MinSize().Height, scroll.Size().Height)
			}
		})
	}
	s.tap("Close all 5")
	if strings.Contains(s.words(), "can't be attached") {
		t.Errorf("cards stay:\n%s", s.words())
	}
}

// An image in the clipboard, or copied files of images, are attached; other text is text.
func TestPasteImages(t *testing.T) {
	s := newStage(t, "", smol)
	s.seeing()
	s.ready()
	dir := t.TempDir()
	one, two := photo(t, dir, "one and.png", 30, 20), photo(t, dir, "two.png", 31, 20)
	board := s.app.Clipboard()
	paste := func(text string) {
		board.SetContent(text)
		s.chat.Composer.Entry.TypedShortcut(&fyne.ShortcutPaste{Clipboard: board})
	}
	paste((&url.URL{Scheme: "file", Path: one}).String() + "\r\n" + two + "\n")
	s.attached(2)
	s.expect(s.words(), "one and.png", "two.png")
	notes := written(t, dir, "notes.txt", []byte("Dear Ada"))
	paste(notes)
	s.q.until(t, "the path", func() bool { return s.chat.Composer.Entry.Text == notes })
	s.chat.Composer.Entry.SetText("")
	paste("see " + one)
	if got := s.chat.Composer.Entry.Text; got != "see "+one || s.removes() != 2 {
		t.Errorf("pasted is %q, with %d images", got, s.removes())
	}
	s.chat.Composer.Entry.SetText("")
	data, err := os.ReadFile(photo(t, dir, "three.png", 33, 20))
	if err != nil {
		t.Fatal(err)
	}
	s.clipboard = data
	paste("")
	s.attached(3)
	s.expect(s.words(), "33 × 20")
	if data, err = os.ReadFile(photo(t, dir, "four.png", 34, 20)); err != nil {
		t.Fatal(err)
	}
	s.clipboard = data
	paste(string(data[:8])) // a program that gives the image to whoever asks for text
	s.attached(4)
	s.clipboard = nil
	paste("")
	paste("caf\xe9")
	s.q.until(t, "text in another encoding", func() bool { return s.chat.Composer.Entry.Text == "caf\ufffd" })
	s.send("These")
	s.answer("Four.")
	if r := s.request(); len(r.Images) != 4 {
		t.Errorf("the model got %d images", len(r.Images))
	}
}

// What can't be stored stays: an image in the message that is being written, and a message with its image in the entry.
func TestImagesUnstored(t *testing.T) {
	dir := t.TempDir()
	s := newStageOf(t, dir, true, smol)
	s.seeing()
	first, second := s.twoChats(t)
	full := func(table string) {
		s.exec(`CREATE TRIGGER full_` + table + ` BEFORE INSERT ON ` + table + ` BEGIN SELECT RAISE(FAIL, 'the disk is full'); END`)
	}
	full("attachments")
	s.dropFiles(photo(t, dir, "kept.png", 30, 20))
	s.attached(1)
	s.q.until(t, "the notice", func() bool { return strings.Contains(s.words(), "could not be saved.") })
	s.send("What is it?")
	s.q.until(t, "the message to come back", func() bool { return s.chat.Composer.Entry.Text == "What is it?" && s.removes() == 1 })
	s.reopen(t, first)
	if s.removes() != 0 {
		t.Error("the image is in another chat")
	}
	s.reopen(t, second)
	s.attached(1)
	s.flush()
	s.exec(`DROP TRIGGER full_attachments`)
	full("messages")
	s.chat.Send()
	s.q.until(t, "the message to come back again", func() bool { return s.chat.Composer.Entry.Text == "What is it?" && s.removes() == 1 })
	s.flush()
	s.exec(`DROP TRIGGER full_messages`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(filepath.Join(dir, "conversations.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if c, err := db.Conversation(second); err != nil || c.Draft != "What is it?" || len(c.Images) != 1 {
		t.Errorf("stored is %+v, %v", c, err)
	}
}

// Ctrl+I asks for an image, from every page, and shows the chat.
func TestChooseImage(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.show(modelsPage)
	if !s.shortcut(control(fyne.KeyI)) || s.page != chatPage || s.win.Canvas().Overlays().Top() == nil {
		t.Fatalf("on %s no file is asked for", s.page)
	}
	s.dismiss()
}

// Of two images with the same content one is attached, and a notice says so; a drawing in SVG is refused as an image.
func TestImageTwice(t *testing.T) {
	dir := t.TempDir()
	s := newStage(t, t.TempDir(), smol)
	s.seeing()
	s.ready()
	red := photo(t, dir, "red.png", 40, 40)
	content, err := os.ReadFile(red)
	if err != nil {
		t.Fatal(err)
	}
	s.dropFiles(red, written(t, dir, "rouge.png", content), written(t, dir, "x.svg", []byte("<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>")))
	s.attached(1)
	s.expect(s.shot("images-twice"), "is attached already.", "It has the same content as", "x.svg", "Images of this kind can't be read.")
}

// A text with NUL characters, at which Fyne's clipboard ends, is pasted whole without them, at its place.
func TestPasteAfterNUL(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	e := s.chat.Composer.Entry
	for _, c := range []struct{ all, seen, want string }{
		{"one\x00two\x00\x00three", "one", "(onetwothree)"},
		{"one", "one", "(one)"},
		{"another\x00one", "one", "(one)"}, // copied meanwhile
	} {
		e.SetText("()")
		e.SetCaret(1)
		s.clipboardText.Store(c.all)
		s.app.Clipboard().SetContent(c.seen)
		e.TypedShortcut(&fyne.ShortcutPaste{Clipboard: s.app.Clipboard()})
		if !strings.HasPrefix(e.Text, "("+c.seen) {
			t.Errorf("%q: pasted at once is %q", c.all, e.Text)
		}
		s.q.until(t, "the rest of "+c.all, func() bool { return e.Text == c.want })
		s.q.settle()
		if e.Text != c.want {
			t.Errorf("%q: pasted is %q", c.all, e.Text)
		}
	}
}
