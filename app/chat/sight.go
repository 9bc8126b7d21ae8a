package chat

import (
	"fmt"
	"slices"

	"fyne.io/fyne/v2"

	"soberano/app/host"
	"soberano/app/problem"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/models/registry"
)

// The sizes at which images are shown: in the draft, alone in a message, and beside others in a message.
var (
	draftPicture  = fyne.NewSize(64, 64)
	singlePicture = fyne.NewSize(380, 300)
	severalOf     = fyne.NewSize(200, 160)
)

// largeSide is the number of pixels to which an image is scaled down that is shown by itself.
const largeSide = 2400

// picture returns an image that is loaded in the background and, when it is clicked, shown by itself.
func (s *Screen) picture(m store.Image, most fyne.Size) *ui.Picture {
	p := ui.NewPicture(m.Width, m.Height, most, func() { s.enlarge(m) })
	if small := s.thumbnails.get(m.Hash); small != nil {
		p.Set(small)
		return p
	}
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		small, err := s.pictures.scaled(m.Hash, m.Data, thumbnailSide)
		s.Post(func() {
			if err != nil {
				p.SetWords("This image can't be read.")
				return
			}
			s.thumbnails.add(m.Hash, small)
			p.Set(small)
		})
	}()
	return p
}

// enlarge shows an image by itself.
func (s *Screen) enlarge(m store.Image) {
	conversation := s.conversation.ID
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		large, err := s.pictures.scaled(m.Hash, m.Data, largeSide)
		data := m.Data
		if err == nil && data == nil {
			data, err = s.Store.Picture(m.Hash)
		}
		s.Post(func() {
			if err != nil {
				s.noticeIn(conversation, ui.Problem{Title: "The image can't be shown.", Why: problem.Text(err)})
				return
			}
			s.ShowPicture(caption(m), large, data)
		})
	}()
}

// inBubble returns the images of a message, and the width that they take side by side; nil if it has none.
func (s *Screen) inBubble(list []store.Image) (o fyne.CanvasObject, width float32) {
	if len(list) == 0 {
		return nil, 0
	}
	const gap = 8
	most := singlePicture
	if len(list) > 1 {
		most = severalOf
	}
	row := &fyne.Container{Layout: &ui.Wrap{Gap: gap}}
	for _, m := range list {
		p := s.picture(m, most)
		row.Add(p)
		width += p.MinSize().Width + gap
	}
	return row, width - gap
}

// heightOf estimates the height of the images of a message.
func heightOf(list []store.Image) float32 {
	switch len(list) {
	case 0:
		return 0
	case 1:
		return ui.Fitted(list[0].Width, list[0].Height, singlePicture).Height + 6
	}
	return severalOf.Height*float32((len(list)+1)/2) + 6
}

// sight is what is known about whether the chosen model can see images.
type sight struct {
	of    string // the name of the model
	known bool
	host.Sight
}

// hasImages reports whether the message that is being written, or one of the open conversation, has images.
func (s *Screen) hasImages() bool {
	return len(s.images.of[s.conversation.ID]) > 0 || slices.ContainsFunc(s.messages, func(m store.Message) bool { return len(m.Images) > 0 })
}

// sightWords says, where there are images, why the chosen model can't see them. What is not known yet is found out in the background.
func (s *Screen) sightWords() string {
	status := s.Runner.Status()
	if status.Phase != Ready || !s.hasImages() || s.Look == nil {
		return ""
	}
	if s.sight.of != status.Entry.Name {
		s.sight = sight{of: status.Entry.Name}
		s.look(status.Entry)
	}
	if !s.sight.known || s.sight.Projector != "" {
		return ""
	}
	words := problem.OfSight(s.sight.Sight, status.Entry.Title).Text()
	return fmt.Sprintf("%s The images are kept, and text is answered without them.", words)
}

// look finds out whether a model can see images.
func (s *Screen) look(e registry.Entry) {
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		found := s.Look(e)
		s.Post(func() {
			if s.sight.of == e.Name {
				s.sight = sight{e.Name, true, found}
				s.showRemark()
			}
		})
	}()
}

// LookAgain is called when a projector was added to a model.
func (s *Screen) LookAgain() {
	s.sight = sight{}
	s.showRemark()
}
