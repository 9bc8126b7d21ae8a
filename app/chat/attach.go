package chat

import (
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"

	"soberano/app/problem"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/models"
)

// File is a file that is to be attached to a message.
type File struct {
	Path string
	Name string // what is shown; "": the image has no name
	Data []byte // its content; nil: it is read from Path
}

// mostFile is the largest file of an image that is attached, in bytes.
const mostFile = 64 << 20

// attached is an image of a draft.
type attached struct {
	store.Image
	stored bool // in the draft of its conversation; otherwise Data holds the file
}

// images are the images of the drafts in this run of the program, by conversation; what they were before is in the store.
//
//	dropped or pasted ──reading──▶ attached ──▶ stored in the draft ──Enter──▶ in the message
//	                                   ╰──Remove──▶ gone
//
// A message that is sent while files are being read waits for them.
type images struct {
	of      map[int64][]*attached
	reading map[int64]int  // number of files
	send    map[int64]bool // the message is sent when they have been read
	early   []File         // attached while no conversation was open
}

func newImages() images {
	return images{map[int64][]*attached{}, map[int64]int{}, map[int64]bool{}, nil}
}

// Attach reads image files and adds them to the message that is being written.
func (s *Screen) Attach(files ...File) {
	id := s.conversation.ID
	if id == 0 || s.hold.on {
		s.images.early = append(s.images.early, files...)
		return
	}
	s.images.reading[id] += len(files)
	s.showImages()
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		for _, f := range files {
			m, small, err := s.read(f)
			s.Post(func() { s.addImage(id, f, m, small, err) })
		}
	}()
}

// read reads and decodes an image file.
func (s *Screen) read(f File) (m store.Image, small image.Image, err error) {
	if f.Data == nil {
		if f.Data, err = readFile(f.Path); err != nil {
			return m, nil, err
		}
	}
	m = store.NewImage(f.Name, 0, 0, f.Data)
	whole, err := s.pictures.get(m.Hash, m.Data)
	if err != nil {
		return m, nil, err
	}
	m.Width, m.Height = whole.Width, whole.Height
	small, err = s.pictures.scaled(m.Hash, m.Data, thumbnailSide)
	return m, small, err
}

// readFile reads a file, which must not be larger than mostFile.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostFile+1))
	if err == nil && len(data) > mostFile {
		err = &problem.Problem{Code: problem.PictureLarge, Args: problem.Args{File: path, Free: mostFile}}
	}
	return data, err
}

// addImage adds an image to the draft of a conversation after it was read.
func (s *Screen) addImage(conversation int64, f File, m store.Image, small image.Image, err error) {
	if s.images.reading[conversation]--; s.images.reading[conversation] == 0 {
		delete(s.images.reading, conversation)
	}
	send := s.images.send[conversation] && s.images.reading[conversation] == 0
	if err != nil {
		delete(s.images.send, conversation)
		s.unreadable(conversation, f, err)
		s.showImages()
		return
	}
	s.thumbnails.add(m.Hash, small)
	s.sight = sight{} // a projector may lie beside the model since
	s.sayAttached(conversation, f, m)
	s.attach(conversation, m)
	if send {
		delete(s.images.send, conversation)
		if conversation == s.conversation.ID {
			s.Send()
		}
	}
}

// sayAttached says that an image with the same content is attached already, if one is.
func (s *Screen) sayAttached(conversation int64, f File, m store.Image) {
	list := s.images.of[conversation]
	at := slices.IndexFunc(list, func(a *attached) bool { return a.Hash == m.Hash })
	if at < 0 {
		return
	}
	p := ui.Problem{Title: f.title() + " is attached already."}
	if other := list[at].Name; other != "" && other != f.Name {
		p.Why = "It has the same content as " + models.Printable(other) + "."
	}
	s.noticeIn(conversation, p)
}

// title is how a message names the file.
func (f File) title() string {
	if f.Name == "" {
		return "The image in the clipboard"
	}
	return models.Printable(f.Name)
}

// unreadable says why an image can't be attached.
func (s *Screen) unreadable(conversation int64, f File, err error) {
	wrong := problem.OfFile(f.Path, err)
	s.noticeIn(conversation, ui.Problem{Title: f.title() + " can't be attached.", Why: wrong.Text()})
}

// attach adds images to the draft of a conversation, and stores them there. Those that it has already stay as they are.
func (s *Screen) attach(conversation int64, list ...store.Image) {
	for _, m := range list {
		have := s.images.of[conversation]
		if has(have, m.Hash) {
			continue
		}
		a := &attached{Image: m}
		s.images.of[conversation] = append(have, a)
		s.storeImage(conversation, a, s.kept)
	}
	s.showImages()
}

