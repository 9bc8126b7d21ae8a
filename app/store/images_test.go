package store

import (
	"bytes"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// files returns the number of stored files of images.
func files(t *testing.T, s *Store) (n int) {
	t.Helper()
	if err := s.db.QueryRow(`SELECT count(*) FROM images`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// names returns the names of images.
func names(list []Image) (names []string) {
	for _, m := range list {
		names = append(names, m.Name)
	}
	return names
}

// An image goes from a draft into a message, stays with it over a restart and in the trash, and is removed with the last message that
// has it.
func TestImages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	s := must(Open(path))(t)
	c, other := must(s.New())(t), Conversation{}
	a, b := NewImage("a.png", 3, 2, []byte("picture a")), NewImage("b \xff.png", 5, 4, []byte("picture b"))
	if err := errors.Join(s.Attach(c.ID, b, a), s.Attach(c.ID, a)); err != nil {
		t.Fatal(err)
	}
	if other = must(s.New())(t); other.ID == c.ID {
		t.Error("a conversation with images in its draft counts as empty")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = must(Open(path))(t)
	defer s.Close()
	c = must(s.Conversation(c.ID))(t)
	if got := names(c.Images); !slices.Equal(got, []string{"b \ufffd.png", "a.png"}) || c.Images[1].Width != 3 || c.Images[1].Height != 2 {
		t.Fatalf("the images of the draft are %+v", c.Images)
	}
	first := must(s.Append(Message{Conversation: c.ID, Role: User, Images: []Image{a, b}}))(t)
	if got := must(s.Conversation(c.ID))(t); len(got.Images) != 0 || got.Title != "a.png" {
		t.Errorf("after the message was sent, the draft is %+v", got)
	}
	if got := must(s.Messages(c.ID))(t); !slices.Equal(names(got[0].Images), []string{"a.png", "b \ufffd.png"}) || got[0].Images[0].Hash != a.Hash {
		t.Errorf("the message is %+v", got)
	}
	var text strings.Builder
	exported := must(s.Export(c.ID, strings.ToUpper, "a folder", &text))(t)
	if len(exported) != 2 || exported[1].File != "2-b \ufffd.png" || !strings.Contains(text.String(), "## You\n\n![a.png](<a folder/1-a.png>)\n\n![b \ufffd.png](<a folder/2-b \ufffd.png>)\n") {
		t.Errorf("exported as %+v:\n%s", exported, text.String())
	}
	edited := must(s.Edit(first.ID, "only one", Image{Hash: a.Hash, Name: a.Name}))(t)
	if len(edited.Images) != 1 || len(must(s.Other(edited.ID, -1))(t).Images) != 2 {
		t.Errorf("the edited message is %+v", edited)
	}
	must(s.Append(Message{Conversation: other.ID, Role: User, Content: "shared", Images: []Image{a}}))(t)
	if data := must(s.Picture(a.Hash))(t); !bytes.Equal(data, a.Data) || files(t, s) != 2 {
		t.Errorf("%q is stored, in %d files", data, files(t, s))
	}
	if err := errors.Join(s.Delete(c.ID), s.Purge(time.UnixMilli(0))); err != nil || files(t, s) != 2 {
		t.Errorf("in the trash: %v, %d files", err, files(t, s))
	}
	if err := s.Erase(Trashed{ID: c.ID}); err != nil || files(t, s) != 1 {
		t.Errorf("after one of two conversations was deleted for good: %v, %d files", err, files(t, s))
	}
	if data := must(s.Picture(a.Hash))(t); !bytes.Equal(data, a.Data) {
		t.Errorf("the shared image is %q", data)
	}
	if err := errors.Join(s.Delete(other.ID), s.Purge(time.UnixMilli(math.MaxInt64/2))); err != nil || files(t, s) != 0 {
		t.Errorf("after both were: %v, %d files", err, files(t, s))
	}
}

// What can't be stored is refused, and changes nothing.
func TestImagesRefused(t *testing.T) {
	s := memory(t)
	c := must(s.New())(t)
	m := NewImage("", 1, 1, []byte("x"))
	if err := s.Attach(c.ID+1, m); !errors.Is(err, ErrNotFound) || files(t, s) != 0 {
		t.Errorf("no such conversation: %v, %d files", err, files(t, s))
	}
	if _, err := s.Append(Message{Conversation: c.ID, Role: User, Content: "lost", Images: []Image{m, {Hash: "unknown"}}}); err == nil || files(t, s) != 0 {
		t.Errorf("an image without a file: %v, %d files", err, files(t, s))
	}
	if got := must(s.Messages(c.ID))(t); len(got) != 0 {
		t.Errorf("stored is %+v", got)
	}
	if _, err := s.Picture(m.Hash); !errors.Is(err, ErrNotFound) {
		t.Errorf("an image that is not stored: %v", err)
	}
	if err := errors.Join(s.Attach(c.ID, m), s.Delete(c.ID)); err != nil || len(must(s.Trash())(t)) != 1 {
		t.Errorf("a draft of one image in the trash: %v", err)
	}
	if err := errors.Join(s.Restore(c.ID), s.Detach(c.ID, m.Hash)); err != nil || files(t, s) != 0 {
		t.Errorf("after it was removed: %v, %d files", err, files(t, s))
	}
	if err := s.Attach(c.ID, m); err != nil {
		t.Fatal(err)
	}
	must(s.db.Exec(`UPDATE images SET data = 'y'`))(t)
	if _, err := s.Picture(m.Hash); !errors.Is(err, ErrImageDamaged) {
		t.Errorf("a damaged image: %v", err)
	}
}
