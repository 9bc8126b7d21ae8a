package chat

import (
	"slices"

	"soberano/app/problem"
	"soberano/app/store"
	"soberano/engine"
)

// place is where an image belongs in a request.
type place struct {
	message int // number of the message
	hash    string
}

// blinded reports whether the model can't see the images of messages, of which the last is the question. The error says why it can't,
// if the question is nothing but images.
func (j *job) blinded(messages []store.Message, st Status) (bool, error) {
	if !slices.ContainsFunc(messages, func(m store.Message) bool { return len(m.Images) > 0 }) {
		return false, nil
	}
	if j.sight == nil {
		return true, nil
	}
	s := j.sight(st.Entry)
	if s.Projector != "" {
		return false, nil
	}
	if q := messages[len(messages)-1]; q.Role == store.User && q.Content == "" {
		wrong := problem.OfSight(s, st.Entry.Title)
		return true, &wrong
	}
	return true, nil
}

// images returns the images of a request.
func (j *job) images(places []place) (list []engine.Attachment, err error) {
	for _, p := range places {
		m, err := j.picture(p.hash)
		if err != nil {
			return nil, err
		}
		list = append(list, engine.Attachment{Message: p.message, Image: m})
	}
	return list, nil
}