// AttachStored adds images of another conversation to the message that is being written.
func (s *Screen) AttachStored(list []store.Image) { s.attach(s.conversation.ID, list...) }

// storeImage stores an image in the draft of its conversation. If that fails it stays here, and is tried again with the other texts.
func (s *Screen) storeImage(conversation int64, a *attached, report func(error)) {
	m := a.Image
	s.Work.Do(func(db *store.Store) error { return db.Attach(conversation, m) }, func(err error) {
		if err == nil || errors.Is(err, store.ErrNotFound) {
			a.stored, a.Data = true, nil
			return
		}
		report(err)
	})
}

// detach removes an image from the draft of the open conversation.
func (s *Screen) detach(a *attached) {
	id := s.conversation.ID
	s.images.of[id] = slices.DeleteFunc(slices.Clone(s.images.of[id]), func(o *attached) bool { return o == a })
	s.Work.Do(func(db *store.Store) error { return db.Detach(id, a.Hash) }, s.kept)
	s.showImages()
}

// takeImages takes the images out of the draft of a conversation, for a message. In the store they stay there until the message is
// stored. The cards about the message are closed.
func (s *Screen) takeImages(conversation int64) (list []store.Image) {
	if conversation == s.conversation.ID {
		s.closeAbout()
	}
	for _, a := range s.images.of[conversation] {
		list = append(list, a.Image)
	}
	s.images.of[conversation] = nil
	s.showImages()
	return list
}

// putImages puts images back into the draft of a conversation, before those that were attached since.
func (s *Screen) putImages(conversation int64, list []store.Image) {
	since := s.images.of[conversation]
	s.images.of[conversation] = nil
	s.attach(conversation, list...)
	for _, a := range since {
		if !has(s.images.of[conversation], a.Hash) {
			s.images.of[conversation] = append(s.images.of[conversation], a)
		}
	}
	s.showImages()
}

// has reports whether an image is attached.
func has(list []*attached, hash string) bool {
	return slices.ContainsFunc(list, func(a *attached) bool { return a.Hash == hash })
}

// openImages shows the images of the draft of a conversation that is opened.
func (s *Screen) openImages(c store.Conversation) {
	if _, known := s.images.of[c.ID]; !known {
		var list []*attached
		for _, m := range c.Images {
			list = append(list, &attached{m, true})
		}
		s.images.of[c.ID] = list
	}
	s.showImages()
}

// attachEarly attaches the files that were dropped while no conversation was open.
func (s *Screen) attachEarly() {
	if files := s.images.early; len(files) > 0 && s.conversation.ID != 0 && !s.hold.on {
		s.images.early = nil
		s.Attach(files...)
	}
}

// showImages shows the images of the open conversation's draft in the composer, and what there is to say about them.
func (s *Screen) showImages() {
	id := s.conversation.ID
	var list []thumb
	for _, a := range s.images.of[id] {
		list = append(list, thumb{s.picture(a.Image, draftPicture), caption(a.Image), func() { s.detach(a) }})
	}
	words := ""
	if n := s.images.reading[id]; n == 1 {
		words = "Reading the image…"
	} else if n > 1 {
		words = fmt.Sprintf("Reading %d images…", n)
	}
	if words != "" && s.images.send[id] {
		words += " The message is sent then."
	}
	s.Composer.SetImages(list, words)
	s.showRemark()
	s.keepFocus()
}

// caption returns the name of an image, or its size if it has none.
func caption(m store.Image) string {
	if m.Name != "" {
		return models.Printable(filepath.Base(m.Name))
	}
	return fmt.Sprintf("%s × %s", grouped(m.Width), grouped(m.Height))
}

// waitForImages makes the message wait for the files that are being read; it returns false if there are none.
func (s *Screen) waitForImages() bool {
	id := s.conversation.ID
	if s.images.reading[id] == 0 {
		return false
	}
	s.images.send[id] = true
	s.showImages()
	return true
}

// unstoredImages reports whether there are images that could not be stored.
func (s *Screen) unstoredImages() bool {
	for _, list := range s.images.of {
		if slices.ContainsFunc(list, func(a *attached) bool { return !a.stored }) {
			return true
		}
	}
	return false
}

// storeImages tries once more to store the images that could not be stored.
func (s *Screen) storeImages(report func(error)) {
	for id, list := range s.images.of {
		for _, a := range list {
			if !a.stored {
				s.storeImage(id, a, report)
			}
		}
	}
}
