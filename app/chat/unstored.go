package chat

import (
	"errors"
	"maps"
	"slices"
	"time"

	"soberano/app/store"
)

// unstored holds the texts that could not be stored, by conversation, until the conversation is opened again or the store accepts
// them.
type unstored struct {
	drafts  map[int64]string // in place of the stored drafts
	sent    map[int64]string // messages, before the drafts
	answers map[int64][]*unstoredAnswer
}

func newUnstored() unstored {
	return unstored{map[int64]string{}, map[int64]string{}, map[int64][]*unstoredAnswer{}}
}

// unstoredAnswer is an answer of which the store has nothing, or less than there is.
type unstoredAnswer struct {
	message store.Message
	stored  bool // for the goroutine of the worker
}

// store stores the answer, unless an earlier call did. It is for the goroutine of the worker.
func (a *unstoredAnswer) store(db *store.Store) (m store.Message, err error) {
	m = a.message
	switch {
	case a.stored:
		return m, nil
	case m.ID != 0:
		err = db.Update(m)
	default:
		m, err = db.Append(m)
	}
	if err == nil || errors.Is(err, store.ErrNotFound) {
		a.stored = true
	}
	return m, err
}

// text returns the text for the entry of a conversation whose stored draft is draft.
func (u unstored) text(conversation int64, draft string) string {
	if d, ok := u.drafts[conversation]; ok {
		draft = d
	}
	return below(u.sent[conversation], draft)
}

// take is text; it removes what it returns.
func (u unstored) take(conversation int64, draft string) string {
	text := u.text(conversation, draft)
	delete(u.drafts, conversation)
	delete(u.sent, conversation)
	return text
}

// below joins two texts with an empty line between them.
func below(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n\n" + b
}

// SaveDraft stores the text of the entry. A draft that could not be stored is tried again at the
// next call.
func (s *Screen) SaveDraft() {
	s.typing.Stop()
	id, text := s.conversation.ID, s.Composer.Entry.Text
	if s.editing != nil {
		text = s.editing.stored(text)
	}
	if p := s.pendingIn(id); p != nil {
		p.rest = text
		text = below(p.text(), text)
	}
	_, failed := s.unstored.drafts[id]
	if id == 0 || text == s.draft && !failed && len(s.unkept[id]) == 0 || s.closed {
		return
	}
	s.draft = text
	if failed {
		s.unstored.drafts[id] = text
	}
	s.storeDraft(id, text)
}

// storeDraft stores the draft of a conversation, or keeps it here if that fails.
func (s *Screen) storeDraft(id int64, text string) {
	kept := s.unkept[id]
	delete(s.unkept, id)
	s.Work.Do(func(db *store.Store) error { return db.Draft(id, text) }, func(err error) {
		delete(s.unstored.drafts, id) // of an earlier call
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			s.unstored.drafts[id] = text
			s.unkept[id] = append(kept, s.unkept[id]...)
		} else {
			callAll(kept)
		}
		s.kept(err)
	})
}

func callAll(list []func()) {
	for _, f := range list {
		f()
	}
}

// putBack puts a message that could not be stored back into the entry of its conversation, before
// what was written since.
func (s *Screen) putBack(m store.Message) {
	s.putImages(m.Conversation, m.Images)
	if m.Conversation != s.conversation.ID {
		s.unstored.sent[m.Conversation] = below(s.unstored.sent[m.Conversation], m.Content)
		return
	}
	if s.editing != nil {
		s.editing.draft = below(m.Content, s.editing.draft)
		s.SaveDraft()
		return
	}
	s.Composer.Entry.SetText(below(m.Content, s.Composer.Entry.Text))
	s.Composer.Entry.ToEnd()
}

// storeAnswers tries once more to store the answers of a conversation; report gets the errors.
func (s *Screen) storeAnswers(conversation int64, report func(error)) {
	for _, a := range slices.Clone(s.unstored.answers[conversation]) {
		store.Ask(s.Work, a.store, func(m store.Message, err error) {
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				report(err)
				return
			}
			list := s.unstored.answers[conversation]
			i := slices.Index(list, a)
			if i < 0 {
				return // an earlier call has stored it
			}
			s.unstored.answers[conversation] = slices.Delete(list, i, i+1)
			if conversation == s.conversation.ID && m.ID != 0 {
				s.put(m)
			}
		})
	}
}

// StoreAll stores the draft, and tries once more to store what could not be.
func (s *Screen) StoreAll() {
	s.SaveDraft()
	s.storeAgain(s.kept)
}

// Unstored reports whether there is something that could not be stored.
func (s *Screen) Unstored() bool {
	for _, list := range s.unstored.answers {
		if len(list) > 0 {
			return true
		}
	}
	return len(s.unstored.drafts)+len(s.unstored.sent) > 0 || s.unstoredImages()
}

// storeAgain tries once more to store what could not be: answers, and other texts as drafts; report gets the errors.
func (s *Screen) storeAgain(report func(error)) {
	for id := range s.unstored.answers {
		s.storeAnswers(id, report)
	}
	ids := map[int64]bool{}
	for id := range s.unstored.drafts {
		ids[id] = true
	}
	for id := range s.unstored.sent {
		ids[id] = true
	}
	for id := range ids {
		s.storeTexts(id, report)
	}
	s.storeImages(report)
}

// storeTexts stores the draft and the messages of a conversation that could not be stored as its draft.
func (s *Screen) storeTexts(id int64, report func(error)) {
	u := unstored{drafts: maps.Clone(s.unstored.drafts), sent: maps.Clone(s.unstored.sent)}
	kept := len(s.unkept[id])
	s.Work.Do(func(db *store.Store) error {
		c, err := db.Conversation(id)
		if err != nil {
			return err
		}
		return db.Draft(id, u.text(id, c.Draft))
	}, func(err error) {
		if err == nil || errors.Is(err, store.ErrNotFound) {
			delete(s.unstored.drafts, id)
			delete(s.unstored.sent, id)
			list := s.unkept[id]
			kept = min(kept, len(list))
			s.unkept[id] = list[kept:]
			callAll(list[:kept])
		}
		report(err)
	})
}

// retryTime is how long after a failure what could not be stored is tried again.
const retryTime = 5 * time.Second

// retryLater tries again and again to store what could not be, until all of it is stored. Then it closes the card that says so.
func (s *Screen) retryLater() {
	if s.retrying != nil || s.closed {
		return
	}
	s.retrying = time.AfterFunc(s.Retry, func() {
		s.Post(func() {
			s.retrying = nil
			if !s.Unstored() && !s.failing() {
				s.closeUnsaved()
				s.AllStored()
				return
			}
			s.storeAgain(func(error) {}) // which the card says already
			s.retryLater()
		})
	})
}

// failing reports whether an answer that is being written could not be stored.
func (s *Screen) failing() bool {
	for _, j := range s.jobs {
		if j.look().saveErr != nil {
			return true
		}
	}
	return false
}
